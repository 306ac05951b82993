"""Session timers of each leg (RFC 4028): refreshed by us or watched by us; when one is over the call ends on both legs.

A leg whose peer knows no timers is refreshed by us all the same, so that a call with a dead peer always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.ask import Ask
from seaway.call.b2bua.exchange import acknowledge
from seaway.call.b2bua.expiry import arm
from seaway.call.b2bua.headers import is_sdp
from seaway.call.b2bua.invite_out import InviteOut
from seaway.call.b2bua.prack import take_reliable
from seaway.call.b2bua.sdp import SDP, deliver
from seaway.core.sip.offer_answer import glare_delay
from seaway.wire.sip.message import Response

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["due", "expire"]

_EXPIRED = ((b"Reason", b'SIP ;cause=408 ;text="Session expired"'),)
_AGAIN = 10.0  # seconds until a refresh that failed for no clear reason is tried again


def due(leg: Leg, now: float) -> None:
    """The timer of `leg` fired."""
    if not leg.confirmed:
        return
    if leg.timer.ours:
        _refresh(leg, now)
    else:
        expire(leg, now)


def expire(leg: Leg, now: float) -> None:
    """The session is over (RFC 4028 §10)."""
    leg.stack.counters["b2bua.sessions_expired"] += 1
    leg.call.end(f"the session of the {'caller' if leg.side == 'a' else 'callee'} expired", now, headers=_EXPIRED)


def _later(leg: Leg, delay: float, now: float) -> None:
    """Try again after `delay`, unless the session is over by then."""
    over = leg.timer.since + leg.timer.interval - min(32.0, leg.timer.interval / 3)
    if not leg.confirmed:
        return
    if now + delay >= over:
        expire(leg, now)
        return
    if leg.expiry is not None:
        leg.expiry.stop()
    leg.expiry = leg.stack.timers.start(delay, now, lambda when: due(leg, when))


def _refresh(leg: Leg, now: float) -> None:
    if leg.busy:
        _later(leg, glare_delay(leg.dialog.uac, leg.stack.random(2)), now)
        return
    headers = (*leg.contact_headers(), *leg.timer.request_headers())
    if b"UPDATE" in leg.allow or not leg.local_sdp:
        ask = Ask(lambda status, response, when: _done(leg, status, response, when))
        if leg.send(b"UPDATE", headers, b"", (), ask, now) is False:
            _later(leg, _AGAIN, now)
        return
    request = leg.dialog.request(b"INVITE", (*headers, *SDP))
    request.set_body(leg.local_sdp)
    where = leg.where(request, now)
    if where is None:
        _later(leg, _AGAIN, now)
        return
    out = leg.invite_out = InviteOut(leg.stack, request, where, _RefreshInvite(leg))
    leg.offers.offered()
    out.send(now)


def _done(leg: Leg, status: int, response: Response | None, now: float) -> None:
    """The answer to a refresh."""
    if not leg.confirmed:
        return
    if response is not None and status < 300:
        leg.dialog.refresh(response)
        leg.learn(response)
        leg.timer.accepted(response, now)
        arm(leg, now)
    elif status in (408, 481) or response is None:
        expire(leg, now)
    elif status == 422 and leg.timer.too_small(response):
        _refresh(leg, now)
    elif status in (405, 501) and b"UPDATE" in leg.allow:
        leg.allow -= {b"UPDATE"}
        _refresh(leg, now)
    else:
        _later(leg, glare_delay(leg.dialog.uac, leg.stack.random(2)) if status == 491 else _AGAIN, now)


class _RefreshInvite:
    """`InviteUser` of a refresh by re-INVITE: nothing in it is new (RFC 4028 §7.4)."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        take_reliable(self._leg, response, now)

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        leg = self._leg
        acknowledge(leg, out, now)
        leg.offers.answered()
        if is_sdp(response) and response.body != leg.remote_sdp and leg.peer is not None:
            leg.remote_sdp = response.body
            deliver(
                leg.stack, leg.media, leg.side, leg.source, response.body, leg.peer.origin.copy(),
                lambda told, when: None, lambda status, why: None, now, answer=True,
            )  # fmt: skip
        _done(leg, response.status, response, now)

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        self._leg.invite_out = None
        self._leg.offers.rolled_back()
        _done(self._leg, status, response, now)
