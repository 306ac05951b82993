"""When the session timer of a leg is looked at again (RFC 4028 §10), and its part of our 2xx (§9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.wire.sip.message import Request

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["arm", "timer_answer"]


def arm(leg: Leg, now: float) -> None:
    """Wait for the next refresh, or for the end."""
    if leg.expiry is not None:
        leg.expiry.stop()
        leg.expiry = None
    leg.stack.note(leg.call)
    deadline = leg.timer.deadline
    if deadline is not None and leg.alive:
        delay = max(0.0, deadline - now)
        leg.expiry = leg.stack.timers.start(delay, now, lambda when: leg.stack.session_due(leg, when))


def timer_answer(leg: Leg, request: Request, now: float) -> tuple[tuple[bytes, bytes], ...]:
    """Agree on what `request` asks for, and wait anew."""
    headers = leg.timer.answer(request, now)
    arm(leg, now)
    return headers
