"""A session description on its way from one leg to the other: through the relay, and with an `o=` of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seaway.call.b2bua.origin import Origin
from seaway.core.sip.io import Flow
from seaway.wire.sdp.session import Session
from seaway.wire.sip.message import Request

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg
    from seaway.call.b2bua.stack import Stack
    from seaway.call.record import Call
    from seaway.media.protocol import LegName

__all__ = ["SDP", "deliver", "deliver_to", "restore", "scrub"]

SDP = ((b"Content-Type", b"application/sdp"),)
_PERSONAL = (b"i=", b"u=", b"e=", b"p=")
_TELLING = frozenset((b"tool", b"x-tool", b"charset"))


def scrub(session: Session) -> None:
    """Take out what says where or what the sender is, and no media needs (RFC 8866 §5.4 to §5.6)."""
    session.lines[:] = [line for line in session.lines if not line.startswith(_PERSONAL)]
    session.remove_attributes(_TELLING)
    for media in session.media:
        media.remove_attributes(_TELLING)
        if not media.enabled and media.connection is not None:
            media.set_connection("0.0.0.0")  # the relay has no part in it, so nobody else writes over it


def deliver(
    stack: Stack, record: Call, side: LegName, source: Flow | None, body: bytes, origin: Origin,
    then: Callable[[bytes, float], None], refuse: Callable[[int, str], None], now: float, *, answer: bool,
) -> None:  # fmt: skip
    """Carry `body`, sent by `side` of `record`, to whoever has `origin`: `then` gets what to send. At once or later."""
    message = Request(b"", b"", [b"content-type"], [b"Content-Type: application/sdp"], body)
    stack.anchor.carry(
        record, message, side, source, lambda: then(origin.stamp(message.body), stack.clock), refuse, now,
        answer=answer, edit=scrub,
    )  # fmt: skip


def deliver_to(
    stack: Stack, leg: Leg, body: bytes, then: Callable[[bytes, float], None], refuse: Callable[[int, str], None],
    now: float, *, answer: bool,
) -> None:  # fmt: skip
    """Carry `body`, sent by the peer of `leg`, to the leg at the other end; both remember it."""
    other = leg.peer
    assert other is not None

    def ready(stamped: bytes, when: float) -> None:
        leg.remote_sdp, other.local_sdp = body, stamped
        then(stamped, when)

    deliver(stack, leg.media, leg.side, leg.source, body, other.origin, ready, refuse, now, answer=answer)


def restore(stack: Stack, leg: Leg, before: tuple[bytes, bytes], now: float) -> None:
    """An offer of `leg`'s peer was refused: the session is what it was, for the relay too (RFC 3261 §14.1)."""
    other = leg.peer
    leg.remote_sdp, told = before
    if other is None:
        return
    other.local_sdp = told
    if leg.remote_sdp:
        deliver(
            stack, leg.media, leg.side, leg.source, leg.remote_sdp, other.origin.copy(),
            lambda unused, when: None, lambda status, why: None, now, answer=False,
        )  # fmt: skip
    stack.anchor.settled(leg.media, failed=True)
