"""Requests inside the dialogs that are no INVITE, carried to the other leg and their answers back; with or without SDP.

A description in PRACK or UPDATE is an offer, or the answer to an offer in a reliable response (RFC 3262 §5, RFC 3311).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seaway.call.b2bua.ask import Ask
from seaway.call.b2bua.expiry import timer_answer
from seaway.call.b2bua.headers import content_of, is_sdp, passed
from seaway.call.b2bua.sdp import SDP, deliver_to, restore
from seaway.core.sip.context import Context
from seaway.core.sip.offer_answer import OfferState
from seaway.wire.sip.message import Response

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["Done", "Sender", "pass_on", "relay", "update_peer"]

Done = Callable[[int, Response | None, float], None]
Sender = Callable[[bytes, Done, float], bool]
"""Sends on the other leg with this description (b"": none), and lets it know the end; false: it cannot be sent."""


def relay(leg: Leg, context: Context, send: Sender, now: float) -> None:
    """Carry a PRACK or UPDATE of `leg`'s peer, with its description, to the other leg."""
    stack, other = leg.stack, leg.peer
    if other is None:
        stack.respond(context, 480, now)
        return
    if not is_sdp(context.request):
        if not send(b"", lambda status, response, when: _back(leg, context, status, response, when), now):
            stack.respond(context, 480, now)
        return
    answer = leg.offers.state is OfferState.OURS and context.request.method == b"PRACK"
    refusal = None if answer else leg.offers.refusal
    if refusal is None and not answer and not other.offers.may_offer:
        refusal = 491
    if refusal is not None:
        stack.respond(context, refusal, now, headers=stack.retry_after() if refusal == 500 else ())
        return
    before = (leg.remote_sdp, other.local_sdp)
    if not answer:
        leg.offers.received_offer()

    def failed(status: int, response: Response | None, when: float) -> None:
        if not answer:
            leg.offers.rolled_back()
            other.offers.rolled_back()
            restore(stack, leg, before, when)
        _back(leg, context, status, response, when)

    def done(status: int, response: Response | None, when: float) -> None:
        if response is None or status >= 300:
            failed(status, response, when)
        elif answer:
            _back(leg, context, status, response, when)
        elif not is_sdp(response):
            failed(500, None, when)  # an offer without an answer: it was not taken
        else:
            other.offers.answered()

            def told_back(told: bytes, later: float) -> None:
                leg.offers.answered()
                _back(leg, context, status, response, later, told)

            deliver_to(
                stack,
                other,
                response.body,
                told_back,
                lambda code, why: failed(code, None, stack.clock),
                when,
                answer=True,
            )

    def ready(told: bytes, when: float) -> None:
        if answer:
            leg.offers.answered()
            other.offers.answered()
        elif other.offers.may_offer:
            other.offers.offered()
        else:
            failed(491, None, when)
            return
        if not send(told, done, when):
            failed(480, None, when)

    deliver_to(
        stack, leg, context.request.body, ready, lambda code, why: failed(code, None, stack.clock), now, answer=answer
    )


def _back(leg: Leg, context: Context, status: int, response: Response | None, now: float, told: bytes = b"") -> None:
    """Answer the request on the leg that it came on."""
    headers = passed(response, response=True) if response is not None else ()
    if context.request.method == b"UPDATE":
        headers = (*headers, *leg.contact_headers())
        if status < 300:
            headers = (*headers, *timer_answer(leg, context.request, now))
    if response is None and status == 408:
        status = 504  # RFC 4320 §4.2: 408 is never the answer to a request that is no INVITE
    leg.stack.respond(context, status, now, headers=headers, body=told, content=SDP if told else ())


def update_peer(leg: Leg, context: Context, now: float) -> None:
    """An offer in UPDATE (or in a PRACK that is ours alone): UPDATE on the other leg."""
    other = leg.peer

    def send(told: bytes, done: Done, when: float) -> bool:
        assert other is not None
        headers = (*other.contact_headers(), *passed(context.request))
        return other.send(b"UPDATE", headers, told, SDP if told else (), Ask(done), when)

    if other is None or b"UPDATE" not in other.allow:
        leg.stack.respond(context, 488, now)
        return
    relay(leg, context, send, now)


def pass_on(leg: Leg, context: Context, now: float, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """INFO, MESSAGE, NOTIFY, OPTIONS and what else comes inside the dialog: to the other leg, body as it is."""
    stack, other, request = leg.stack, leg.peer, context.request
    if other is None or not other.alive:
        stack.respond(context, 480, now)
        return

    def done(status: int, response: Response | None, when: float) -> None:
        if response is None:
            stack.respond(context, 504 if status == 408 else status, when)
            return
        headers = passed(response, response=True)
        if request.method == b"OPTIONS":
            headers = (*headers, *leg.contact_headers())
        body = b"" if is_sdp(response) else response.body
        stack.respond(context, status, when, headers=headers, body=body, content=content_of(response) if body else ())

    headers = (*passed(request), *extra)
    if request.method in (b"REFER", b"NOTIFY", b"SUBSCRIBE", b"OPTIONS"):
        headers = (*other.contact_headers(), *headers)
    sent = other.send(
        request.method, headers, request.body, content_of(request) if request.body else (), Ask(done), now,
        context.hops,
    )  # fmt: skip
    if not sent:
        stack.respond(context, 480, now)
