"""A re-INVITE on one leg becomes one on the other: hold, new streams, late offers; an UPDATE too where the other side
has none. Glare is answered with 491 (RFC 3261 §14, RFC 6337 §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.exchange import acknowledge, finish_late_offer
from seaway.call.b2bua.expiry import arm, timer_answer
from seaway.call.b2bua.headers import is_sdp, passed
from seaway.call.b2bua.invite_in import InviteIn
from seaway.call.b2bua.invite_out import InviteOut
from seaway.call.b2bua.origin import same_session
from seaway.call.b2bua.prack import take_reliable
from seaway.call.b2bua.sdp import SDP, deliver_to, restore
from seaway.core.sip.context import Context
from seaway.core.sip.offer_answer import OfferState
from seaway.wire.sip.message import Request, Response

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["ReInvite", "reinvite", "update"]

Headers = tuple[tuple[bytes, bytes], ...]


def reinvite(leg: Leg, context: Context, now: float) -> None:
    """An INVITE came inside the dialog of `leg`. Raises `SipError`."""
    stack, request, other = leg.stack, context.request, leg.peer
    if leg.invite_in is not None:  # RFC 3261 §14.2: one of its own is still open
        stack.respond(context, 500, now, headers=stack.retry_after())
        return
    if leg.invite_out is not None or not leg.offers.may_offer or other is None or not other.confirmed or other.busy:
        stack.respond(context, 491, now)
        return
    if not _timer_allows(leg, context, now):
        return
    leg.dialog.refresh(request)
    leg.learn(request)
    ongoing = ReInvite(leg, other, context)
    if is_sdp(request) and same_session(leg.remote_sdp, request.body) and leg.local_sdp:
        ongoing.refreshed(now)
    else:
        ongoing.start(now)


def update(leg: Leg, context: Context, now: float) -> bool:
    """An UPDATE came. True when it is dealt with here: a refresh, a refusal, or an offer for a peer without UPDATE.
    Raises `SipError`."""
    stack, request, other = leg.stack, context.request, leg.peer
    if not _timer_allows(leg, context, now):
        return True
    leg.dialog.refresh(request)
    leg.learn(request)
    if not is_sdp(request):
        stack.respond(
            context, 200, now, headers=(*leg.contact_headers(), *timer_answer(leg, request, now))
        )  # its session timer is this leg's own
        return True
    if other is None or b"UPDATE" in other.allow or not other.confirmed:
        return False
    refusal = leg.offers.refusal or (491 if leg.invite_out is not None or other.busy else None)
    if refusal is not None:
        stack.respond(context, refusal, now, headers=stack.retry_after() if refusal == 500 else ())
        return True
    ReInvite(leg, other, context).start(now)
    return True


def _timer_allows(leg: Leg, context: Context, now: float) -> bool:
    wanted = leg.timer.refusal(context.request)
    if wanted is not None:
        leg.stack.respond(context, 422, now, headers=((b"Min-SE", b"%d" % wanted),))
    return wanted is None


class ReInvite:
    """From `leg` to `other`. `incoming` is `None` when it is an UPDATE on the side that asks."""

    def __init__(self, leg: Leg, other: Leg, context: Context) -> None:
        self.leg = leg
        self.other = other
        self.context = context
        self.incoming = InviteIn(leg.stack, context, self) if context.request.method == b"INVITE" else None
        self.stack = leg.stack
        self._raw = b""
        self._out: InviteOut | None = None
        self._before = (leg.remote_sdp, other.local_sdp)
        self._over = False
        if self.incoming is not None:
            leg.invite_in = self.incoming

    def start(self, now: float) -> None:
        self.leg.call.pending.append(self)
        if self.incoming is not None:
            self.stack.proxy.trying(self.context, now)
        if not is_sdp(self.context.request):
            self._send(b"", now)
            return
        self.leg.offers.received_offer()
        deliver_to(self.stack, self.leg, self.context.request.body, self._send, self._refuse, now, answer=False)

    def refreshed(self, now: float) -> None:
        """Nothing is new: the peer only says that it is there (RFC 4028 §7.4)."""
        assert self.incoming is not None
        headers = timer_answer(self.leg, self.context.request, now)
        self.incoming.accept(self.leg, now, headers, self.leg.local_sdp)

    def _send(self, told: bytes, now: float) -> None:
        if self._over:
            return
        other = self.other
        if other.busy or not other.confirmed:
            self._refuse(491, "the other side has a request of its own open")
            return
        headers = (*other.contact_headers(), *other.timer.request_headers(), *passed(self.context.request))
        if not told:  # RFC 3262 §5: an offer in a reliable response would need its answer in PRACK
            headers = tuple((n, b"timer, replaces" if n == b"Supported" else v) for n, v in headers)
        request = other.dialog.request(b"INVITE", (*headers, *(SDP if told else ())))
        where = other.where(request, now)
        if where is None:
            self._refuse(480, "the other side cannot be reached")
            return
        if told:
            request.set_body(told)
            other.offers.offered()
        self._out = other.invite_out = InviteOut(self.stack, request, where, self)
        self._out.send(now)

    # -- InviteUser

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        if not take_reliable(self.other, response, now):
            return
        if is_sdp(response):
            self._raw = response.body
        if self.incoming is not None and not self._over:
            self.incoming.provisional(self.leg, response.status, now, passed(response, response=True))

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        other = self.other
        other.dialog.confirm(response)
        other.learn(response)
        other.timer.accepted(response, now)
        arm(other, now)
        raw = (response.body if is_sdp(response) else b"") or self._raw
        if self._over:  # the call ended meanwhile
            acknowledge(other, out, now)
            return
        if not raw:
            acknowledge(other, out, now)
            other.offers.rolled_back()
            self._refuse(500, "the other side answered without a description")
            return
        if other.offers.state is OfferState.OURS:
            other.offers.answered()
            acknowledge(other, out, now)
        else:
            other.offers.received_offer()
        headers = passed(response, response=True)
        deliver_to(
            self.stack, other, raw, lambda told, when: self._answer(told, headers, when), self._refuse, now,
            answer=is_sdp(self.context.request),
        )  # fmt: skip

    def _answer(self, told: bytes, headers: Headers, now: float) -> None:
        if self._over:
            return
        self._finish()
        leg = self.leg
        if leg.offers.state is OfferState.THEIRS:
            leg.offers.answered()
        else:
            leg.offers.offered()
        self.settled(now)
        headers = (*timer_answer(leg, self.context.request, now), *headers)
        if self.incoming is None:
            self.stack.respond(
                self.context, 200, now, headers=(*leg.contact_headers(), *headers), body=told, content=SDP
            )
        else:
            self.incoming.accept(leg, now, headers, told)

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        self.other.invite_out = None
        self.other.offers.rolled_back()
        if self._over:
            return
        if status == 422 and response is not None and self.other.timer.too_small(response):
            self._send(self.other.local_sdp if is_sdp(self.context.request) else b"", now)
            return
        gone = response is None or status in (408, 481)
        self._refuse(
            500 if gone else status, f"answered with {status}", passed(response, response=True) if response else ()
        )
        if gone:  # RFC 3261 §12.2.1.2: the dialog is over
            self.leg.call.end(f"a re-INVITE was answered with {status}", now)

    def _refuse(self, status: int, why: str, headers: Headers = ()) -> None:
        """The session stays what it was."""
        if self._over:
            return
        now = self.stack.clock
        self._finish()
        self.leg.offers.rolled_back()
        if self.leg.invite_in is self.incoming:
            self.leg.invite_in = None
        self.undone(now)
        self.stack.log("b2bua.change_refused", status=status, why=why, **self.leg.media.facts())
        self.stack.respond(self.context, status, now, headers=headers)
        if self.other.offers.state is OfferState.THEIRS and self._out is not None:  # its late offer has no answer
            self.leg.call.end(why, now)

    def settled(self, now: float) -> None:
        """It is agreed; the answer goes out next."""

    def undone(self, now: float) -> None:
        """It was refused."""
        restore(self.stack, self.leg, self._before, now)

    def _finish(self) -> None:
        self._over = True
        if self in self.leg.call.pending:
            self.leg.call.pending.remove(self)

    # -- ServerUser

    def timed_out(self, now: float) -> None:
        """Nobody gives it a time."""

    def cancelled(self, now: float) -> None:
        if self._out is not None and not self._out.final:
            self._out.cancel(now)  # its answer, 487 or still 200, is ours
        else:
            self._refuse(487, "cancelled")

    def acknowledged(self, leg: Leg, request: Request, now: float) -> None:
        finish_late_offer(self.stack, leg, request, leg.call, now)

    def unacknowledged(self, leg: Leg, now: float) -> None:
        leg.call.end("an answer was not acknowledged", now)

    def unpracked(self, leg: Leg, now: float) -> None:
        self._refuse(504, "a provisional response was not acknowledged")

    def abandon(self, status: int, headers: Headers, now: float) -> None:
        self._over = True
        self.stack.respond(self.context, 487, now, headers=headers)
        if self.leg.invite_in is self.incoming:
            self.leg.invite_in = None
