"""One call through the B2BUA: its legs, and how all of it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from seaway.call.record import Call

if TYPE_CHECKING:
    from seaway.call.b2bua.agent import B2bua
    from seaway.call.b2bua.leg import Leg

__all__ = ["B2buaCall", "Pending"]

Headers = tuple[tuple[bytes, bytes], ...]


class Pending(Protocol):
    """Something of a call that is under way and has to be told when the call ends: the setup, a transfer."""

    def abandon(self, status: int, headers: Headers, now: float) -> None:
        """The call ends: answer what waits, cancel what was asked."""


class B2buaCall:
    """`record` is what `seaway status calls` shows and what the relay's session belongs to."""

    record: Call

    def __init__(self, agent: B2bua) -> None:
        self.agent = agent
        self.legs: list[Leg] = []
        self.pending: list[Pending] = []
        self.ended = False
        self.label = ""  # of its media session, as noted last

    def begin(self, record: Call) -> None:
        """Its first media session."""
        self.record = record
        self.agent.began(self)

    def add(self, leg: Leg) -> None:
        self.legs.append(leg)
        self.agent.add(leg)

    def forget(self, leg: Leg) -> None:
        """A leg is over; the call with its last."""
        if leg in self.legs:
            self.legs.remove(leg)
        self.agent.remove(leg)

    def media_ended(self, reason: str, now: float) -> None:
        """From the anchor: there is no media session any more."""
        self.end(reason, now, headers=((b"Reason", b'SIP ;cause=503 ;text="No media"'),))

    def take_record(self, record: Call, reason: str, now: float) -> None:
        """The call goes on with another media session."""
        old, self.record = self.record, record
        record.agent, old.agent = self, None
        self.agent.renamed(self, old, record)
        self.agent.anchor.end(old, reason, now)

    def end(self, reason: str, now: float, *, status: int = 487, headers: Headers = ()) -> None:
        """End everything: BYE on each leg that stands, `status` to who waits for an answer."""
        if self.ended:
            return
        self.ended = True
        for pending in tuple(self.pending):
            pending.abandon(status, headers, now)
        self.pending.clear()
        for leg in tuple(self.legs):
            if leg.confirmed:
                leg.bye(now, headers)
            else:
                leg.close()
        self.agent.ended(self, reason, now)
