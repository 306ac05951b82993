"""Offers and answers as they cross: what a description means on the leg that it came from or goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.headers import is_sdp
from seaway.call.b2bua.sdp import deliver_to
from seaway.core.sip.offer_answer import OfferState
from seaway.wire.sip.message import Request

if TYPE_CHECKING:
    from seaway.call.b2bua.call import B2buaCall
    from seaway.call.b2bua.invite_out import InviteOut
    from seaway.call.b2bua.leg import Leg
    from seaway.call.b2bua.stack import Stack

__all__ = ["acknowledge", "finish_late_offer", "give", "take"]


def take(leg: Leg) -> None:
    """A description of the peer counts: as the answer to ours, or as its offer."""
    if leg.offers.state is OfferState.OURS:
        leg.offers.answered()
    elif leg.offers.state is OfferState.STABLE:
        leg.offers.received_offer()


def give(leg: Leg) -> None:
    """A description that we send counts."""
    if leg.offers.state is OfferState.THEIRS:
        leg.offers.answered()
    elif leg.offers.state is OfferState.STABLE:
        leg.offers.offered()


def acknowledge(leg: Leg, out: InviteOut, now: float, body: bytes = b"") -> None:
    """ACK the 2xx of `leg`'s peer."""
    out.ack(leg.dialog, leg.where(leg.dialog.ack(out.number), now), now, body)
    leg.invite_out = None


def finish_late_offer(stack: Stack, leg: Leg, ack: Request, call: B2buaCall, now: float) -> None:
    """An ACK of `leg`'s peer: its answer goes to the other leg, whose ACK has waited for it (RFC 3264 §4)."""
    other = leg.peer
    if leg.offers.state is not OfferState.OURS or other is None or other.invite_out is None:
        return
    out = other.invite_out
    if not is_sdp(ack):
        call.end("the ACK brought no answer", now)
        return

    def ready(told: bytes, when: float) -> None:
        leg.offers.answered()
        other.offers.answered()
        acknowledge(other, out, when, told)

    deliver_to(stack, leg, ack.body, ready, lambda status, why: call.end(why, stack.clock), now, answer=True)
