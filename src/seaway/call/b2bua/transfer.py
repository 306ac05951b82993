"""A transfer that the B2BUA carries out (RFC 3515, RFC 5589, RFC 3725): the party that stays is joined with another.

The new party is called without an offer; its offer goes to the party that stays in a re-INVITE, the answer comes back
in the ACK. The transferor hears how it goes in NOTIFYs and is let go at the end. With Replaces that names a call of
ours the new party is the other end of that call (attended transfer).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seaway.call.b2bua.exchange import acknowledge
from seaway.call.b2bua.expiry import arm
from seaway.call.b2bua.headers import is_sdp
from seaway.call.b2bua.invite_out import InviteOut
from seaway.call.b2bua.inviting import near
from seaway.call.b2bua.leg import Leg
from seaway.call.b2bua.prack import take_reliable
from seaway.call.b2bua.referral import Referral, invitation
from seaway.call.b2bua.replaces import Replaces
from seaway.call.b2bua.sdp import SDP, deliver
from seaway.call.record import Call
from seaway.core.sip.context import Context, Target
from seaway.core.sip.dialog import Dialog
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.offer_answer import glare_delay
from seaway.core.sip.session_timer import SessionTimer
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Response
from seaway.wire.sip.nameaddr import NameAddr, uri_of

__all__ = ["Transfer"]

if TYPE_CHECKING:
    from seaway.call.zones import Zone

Headers = tuple[tuple[bytes, bytes], ...]
_MOST_TRIES = 4  # re-INVITEs of the party that stays, while it has one of its own


class Transfer:
    """`leg` has asked for it, `stays` is joined with the new party."""

    def __init__(self, leg: Leg, context: Context, target: NameAddr) -> None:
        assert leg.peer is not None
        self.leg = leg
        self.stays: Leg = leg.peer
        self._stack = leg.stack
        self._context = context
        self._target = target
        self._referral = Referral(leg, context.request)
        self._locating = 0
        self._tries = 0
        self._outs: dict[InviteOut, tuple[Target, SessionTimer]] = {}
        self._zone: Zone | None = None
        self._joined: Leg | None = None  # attended: the leg that is taken over, and
        self._replaced: Leg | None = None  # the one that it was joined with
        self._record: Call | None = None
        self._new: Leg | None = None
        self._over = False
        self._left = False

    # -- begin

    def start(self, now: float) -> None:
        """Raises `SipError` for a Refer-To that cannot be followed."""
        stack, leg = self._stack, self.leg
        if leg.transfer is not None or not self.stays.confirmed:
            stack.respond(self._context, 491, now)
            return
        where = invitation(self._target)
        replaced = leg.call.agent.named(where.replaces) if where.replaces is not None else None
        leg.transfer = self
        leg.call.pending.append(self)
        self._referral.accept(self._context, now)
        self._referral.notify(100, now)
        if replaced is not None and replaced.peer is not None and replaced.confirmed:
            self._join(replaced, replaced.peer, now)
        else:
            self._ask_policy(where.uri, where.replaces, now)

    def _ask_policy(self, uri: bytes, replaces: Replaces | None, now: float) -> None:
        """Whoever refers may reach what a call of his own may."""

        def permitted(target: bytes | None, status: int, why: str, when: float) -> None:
            if self._over:
                return
            if target is None:
                self._fail(status, why, when)
            else:
                self._call(target, replaces, when)

        leg, stack = self.leg, self._stack
        try:
            alias = stack.paths.alias(uri)
        except SipError as error:
            self._fail(error.status, error.what, now)
            return
        if alias is None:
            self._fail(404, "Refer-To has no user", now)
            return
        referrer = uri_of(leg.dialog.remote)
        stack.permit(self._context, leg.zone, referrer, leg.authenticated, uri, alias, permitted, now)

    def _call(self, uri: bytes, replaces: Replaces | None, now: float) -> None:
        stack = self._stack
        found, alias = stack.search(uri, self.leg.zone, self.leg.authenticated, now)
        if not found.targets:
            self._fail(found.status, found.why, now)
            return
        self._zone = found.zone or stack.zones.local
        self._begin_media(self._zone, found.targets[0].where, alias, now)
        extra: Headers = ((b"Replaces", replaces.serialise()),) if replaces is not None else ()
        call_id = stack.call_id()
        self._locating = len(found.targets)
        for target in found.targets:
            self._invite(target, alias, call_id, extra, now)

    def _invite(self, target: Target, alias: bytes, call_id: bytes, extra: Headers, now: float) -> None:
        """One INVITE to the new party."""

        def located(hop: Flow | Hop | None, when: float) -> None:
            assert self._zone is not None
            self._locating -= 1
            if self._over or self._new is not None:
                return
            if hop is None:
                self._all_refused(480, when)
                return
            timer, found = SessionTimer(self._stack.wishes(self._zone)), replace(target, where=hop)
            request = self._referral.invite(self.stays, found, alias, call_id, (*timer.request_headers(), *extra))
            out = InviteOut(self._stack, request, hop, self)
            self._outs[out] = (found, timer)
            out.send(when)

        self._stack.locate(target.where, located, now)

    def _join(self, replaced: Leg, joined: Leg, now: float) -> None:
        """The new party has a dialog already: it is asked for an offer in a re-INVITE."""
        if joined.busy or not joined.confirmed or joined.call is self.leg.call:
            self._fail(491, "the other call is busy", now)
            return
        self._replaced, self._joined = replaced, joined
        self._begin_media(joined.zone, joined.source, b"transfer", now)
        headers = (*joined.contact_headers(), *joined.timer.request_headers())
        request = joined.dialog.request(b"INVITE", headers)
        where = joined.where(request, now)
        if where is None:
            self._fail(480, "the other call cannot be reached", now)
            return
        out = joined.invite_out = InviteOut(self._stack, request, where, self)
        self._outs[out] = (Target(request.uri, where, joined.payload), joined.timer)
        out.send(now)

    def _begin_media(self, zone: Zone, where: object, alias: bytes, now: float) -> None:
        stays, anchor = self.stays, self._stack.anchor
        self._record = anchor.open(
            stays.dialog.call_id, stays.dialog.remote, stays.source if not stays.zone.traversal else None,
            (stays.zone, zone), anchor.legs(stays.zone, stays.source, zone, where), alias, now, self, where,
        )  # fmt: skip
        self._stack.secure(self._record, stays.zone, zone)

    # -- the new party (`InviteUser`)

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        if self._joined is not None:
            take_reliable(self._joined, response, now)
        self._referral.notify(response.status, now)

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        new = self._joined or self._leg_of(out, response)
        new.dialog.confirm(response)
        new.learn(response)
        new.source = out.flow
        if self._over or self._new is not None:
            if self._joined is None:
                new.bye(now)
            else:
                acknowledge(new, out, now)
            return
        self._new = new
        new.timer.accepted(response, now)
        for other in self._outs:
            if other is not out and not other.final:
                other.cancel(now)
        if not is_sdp(response):
            self._fail(500, "the new party made no offer", now)
            return
        new.offers.received_offer()
        new.remote_sdp = response.body
        assert self._record is not None
        deliver(
            self._stack, self._record, "b", new.source, response.body, self.stays.origin, self._ask, self._no_media,
            now, answer=False,
        )  # fmt: skip

    def _leg_of(self, out: InviteOut, response: Response) -> Leg:
        assert self._zone is not None
        target, timer = self._outs[out]
        new = Leg(
            self.leg.call, self._stack, Dialog.as_uac(out.request, response), self._zone, target.payload,
            self._stack.contact(near(target)), "b", timer,
        )  # fmt: skip
        new.invite_out = out
        self.leg.call.add(new)
        return new

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        if self._joined is not None:
            self._joined.invite_out = None
        self._all_refused(status, now)

    def _all_refused(self, status: int, now: float) -> None:
        if not self._over and self._new is None and not self._locating and all(each.final for each in self._outs):
            self._fail(status, "the new party refused", now)

    def _no_media(self, status: int, why: str) -> None:
        self._fail(status, why, self._stack.clock)

    # -- the party that stays

    def _ask(self, told: bytes, now: float) -> None:
        """The new party's offer goes to the party that stays."""
        stays = self.stays
        if self._over:
            return
        if stays.busy:  # its ACK is still on the way, or it is changing something itself
            self._ask_later(told, now)
            return
        request = stays.dialog.request(b"INVITE", (*stays.contact_headers(), *stays.timer.request_headers(), *SDP))
        request.set_body(told)
        where = stays.where(request, now)
        if where is None or not stays.confirmed:
            self._fail(480, "the party that stays cannot be reached", now)
            return
        stays.offers.offered()
        out = stays.invite_out = InviteOut(self._stack, request, where, _Second(self, told))
        out.send(now)

    def _ask_later(self, told: bytes, now: float) -> None:
        """RFC 3261 §14.1: wait a while, then try again."""
        self._tries += 1
        if self._tries > _MOST_TRIES:
            self._fail(491, "the party that stays has a request of its own open", now)
            return
        delay = glare_delay(self.stays.dialog.uac, self._stack.random(2))
        self._stack.timers.start(delay, now, lambda when: self._ask(told, when))

    def agreed(self, out: InviteOut, told: bytes, response: Response, now: float) -> None:
        """The party that stays answered."""
        stays, new = self.stays, self._new
        acknowledge(stays, out, now)
        stays.offers.answered()
        if self._over or new is None or not is_sdp(response):
            self._fail(500, "the party that stays made no answer", now)
            return
        stays.dialog.refresh(response)
        stays.timer.accepted(response, now)
        stays.local_sdp, stays.remote_sdp = told, response.body
        assert self._record is not None
        deliver(
            self._stack, self._record, "a", stays.source, response.body, new.origin, self._join_legs, self._no_media,
            now, answer=True,
        )  # fmt: skip

    def declined(self, told: bytes, status: int, now: float) -> None:
        """The party that stays refused the new session, for now (491) or for good."""
        self.stays.invite_out = None
        self.stays.offers.rolled_back()
        if status == 491 and not self._over:
            self._ask_later(told, now)
            return
        self._fail(status, "the party that stays refused", now)

    def _join_legs(self, answer: bytes, now: float) -> None:
        stays, new, record = self.stays, self._new, self._record
        if self._over or new is None or record is None or new.invite_out is None:
            return
        self._close(now)
        new.offers.answered()
        new.local_sdp = answer
        acknowledge(new, new.invite_out, now, answer)
        stays.peer, new.peer = new, stays
        stays.media = new.media = record
        stays.side, new.side = "a", "b"
        call = self.leg.call
        if self._replaced is not None:
            other = new.call
            other.legs.remove(new)
            call.legs.append(new)
            new.call = call
            self._replaced.peer = None
            other.end("transferred", now)
        call.take_record(record, "transferred", now)
        self._stack.anchor.answered(record, now)
        arm(stays, now)
        arm(new, now)
        self.leg.peer = None
        self._referral.notify(200, now, lambda when: self.leg.bye(when))

    # -- how it ends

    def left(self, now: float) -> None:
        """The transferor hung up; the transfer goes on."""
        self._left = True
        self.leg.transfer = None

    def _fail(self, status: int, why: str, now: float) -> None:
        if self._over:
            return
        self._close(now)
        self._stack.log("b2bua.transfer_failed", status=status, why=why, **self.leg.media.facts())
        self._undo(now)
        if self._left:
            self.leg.call.end("the transfer failed", now)
        else:
            self._referral.notify(status, now)

    def _close(self, now: float) -> None:
        self._over = True
        self.leg.transfer = None
        if self in self.leg.call.pending:
            self.leg.call.pending.remove(self)

    def _undo(self, now: float) -> None:
        for out in self._outs:
            if not out.final:
                out.cancel(now)
        if self._joined is not None:
            if self._new is not None:  # its late offer gets no answer: that call cannot go on
                self._joined.call.end("the transfer failed", now)
        elif self._new is not None:
            self._new.bye(now)
        if self._record is not None:
            self._record.agent = None
            self._stack.anchor.end(self._record, "the transfer failed", now)

    def abandon(self, status: int, headers: Headers, now: float) -> None:
        """The call ends."""
        self._over = True
        self._undo(now)

    def media_ended(self, reason: str, now: float) -> None:
        """The relay has lost the new session."""
        self._fail(503, reason, now)


class _Second:
    """`InviteUser` of the re-INVITE to the party that stays."""

    def __init__(self, transfer: Transfer, told: bytes) -> None:
        self._transfer = transfer
        self._told = told

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        take_reliable(self._transfer.stays, response, now)

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        self._transfer.agreed(out, self._told, response, now)

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        self._transfer.declined(self._told, status, now)
