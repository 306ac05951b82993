"""The INVITEs of a call that comes up: to all targets of a group at once, to the next hop or flow of one that is dead;
and which failures there were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from seaway.call.b2bua.headers import content_of, hide_place, passed
from seaway.call.b2bua.invite_out import InviteOut, InviteUser
from seaway.call.b2bua.origin import Origin
from seaway.call.b2bua.sdp import SDP
from seaway.call.b2bua.stack import ALLOW, Stack
from seaway.call.description import Description
from seaway.call.record import Call
from seaway.call.zones import Zone
from seaway.core.sip.context import Context, Target
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.ranking import rank_status
from seaway.core.sip.session_timer import SessionTimer
from seaway.wire.sip.message import Request, Response
from seaway.wire.sip.nameaddr import tag_of

__all__ = ["Caller", "Inviting", "Part", "Trail", "near"]


class Caller(InviteUser, Protocol):
    """For whom."""

    def all_failed(self, now: float) -> None:
        """Nothing is open any more."""


@dataclass(slots=True, eq=False)
class Part:
    """Those who are told the same: their media has legs of the same kind. `told` is the offer as it goes out, b"" when
    the INVITE has none; `origin` is what wrote its `o=`."""

    record: Call
    origin: Origin
    told: bytes = b""


class Trail:
    """What a branch is about. `status` is its final one, 0 before."""

    __slots__ = ("part", "status", "target", "timer", "zone")

    def __init__(self, target: Target, zone: Zone, part: Part, timer: SessionTimer) -> None:
        self.target = target
        self.zone = zone
        self.part = part
        self.timer = timer
        self.status = 0


def near(target: Target) -> Flow | Hop:
    """Where a target that was located is."""
    assert not isinstance(target.where, Place)
    return target.where


class Inviting:
    """`over` ends it: no more branches. What stands beside a description (`described`) goes along."""

    def __init__(
        self, stack: Stack, context: Context, caller: Caller, *, can_prack: bool, described: Description | None
    ) -> None:  # fmt: skip
        self._stack = stack
        self._context = context
        self._caller = caller
        self._can_prack = can_prack
        self._described = described
        self._call_id = stack.call_id()
        self._locating = 0  # targets whose place is being looked for
        self.failures: list[tuple[int, Response | None]] = []
        self.fresh: list[int] = []  # statuses of the failures of the present group
        self.branches: dict[InviteOut, Trail] = {}
        self.over = False

    def invite(self, target: Target, zone: Zone, part: Part, now: float) -> None:
        """One more branch; it is located first when only the name of its place is known (RFC 3263)."""
        if isinstance(target.where, Place):
            self._locate(target, target.where, zone, part, now)
        else:
            self._begin(target, zone, part, now)

    @property
    def open(self) -> bool:
        """Whether somebody may still answer."""
        return bool(self._locating) or not all(each.status for each in self.branches.values())

    def failed(self, status: int, response: Response | None = None) -> None:
        """One more failure."""
        self.failures.append((status, response))
        self.fresh.append(status)

    def best(self) -> tuple[int, Response | None]:
        """What the caller hears of (RFC 3261 §16.7 step 6)."""
        return min(self.failures, key=lambda each: rank_status(each[0]))

    def cancel(self, now: float, but: InviteOut | None = None) -> None:
        """CANCEL what is open."""
        for out in self.branches:
            if out is not but and not out.final:
                out.cancel(now)

    def _locate(self, target: Target, place: Place, zone: Zone, part: Part, now: float) -> None:
        self._locating += 1

        def located(hops: tuple[Hop, ...], why: str, when: float) -> None:
            self._locating -= 1
            if hops:
                self._begin(replace(target, where=hops[0], more=hops[1:]), zone, part, when)
                return
            self._stack.log("b2bua.unlocated", "warning", why=why, host=place.host)
            self.failed(480)
            self._conclude(when)

        self._stack.proxy.locator.locate(place, located, now)

    def _begin(self, target: Target, zone: Zone, part: Part, now: float) -> None:
        if not self.over:
            trail = Trail(target, zone, part, SessionTimer(self._stack.wishes(zone)))
            self._branch(trail, self._request(trail, self._stack.tag(), 1), now)

    def _branch(self, trail: Trail, request: Request, now: float) -> None:
        out = InviteOut(self._stack, request, near(trail.target), self._caller)
        self.branches[out] = trail
        out.send(now)

    def _request(self, trail: Trail, tag: bytes, number: int) -> Request:
        """The INVITE of one branch, without Via: of the caller's request only what the allow list lets through."""
        stack, request, target = self._stack, self._context.request, trail.target
        told = trail.part.told
        left = min(self._context.hops, target.hop_count, trail.zone.settings.hop_count)
        if told and self._described is not None and self._described.pieces:
            body, content = self._described.filled(told), content_of(request)
        else:
            body, content = told, SDP if told else ()
        fields: list[tuple[bytes, bytes]] = [
            (b"Max-Forwards", b"%d" % left),
            *_lines(target, stack.domain),
            (b"From", hide_place(request.require(b"from"), stack.domain) + b";tag=" + tag),
            (b"To", hide_place(request.require(b"to"), stack.domain)),
            (b"Call-ID", self._call_id),
            (b"CSeq", b"%d INVITE" % number),
            (b"Contact", stack.contact(near(target))),
            (b"Allow", ALLOW),
            # An offer in a reliable response needs its answer in PRACK (RFC 3262 §5): not from a caller without.
            (b"Supported", b"100rel, timer, replaces" if self._can_prack or told else b"timer, replaces"),
            *trail.timer.request_headers(),
            *passed(request),
            *content,
        ]
        names = [name.lower() for name, _ in fields]
        invite = Request(b"INVITE", target.uri, names, [name + b": " + value for name, value in fields], b"")
        invite.set_body(body)
        return invite

    # -- failures

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        """A branch failed; it may go on with another INVITE."""
        trail = self.branches[out]
        if status == 430:  # between proxies only: that binding leads nowhere (RFC 5626 §7)
            self._stack.proxy.flow_failed(trail.target, status, now)
        if status == 422 and response is not None and not self.over and trail.timer.too_small(response):
            tag = tag_of(out.request.require(b"from")) or b""
            del self.branches[out]
            self._branch(trail, self._request(trail, tag, out.number + 1), now)
            return
        if not self.over and not out.ringing and (target := _next_place(trail.target, status, response)) is not None:
            del self.branches[out]
            self._begin(target, trail.zone, trail.part, now)
            return
        if status == 430:
            status, response = 480, None
        trail.status = status
        self.failed(status, response)
        if not self.over and status >= 600:
            self.cancel(now)
        self._conclude(now)

    def _conclude(self, now: float) -> None:
        if not self.open and not self.over:
            self._caller.all_failed(now)


def _lines(target: Target, domain: bytes) -> list[tuple[bytes, bytes]]:
    """The lines that belong to a target: its Route, and who asks (RFC 3325 §5)."""
    found: list[tuple[bytes, bytes]] = []
    for line in target.lines:
        name, _, value = line.partition(b":")
        value = value.strip(b" \t")
        if name.lower() == b"p-asserted-identity" and b"," not in value:
            value = hide_place(value, domain)
        found.append((name, value))
    return found


def _next_place(target: Target, status: int, response: Response | None) -> Target | None:
    """Another hop for the same target (RFC 3263 §4.3), or another flow of the same device (RFC 5626 §7)."""
    if target.more and (response is None or status == 503):
        return replace(target, where=target.more[0], more=target.more[1:])
    if target.others and (response is None or status in (408, 430)):
        return replace(target.others[0], others=target.others[1:])
    return None
