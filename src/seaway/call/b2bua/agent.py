"""The B2BUA of one node: which calls it takes, whose dialogs are whose, and what an operator can ask of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from seaway.call.anchor import Anchor
from seaway.call.b2bua.bodies import NOT_TAKEN, unwrap, unwrap_if_readable
from seaway.call.b2bua.call import B2buaCall
from seaway.call.b2bua.expiry import arm
from seaway.call.b2bua.headers import OUR_OPTIONS, drop_credentials, hide_place, unreadable
from seaway.call.b2bua.kept import describe, revived
from seaway.call.b2bua.leg import Leg
from seaway.call.b2bua.midcall import midcall
from seaway.call.b2bua.refresh import due
from seaway.call.b2bua.replaces import Replaces, parse_replaces
from seaway.call.b2bua.secure import enforced
from seaway.call.b2bua.setup import Setup
from seaway.call.b2bua.stack import Look, Permit, Stack
from seaway.call.b2bua.takeover import Takeover
from seaway.call.config import ControlConfig
from seaway.call.events import MediaCommand
from seaway.call.paths import Paths
from seaway.call.record import Call
from seaway.call.search import Group, Search
from seaway.call.zones import Zone, Zones
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import Dialog, option_tags
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.session_timer import SessionTimer
from seaway.core.sip.sides import Sides
from seaway.media.protocol import Relabel
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response
from seaway.wire.sip.nameaddr import tag_of

__all__ = ["B2bua", "differ"]

Headers = tuple[tuple[bytes, bytes], ...]
_CLEARED = ((b"Reason", b'SIP ;cause=487 ;text="Cleared by the operator"'),)


def differ(ingress: Zone, egress: Zone) -> bool:
    """Whether calls between these zones go through the B2BUA: as one of them says, else when one has ICE or
    demands anything of the encryption of media, which only the B2BUA can see to."""
    one, other = ingress.settings, egress.settings
    if "never" in (one.b2bua, other.b2bua):
        return False
    if "always" in (one.b2bua, other.b2bua):
        return True
    return enforced(one.media_encryption, other.media_encryption) or one.ice or other.ice


class B2bua:
    """All calls that go through it. Requests, responses and timers come from call control."""

    def __init__(
        self, config: ControlConfig, proxy: Proxy, sides: Sides, paths: Paths, zones: Zones, anchor: Anchor,
        outputs: deque[Any], counters: Counter[str], random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.anchor = anchor
        self._config = config
        self._zones = zones
        self._stack = Stack(config, proxy, sides, paths, zones, anchor, outputs, counters, random)
        self._stack.session_due = due
        self._stack.note = self.note
        self._outputs = outputs
        anchor.revive = self.revive
        self._others = {
            zones.default.name: zones.default, zones.local.name: zones.local,
            **{each.name: Zone(each.name, "dns", each.settings) for each in config.dns_zones},
        }  # fmt: skip
        self._realm = b'realm="' + config.realm.encode() + b'"'
        self._calls: dict[str, B2buaCall] = {}
        self._between: dict[tuple[str, str], bool] = {}  # by the names of two zones
        self._legs: dict[bytes, list[Leg]] = {}

    @property
    def look(self) -> Look:
        """Where a party of a call is by the dial plan."""
        return self._stack.look

    @look.setter
    def look(self, look: Look) -> None:
        self._stack.look = look

    def follow_policy(self, permit: Permit) -> None:
        """`permit` is asked about what a party of a call has named."""
        self._stack.permit = permit

    # -- new calls

    def wanted(self, search: Search, group: Group) -> bool:
        """Whether the INVITE of `search` is to be asked of `group` here and not by the proxy."""
        if search.agent is not None:
            return True
        return any(self._differs(search.zone, one.zone or self._zones.local) for one in group)

    def _differs(self, ingress: Zone, egress: Zone) -> bool:
        """`differ`, remembered: it is asked for each call."""
        key = ingress.name, egress.name
        known = self._between.get(key)
        if known is None:
            known = self._between[key] = differ(ingress, egress)
        return known

    def ask(self, search: Search, group: Group, now: float) -> None:
        """Send the INVITE of `search` to `group`; `context.payload` leads back to its sender."""
        self._stack.clock = now
        if isinstance(search.agent, Setup):
            search.agent.ask(group, now)
            return
        try:
            status = self._begin(search, group, now)
        except WireError as error:
            status = error.status if isinstance(error, SipError | SdpError) else 400
            headers = NOT_TAKEN if status == 415 else ()
            self._stack.respond(search.context, status, now, tag=self._stack.tag(), headers=headers)
        if status:
            search.finished(status, now)

    def give_up(self, search: Search, now: float) -> None:
        """The search has nothing more to ask."""
        self._stack.clock = now
        if isinstance(search.agent, Setup):
            search.agent.given_up(now)

    def _begin(self, search: Search, group: Group, now: float) -> int:
        """Begin a call, or say why not: the status that was answered, 0 when it begins. Raises `WireError`."""
        stack, context, request = self._stack, search.context, search.context.request
        drop_credentials(request, self._realm)
        unknown = option_tags(request, b"require") - OUR_OPTIONS
        if unknown:
            stack.respond(context, 420, now, tag=stack.tag(), headers=((b"Unsupported", b", ".join(sorted(unknown))),))
            return 420
        if unreadable(request):
            stack.refuse_body(context, now)
            return 415
        timer = SessionTimer(stack.wishes(search.zone))
        minimum = timer.refusal(request)
        if minimum is not None:
            stack.respond(context, 422, now, tag=stack.tag(), headers=((b"Min-SE", b"%d" % minimum),))
            return 422
        if len(self._calls) >= self._config.b2bua_calls:
            stack.counters["b2bua.over_limit"] += 1
            stack.respond(context, 503, now, tag=stack.tag(), headers=stack.retry_after())
            return 503
        Dialog.as_uas(request, b"tag")  # what cannot be read is refused now, not when an answer comes
        for name in (b"from", b"to"):
            hide_place(request.require(name), stack.domain)
        if b"replaces" in request.names and (status := self._take_over(context, search.zone, now)):
            return status
        search.agent = setup = Setup(stack, B2buaCall(self), search, timer)
        setup.ask(group, now)
        return 0

    def _take_over(self, context: Context, zone: Zone, now: float) -> int:
        """RFC 3891 §3. 0: the dialog is not one of ours, and the call goes on as any other; else what became of it."""
        stack = self._stack
        wanted = parse_replaces(context.request.require(b"replaces"))
        leg = self.named(wanted)
        if leg is None or self._config.refer == "pass":
            return 0
        status = 200
        if self._config.refer == "refuse":
            status = 403
        elif wanted.early_only or not leg.confirmed or leg.peer is None:
            status = 486
        elif leg.peer.busy or not leg.peer.confirmed or leg.transfer is not None:
            status = 491
        if status == 200:
            unwrap(context.request)
            Takeover(leg, context, zone, now).start(now)
        else:
            stack.respond(context, status, now, tag=stack.tag())
        return status

    # -- dialogs

    def add(self, leg: Leg) -> None:
        self._legs.setdefault(leg.dialog.call_id, []).append(leg)

    def remove(self, leg: Leg) -> None:
        legs = self._legs.get(leg.dialog.call_id)
        if legs is not None and leg in legs:
            legs.remove(leg)
            if not legs:
                del self._legs[leg.dialog.call_id]

    def named(self, replaces: Replaces) -> Leg | None:
        """The dialog that a Replaces means."""
        return self._find(replaces.call_id, replaces.to_tag, replaces.from_tag)

    def _find(self, call_id: bytes, local_tag: bytes, remote_tag: bytes) -> Leg | None:
        for leg in self._legs.get(call_id, ()):
            if leg.dialog.names(call_id, local_tag, remote_tag):
                return leg
        return None

    def _leg_of(self, request: Request) -> Leg | None:
        local, remote = tag_of(request.require(b"to")), tag_of(request.require(b"from"))
        return self._find(request.require(b"call-id"), local or b"", remote or b"")

    def holds(self, call_id: bytes) -> bool:
        """Whether a dialog of ours has this Call-ID."""
        return call_id in self._legs

    def request(self, context: Context, zone: Zone, now: float) -> bool:
        """A request that may belong to one of our dialogs; false: it does not. Raises `WireError`."""
        if context.call_id not in self._legs:
            return False
        leg = self._leg_of(context.request)
        if leg is None:
            return False
        context.admitted = True
        self._stack.clock = now
        if leg.zone.name != zone.name and not (leg.zone.kind == "local" and zone.kind == "default"):
            self._stack.respond(context, 481, now)  # from somewhere else than the dialog
            return True
        drop_credentials(context.request, self._realm)
        midcall(leg, context, now)
        return True

    def ack(self, request: Request, now: float) -> bool:
        """An ACK for a 2xx; false: not for one of ours."""
        if not self._legs or request.require(b"call-id") not in self._legs:
            return False
        leg = self._leg_of(request)
        if leg is None:
            return False
        self._stack.clock = now
        incoming = leg.invite_in
        if incoming is not None and incoming.acknowledged():
            unwrap_if_readable(request)
            incoming.user.acknowledged(leg, request, now)
            if leg.bye_waits is not None:
                leg.bye(now, leg.bye_waits)
        return True

    # -- our own requests

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """A response to a request of a call."""
        self._stack.clock = now
        unwrap_if_readable(response)
        try:
            client.context.response(client, response, now)
        except WireError:
            self._stack.counters["sip.response.unusable"] += 1

    def failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """A request of a call has no answer."""
        self._stack.clock = now
        client.context.failed(status, reason, now)

    def timer_c(self, client: ClientTransaction, now: float) -> None:
        """An INVITE has been ringing for too long."""
        self._stack.clock = now
        client.context.ringing_too_long(now)

    # -- time

    def tick(self, now: float) -> None:
        """The time of what comes next, for what comes to us another way."""
        self._stack.clock = now

    def next_deadline(self) -> float | None:
        return self._stack.timers.next_deadline()

    def handle_timeout(self, now: float) -> None:
        self._stack.clock = now
        self._stack.timers.fire(now)

    # -- a later process

    def note(self, call: B2buaCall) -> None:
        """What the next process has to know of `call` goes to the relay."""
        label = describe(call)
        if label is not None and label != call.label and call.record.streams and not call.ended:
            call.label = label
            self._outputs.append(MediaCommand(Relabel(call.record.session, label)))

    def revive(self, record: Call, now: float) -> None:
        """A call from before our restart: its dialogs go on."""
        self._stack.clock = now
        found = revived(self, self._stack, record, lambda name: self._zones.named(name) or self._others.get(name), now)
        if found is None:
            return
        call, *legs = found
        zones = {leg.side: leg.zone for leg in legs}
        self._stack.secure(record, zones["a"], zones["b"])
        record.agent = call
        self._calls[record.session] = call
        for leg in legs:
            call.add(leg)
        for leg in legs:
            arm(leg, now)

    # -- the end

    def ended(self, call: B2buaCall, reason: str, now: float) -> None:
        """From the call: it is over."""
        self._calls.pop(call.record.session, None)
        call.record.agent = None
        self.anchor.end(call.record, reason, now)

    def began(self, call: B2buaCall) -> None:
        """From the call: it has its first media session."""
        self._calls[call.record.session] = call

    def renamed(self, call: B2buaCall, old: Call, new: Call) -> None:
        """From the call: it goes on with another media session."""
        self._calls.pop(old.session, None)
        self._calls[new.session] = call

    def disconnect(self, session: str | None, now: float) -> list[str]:
        """End one call, or all: BYE on both legs. The sessions that were ended; `KeyError` when there is no such."""
        self._stack.clock = now
        calls = list(self._calls.values())
        if session is not None:
            calls = [each for each in calls if each.record.session == session]
            if not calls:
                raise KeyError(session)
        names = [each.record.session for each in calls]
        for call in calls:
            call.end("cleared by the operator", now, status=480, headers=_CLEARED)
        return names

    def __len__(self) -> int:
        """Calls that stand or come up."""
        return len(self._calls)
