"""An INVITE that came, until its ACK: provisional responses (reliable ones until their PRACK), the 2xx again and again.

RFC 3261 §13.3.1.4: a 2xx is repeated by us, from T1 to T2, until the ACK; after 64*T1 without one the call ends.
RFC 3262 §3: so is a reliable provisional response; without a PRACK the INVITE fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from seaway.call.b2bua.timers import Timer
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import option_tags
from seaway.core.sip.reliable import Outstanding
from seaway.core.sip.timers import T1, T2, TIMEOUT
from seaway.wire.sip.message import Request

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg
    from seaway.call.b2bua.stack import Stack

__all__ = ["InviteIn", "Provisional", "ServerUser"]

Headers = tuple[tuple[bytes, bytes], ...]


class ServerUser(Protocol):
    """Who answers an INVITE."""

    def cancelled(self, now: float) -> None:
        """CANCEL came; 200 to it is out."""

    def timed_out(self, now: float) -> None:
        """Those who are asked have had their time."""

    def acknowledged(self, leg: Leg, request: Request, now: float) -> None:
        """The ACK for our 2xx, the first time."""

    def unacknowledged(self, leg: Leg, now: float) -> None:
        """No ACK for our 2xx in 64*T1."""

    def unpracked(self, leg: Leg, now: float) -> None:
        """No PRACK for a reliable response in 64*T1."""


class Provisional:
    """A reliable response that is kept: `onward` is the user's, for what its PRACK has to do on the other leg."""

    __slots__ = ("body", "content", "data", "headers", "onward", "status", "timer")

    def __init__(self, status: int, headers: Headers, body: bytes, content: Headers, onward: object) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.content = content
        self.onward = onward
        self.data = b""
        self.timer: Timer | None = None


class InviteIn:
    """`answered` is the leg whose dialog the 2xx confirmed."""

    __slots__ = (
        "_interval", "_ok", "_since", "_timer", "answered", "awaits_ack", "context", "required", "stack", "supported",
        "user",
    )  # fmt: skip

    def __init__(self, stack: Stack, context: Context, user: ServerUser) -> None:
        self.stack = stack
        self.context = context
        self.user = user
        self.required = b"100rel" in option_tags(context.request, b"require")
        self.supported = self.required or b"100rel" in option_tags(context.request, b"supported")
        self.answered: Leg | None = None
        self.awaits_ack = False
        self._ok = b""
        self._since = 0.0
        self._interval = T1
        self._timer: Timer | None = None
        context.agent = self

    @property
    def open(self) -> bool:
        """Whether there is no final response yet."""
        return self.context.server.request is not None

    def cancelled(self, now: float) -> None:
        """From the proxy: CANCEL came."""
        if self.open:
            self.user.cancelled(now)

    def timed_out(self, now: float) -> None:
        """From a policy script: the time that it gives is over."""
        if self.open:
            self.user.timed_out(now)

    # -- provisional

    def provisional(
        self, leg: Leg, status: int, now: float, headers: Headers = (), body: bytes = b"", content: Headers = (),
        *, reliable: bool = False, onward: object = None,
    ) -> None:  # fmt: skip
        """Send a 101 to 199 in the dialog of `leg`."""
        if not self.open:
            return
        headers = (*leg.contact_headers(), *headers)
        if not reliable:
            data = self.stack.build(
                self.context, status, tag=leg.dialog.local_tag, headers=headers, body=body, content=content
            )
            self.stack.layer.respond(self.context.server, data, status, now)
            return
        item = Provisional(status, headers, body, content, onward)
        outstanding = leg.sender.send(item, now)
        if outstanding is not None:
            self._reliable(leg, outstanding, now)

    def _reliable(self, leg: Leg, outstanding: Outstanding, now: float) -> None:
        item: Provisional = outstanding.item
        headers = (*item.headers, (b"Require", b"100rel"), (b"RSeq", b"%d" % outstanding.number))
        item.data = self.stack.build(
            self.context, item.status, tag=leg.dialog.local_tag, headers=headers, body=item.body, content=item.content
        )
        self.stack.layer.respond(self.context.server, item.data, item.status, now)
        item.timer = self.stack.timers.start(T1, now, lambda when: self._again(leg, outstanding, when))

    def _again(self, leg: Leg, outstanding: Outstanding, now: float) -> None:
        if not self.open or leg.sender.current is not outstanding:
            return
        delay = leg.sender.again(now)
        if delay is None:
            self.user.unpracked(leg, now)
            return
        item: Provisional = outstanding.item
        self.stack.layer.respond(self.context.server, item.data, item.status, now)
        item.timer = self.stack.timers.start(delay, now, lambda when: self._again(leg, outstanding, when))

    def pracked(self, leg: Leg, number: int, now: float) -> Provisional | None:
        """A PRACK with this RSeq: what it acknowledges, `None` when there is no such: 481."""
        found = leg.sender.acknowledged(number)
        if found is None:
            return None
        item: Provisional = found.item
        if item.timer is not None:
            item.timer.stop()
        return item

    def next_provisional(self, leg: Leg, now: float) -> None:
        """After the answer to a PRACK: what had to wait."""
        following = leg.sender.next(now) if self.open else None
        if following is not None:
            self._reliable(leg, following, now)

    # -- final

    def accept(self, leg: Leg, now: float, headers: Headers = (), body: bytes = b"") -> None:
        """Send 200 in the dialog of `leg`, until its ACK comes."""
        if not self.open:
            return
        content: Headers = ((b"Content-Type", b"application/sdp"),) if body else ()
        leg.sender.stop()
        self._ok = self.stack.build(
            self.context, 200, tag=leg.dialog.local_tag, headers=(*leg.contact_headers(), *headers), body=body,
            content=content,
        )  # fmt: skip
        self.answered, self.awaits_ack, self._since, self._interval = leg, True, now, T1
        self.stack.layer.respond(self.context.server, self._ok, 200, now)
        self._timer = self.stack.timers.start(T1, now, self._repeat)

    def _repeat(self, now: float) -> None:
        leg = self.answered
        assert leg is not None
        left = self._since + TIMEOUT - now
        if left <= 1e-6:
            self.awaits_ack = False
            if leg.invite_in is self:
                leg.invite_in = None
            self.stack.counters["sip.ack.missing"] += 1
            self.user.unacknowledged(leg, now)
            if leg.bye_waits is not None:  # the call ended before, only this dialog has waited
                leg.bye(now, leg.bye_waits)
            return
        self.stack.layer.respond(self.context.server, self._ok, 200, now)
        self._interval = min(2 * self._interval, T2)
        self._timer = self.stack.timers.start(min(self._interval, left), now, self._repeat)

    def refuse(self, status: int, now: float, headers: Headers = (), tag: bytes | None = None) -> None:
        """Answer with a failure."""
        self.stack.respond(self.context, status, now, tag=tag or self.stack.tag(), headers=headers)

    def acknowledged(self) -> bool:
        """The ACK came; false when it came before."""
        if not self.awaits_ack:
            return False
        self.awaits_ack = False
        if self._timer is not None:
            self._timer.stop()
        if self.answered is not None and self.answered.invite_in is self:
            self.answered.invite_in = None
        return True
