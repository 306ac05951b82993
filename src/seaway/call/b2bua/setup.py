"""A call comes up: the INVITE goes to every target, early dialogs are shown to the caller, the first 2xx wins.

Each early dialog of the callee's side has one of its own on the caller's side (RFC 3261 §12.1, §13.2.2.4), so that
PRACK and UPDATE of a fork meet the right one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.exchange import acknowledge, finish_late_offer, give, take
from seaway.call.b2bua.expiry import arm
from seaway.call.b2bua.headers import is_sdp, passed
from seaway.call.b2bua.invite_in import InviteIn
from seaway.call.b2bua.invite_out import InviteOut
from seaway.call.b2bua.inviting import Inviting, Part, near
from seaway.call.b2bua.leg import Leg
from seaway.call.b2bua.origin import Origin
from seaway.call.b2bua.prack import Onward, send_prack
from seaway.call.b2bua.sdp import SDP, deliver, deliver_to
from seaway.call.b2bua.stack import Stack
from seaway.call.description import description_of
from seaway.call.record import Call
from seaway.call.search_record import Candidate
from seaway.core.sip.dialog import Dialog, option_tags
from seaway.core.sip.offer_answer import OfferState
from seaway.core.sip.reliable import rseq_of
from seaway.core.sip.session_timer import SessionTimer
from seaway.media.protocol import LegRequest
from seaway.wire.sip.message import Request, Response
from seaway.wire.sip.nameaddr import tag_of

if TYPE_CHECKING:
    from seaway.call.b2bua.call import B2buaCall
    from seaway.call.search import Group, Search

__all__ = ["Setup"]

Headers = tuple[tuple[bytes, bytes], ...]
Legs = tuple[LegRequest, LegRequest]
_MAX_FORKS = 16  # early dialogs of one call


class Fork:
    """One early dialog on both sides. `raw` is the callee's description as it came last."""

    __slots__ = ("a", "b", "raw")

    def __init__(self, a: Leg, b: Leg) -> None:
        self.a = a
        self.b = b
        self.raw = b""


