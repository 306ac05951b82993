"""PRACK (RFC 3262): sent for the callee's reliable responses, and answered when the caller sends it for ours.

When a response was reliable on both legs, the caller's PRACK is the callee's, body included; else each leg is on its
own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seaway.call.b2bua.ask import Ask
from seaway.call.b2bua.headers import is_sdp
from seaway.call.b2bua.relay import relay, update_peer
from seaway.call.b2bua.sdp import SDP
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import cseq_number, option_tags
from seaway.core.sip.reliable import rack_of, rseq_of
from seaway.wire.sip.message import Response

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["Onward", "answer_prack", "send_prack", "take_reliable"]


class Onward:
    """The callee's response that waits for the caller's PRACK."""

    __slots__ = ("leg", "rseq")

    def __init__(self, leg: Leg, rseq: int) -> None:
        self.leg = leg
        self.rseq = rseq


def send_prack(
    leg: Leg, rseq: int, body: bytes, done: Callable[[int, Response | None, float], None] | None, now: float
) -> bool:
    """Acknowledge the reliable response `rseq` of `leg`'s peer; false when the peer cannot be reached."""
    out = leg.invite_out
    if out is None:
        return False
    rack = ((b"RAck", b"%d %d INVITE" % (rseq, out.number)),)
    ask = Ask(done if done is not None else lambda status, response, when: None)
    return leg.send(b"PRACK", rack, body, SDP if body else (), ask, now)


def take_reliable(leg: Leg, response: Response, now: float) -> bool:
    """Acknowledge a reliable response to an INVITE inside the dialog; false when it is a repetition."""
    if b"100rel" not in option_tags(response, b"require") or b"rseq" not in response.names:
        return True
    number = rseq_of(response)
    if not leg.receiver.accept(number):
        return False
    send_prack(leg, number, b"", None, now)
    return True


def answer_prack(leg: Leg, context: Context, now: float) -> None:
    """A PRACK came for a response of ours. Raises `SipError`."""
    stack, incoming = leg.stack, leg.invite_in
    number, cseq, method = rack_of(context.request)
    item = None
    if incoming is not None and method == b"INVITE" and cseq == cseq_number(incoming.context.request):
        item = incoming.pracked(leg, number, now)
    if incoming is None or item is None:
        stack.respond(context, 481, now)
        return
    onward = item.onward
    if isinstance(onward, Onward):

        def send(told: bytes, done: Callable[[int, Response | None, float], None], when: float) -> bool:
            return send_prack(onward.leg, onward.rseq, told, done, when)

        relay(leg, context, send, now)
    elif is_sdp(context.request):
        update_peer(leg, context, now)
    else:
        stack.respond(context, 200, now)
    incoming.next_provisional(leg, now)