class Setup:
    """One call from its INVITE to the 2xx, or to its failure."""

    def __init__(self, stack: Stack, call: B2buaCall, search: Search, timer: SessionTimer) -> None:
        context = search.context
        self._stack = stack
        self._call = call
        self._search = search
        self._context = context
        self._zone = search.zone
        self._incoming = InviteIn(stack, context, self)
        described = description_of(context.request)
        self._offer = described.sdp if described is not None else b""
        self._parts: dict[Legs, Part] = {}
        self._waiting = 0  # parts of the present group for which the relay has no ports yet
        self._timer = timer
        self._contact = stack.contact(context.flow)
        self._forks: dict[tuple[InviteOut, bytes], Fork] = {}
        self._bare_tag = stack.tag()
        self._winner: Fork | None = None
        self._over = False
        self._inviting = Inviting(
            stack, context, self, can_prack=self._incoming.supported, described=described,
        )  # fmt: skip
        call.pending.append(self)

    # -- the INVITE

    def ask(self, group: Group, now: float) -> None:
        """Send it to a group, once the relay has ports for its offer."""
        parts: dict[Legs, Group] = {}
        for one in group:
            legs = self._stack.anchor.legs(self._zone, self._context.flow, one.zone, one.target.where)
            parts.setdefault(legs, []).append(one)
        self._inviting.fresh = []
        self._waiting = len(parts)
        for legs, some in parts.items():
            self._ask(legs, some, now)

    def _ask(self, legs: Legs, some: Group, now: float) -> None:
        part = self._parts.get(legs)
        if part is not None:
            self._invite(part, some, now)
            return
        part = self._parts[legs] = Part(self._record(legs, some[0], now), Origin(self._stack.random(8)))
        if not self._offer:
            self._invite(part, some, now)
            return

        def ready(told: bytes, when: float) -> None:
            part.told = told
            self._invite(part, some, when)

        def refuse(status: int, why: str) -> None:
            self._stack.log("b2bua.no_media", "warning", why=why, **part.record.facts())
            self._search.record.passed_over(why)
            self._waiting -= 1
            self._inviting.failed(status)
            self.all_failed(self._stack.clock)

        deliver(
            self._stack,
            part.record,
            "a",
            self._context.flow,
            self._offer,
            part.origin,
            ready,
            refuse,
            now,
            answer=False,
        )

    def _record(self, legs: Legs, one: Candidate, now: float) -> Call:
        context, call = self._context, self._call
        flow = None if self._zone.traversal else context.flow
        record = self._stack.anchor.open(
            context.call_id, context.request.require(b"from"), flow, (self._zone, one.zone), legs, self._search.alias,
            now, call, one.target.where,
        )  # fmt: skip
        if not self._parts:
            call.begin(record)
        return self._stack.secure(record, self._zone, one.zone or self._stack.zones.local)

    def _invite(self, part: Part, some: Group, now: float) -> None:
        self._waiting -= 1
        for one in some:
            if self._over or self._winner is not None:
                return
            self._inviting.invite(one.target, one.zone or self._stack.zones.local, part, now)

    def all_failed(self, now: float) -> None:
        """Nothing of the group is open any more: the search may have others, else the caller hears of the failure."""
        fresh = self._inviting.fresh
        if self._over or self._waiting or self._inviting.open:
            return
        if max(fresh, default=0) < 600 and self._search.go_on(fresh, now):
            if not self._incoming.open:  # policy has answered
                self._call.end("answered by policy", now)
            return
        self.given_up(now)

    def given_up(self, now: float) -> None:
        """The search has no more."""
        status, response = self._inviting.best() if self._inviting.failures else (480, None)
        headers = passed(response, response=True) if response is not None else ()
        code = status
        if 300 <= code < 400 or code in (430, 487):
            code = 480  # where else to try is for the node to decide; its addresses are not for the caller
        elif code == 503 and response is not None:
            code, headers = 500, ()  # RFC 3261 §16.7 step 6: it says nothing of us
        self._call.end(f"refused with {status}", now, status=code, headers=headers)

    def _no_media(self, status: int, why: str) -> None:
        """The description of the answer cannot be carried."""
        self._stack.log("b2bua.no_media", "warning", why=why, **self._call.record.facts())
        self._search.record.passed_over(why)
        self._call.end(why, self._stack.clock, status=status)

    # -- forks

    def _fork(self, out: InviteOut, response: Response) -> Fork | None:
        """The pair of dialogs that `response` belongs to; `None`: one fork too many. Raises `SipError`."""
        tag = tag_of(response.require(b"to")) or b""
        known = self._forks.get((out, tag))
        if known is not None:
            return known
        if len(self._forks) >= _MAX_FORKS:
            return None
        b = self._callee(out, response)
        a = Leg(
            self._call, self._stack, Dialog.as_uas(self._context.request, self._stack.tag()), self._zone,
            self._context.payload, self._contact, "a", self._timer,
        )  # fmt: skip
        a.media = b.media
        a.learn(self._context.request)
        a.source, a.invite_in = self._context.flow, self._incoming
        a.authenticated = self._context.authenticated
        if self._offer:
            a.offers.received_offer()
            a.remote_sdp = self._offer
        a.peer, b.peer = b, a
        fork = self._forks[out, tag] = Fork(a, b)
        self._call.add(a)
        self._call.add(b)
        return fork

    def _callee(self, out: InviteOut, response: Response) -> Leg:
        trail = self._inviting.branches[out]
        b = Leg(
            self._call, self._stack, Dialog.as_uac(out.request, response), trail.zone, trail.target.payload,
            self._stack.contact(near(trail.target)), "b", trail.timer,
        )  # fmt: skip
        b.invite_out, b.source = out, out.flow
        b.media, b.origin = trail.part.record, trail.part.origin.copy()
        if trail.part.told:
            b.offers.offered()
            b.local_sdp = trail.part.told
        return b

    # -- InviteUser

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        if self._over or self._winner is not None:
            return
        headers = passed(response, response=True)
        tagged = tag_of(response.require(b"to")) is not None and b"contact" in response.names
        fork = self._fork(out, response) if tagged else None
        if fork is None:
            data = self._stack.build(
                self._context, response.status, tag=self._bare_tag, headers=((b"Contact", self._contact), *headers)
            )
            self._stack.layer.respond(self._context.server, data, response.status, now)
            return
        fork.b.learn(response)
        reliable = b"100rel" in option_tags(response, b"require") and b"rseq" in response.names
        if reliable and not fork.b.receiver.accept(rseq_of(response)):
            return
        if not is_sdp(response):
            self._show(fork, response, reliable, b"", headers, now)
            return
        fork.raw = response.body
        deliver_to(
            self._stack, fork.b, response.body,
            lambda told, when: self._show(fork, response, reliable, told, headers, when), self._no_early_media, now,
            answer=bool(self._offer),
        )  # fmt: skip

    def _no_early_media(self, status: int, why: str) -> None:
        self._stack.log("b2bua.early_media_dropped", "warning", why=why, **self._call.record.facts())

    def _show(self, fork: Fork, response: Response, reliable: bool, told: bytes, headers: Headers, now: float) -> None:
        """Let the caller see a provisional response; reliably when it wants that, or both sides can."""
        if self._over or not fork.a.alive:
            return
        onwards = reliable and self._incoming.supported
        if told:
            for leg in (fork.b,) if reliable else ():
                take(leg)
            if onwards or self._incoming.required:
                give(fork.a)
        onward = Onward(fork.b, rseq_of(response)) if onwards else None
        self._incoming.provisional(
            fork.a, response.status, now, headers, told, SDP if told else (),
            reliable=onwards or self._incoming.required, onward=onward,
        )  # fmt: skip
        if reliable and not onwards:
            send_prack(fork.b, rseq_of(response), b"", None, now)

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        taken = self._over or self._winner is not None or not self._incoming.open
        fork = self._fork(out, response) if not taken else None
        if fork is None:
            late = self._callee(out, response)  # RFC 3261 §13.2.2.4: one too many gets ACK and BYE
            late.dialog.confirm(response)
            self._stack.counters["b2bua.answers_too_many"] += 1
            late.bye(now)
            return
        self._winner = fork
        b = fork.b
        b.dialog.confirm(response)
        b.learn(response)
        b.source = out.flow
        b.timer.accepted(response, now)
        self._inviting.over = True
        self._inviting.cancel(now, but=out)
        body = response.body if is_sdp(response) else b""
        if b.offers.done:
            body = b""  # it was answered in a reliable response before (RFC 6337 §3.1.1)
        raw = body or fork.raw
        if b.offers.state is OfferState.OURS and not raw:
            self._stack.log("b2bua.no_answer", "warning", **self._call.record.facts())
            self._call.end("answered without a description", now, status=502)
            return
        if body or b.offers.state is OfferState.OURS:
            take(b)
        headers = passed(response, response=True)
        if raw and not fork.a.offers.done:
            deliver_to(
                self._stack, b, raw, lambda told, when: self._answer(fork, out, told, headers, when), self._no_media,
                now, answer=bool(self._offer),
            )  # fmt: skip
        else:
            if raw and len(self._forks) > 1:  # the relay may have been told of another fork since
                deliver_to(
                    self._stack, b, raw, lambda told, when: None, self._no_early_media, now, answer=bool(self._offer)
                )
            self._answer(fork, out, b"", headers, now)

    def _answer(self, fork: Fork, out: InviteOut, told: bytes, headers: Headers, now: float) -> None:
        """The 2xx goes to the caller."""
        if self._over:
            return
        a, b = fork.a, fork.b
        self._over = True
        self._call.pending.remove(self)
        self._settle(b.media, now)
        a.dialog.confirm()
        if told:
            give(a)
        if b.offers.state is not OfferState.THEIRS:
            acknowledge(b, out, now)
        timer = a.timer.answer(self._context.request, now)
        self._incoming.accept(a, now, (*timer, *headers), told)
        for other in self._forks.values():
            if other is not fork:
                other.a.close()
                other.b.close()
        self._stack.anchor.answered(self._call.record, now)
        arm(a, now)
        arm(b, now)
        self._search.finished(200, now)

    def _settle(self, record: Call, now: float) -> None:
        """The call has the media session of the winner; those of other parts end."""
        if record is not self._call.record:
            self._call.take_record(record, "another fork answered", now)
        for part in self._parts.values():
            if part.record is not record:
                part.record.agent = None
                self._stack.anchor.end(part.record, "another fork answered", now)

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        for (branch, _), fork in self._forks.items():
            if branch is out and fork is not self._winner:
                fork.a.close()
                fork.b.close()
        if self._winner is not None and self._winner.b.invite_out is out and not self._over:
            self._call.end("the answer of the callee cannot be used", now, status=502)
        else:
            self._inviting.refused(out, status, response, now)

    # -- ServerUser

    def timed_out(self, now: float) -> None:
        self._inviting.cancel(now)

    def cancelled(self, now: float) -> None:
        self._call.end("cancelled by the caller", now, status=487)

    def acknowledged(self, leg: Leg, request: Request, now: float) -> None:
        """The caller's ACK: with the answer, when the offer was in our 2xx."""
        assert self._winner is not None
        finish_late_offer(self._stack, leg, request, self._call, now)

    def unacknowledged(self, leg: Leg, now: float) -> None:
        self._call.end("the caller did not acknowledge the answer", now)

    def unpracked(self, leg: Leg, now: float) -> None:
        self._call.end("the caller did not acknowledge a provisional response", now, status=504)

    def abandon(self, status: int, headers: Headers, now: float) -> None:
        self._over = True
        winner = self._winner.a.dialog.local_tag if self._winner is not None else None
        self._incoming.refuse(status, now, headers, winner)
        self._inviting.over = True
        self._inviting.cancel(now)
        for part in self._parts.values():
            if part.record is not self._call.record:
                part.record.agent = None
                self._stack.anchor.end(part.record, f"refused with {status}", now)
        self._search.finished(status, now)
