"""Call control of one node: SIP, policy and media put together. Sans-IO.

`receive`, the transport and media news, and `handle_timeout` go in; then drain `next_output()` until `None`;
`next_deadline()` is one number or `None`. Nothing the peer sends raises out of here but a defect of ours.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from seaway.call.admission import Admission, Refusal, says_more
from seaway.call.anchor import Anchor
from seaway.call.authorising import Authorising
from seaway.call.b2bua.agent import B2bua
from seaway.call.config import ControlConfig
from seaway.call.delegation import Delegates
from seaway.call.directing import Directing
from seaway.call.events import ControlOutput, LogEvent
from seaway.call.explaining import Explaining
from seaway.call.finding import Finder
from seaway.call.kept import Keeper
from seaway.call.large import Large
from seaway.call.noise import Noise
from seaway.call.own import OwnRequest
from seaway.call.passing import Passing
from seaway.call.paths import Paths
from seaway.call.peers import Peers
from seaway.call.plans import Decisions, plan_of
from seaway.call.refusing import Refusals
from seaway.call.reg_events import RegEvents
from seaway.call.registering import Registering
from seaway.call.requests import Requests
from seaway.call.screening import Screening
from seaway.call.search import Search
from seaway.call.searching import Searches
from seaway.call.sides import sides_of
from seaway.call.underway import Underway
from seaway.call.unreadable import Unreadable
from seaway.call.views import found_by_dns, registration_row, report_unlocated
from seaway.call.zones import ClientLink, ServerLink, Zones
from seaway.core.dns.io import Answer
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Branch, Context, Target
from seaway.core.sip.date import Dates
from seaway.core.sip.gruu import Gruus
from seaway.core.sip.io import Flow
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.tokens import RouteTokens
from seaway.core.sip.topvia import read_top_via
from seaway.media import protocol as media
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse

__all__ = ["Control"]

_SWEEP = 5.0  # seconds between looks for expired registrations


class Control:
    """Everything that signalling decides on this node. `random(n)` gives n random octets."""

    def __init__(self, config: ControlConfig, random: Callable[[int], bytes]) -> None:
        self.config = config
        self.counters: Counter[str] = Counter()
        self._outputs: deque[ControlOutput] = deque()
        self._flows: dict[int, Flow] = {}
        self._next_flow = 0
        self._sides = sides_of(config)
        boot = random(4)
        gruus = Gruus(config.secret, boot)
        self._registrar = Registrar(config.registrar, gruus)
        self._dates = Dates()
        self._admission = Admission(config, self.counters)
        self._zones = Zones(config, self._sides, self._outputs, self.counters, random)
        hexboot = boot.hex().encode()
        self._paths = Paths(config, self._zones, self._registrar, self._sides, self._flows, self._own_flow_id, hexboot)
        tokens = RouteTokens(config.secret)
        self._proxy = Proxy(self, self._sides, tokens, self._outputs, self.counters, hexboot, random)
        self._zones.attach(self._proxy)
        self._anchor = Anchor(config, self._outputs, random)
        self._noise = Noise(lambda: self.counters.update(("log.suppressed",)))
        self._unreadable = Unreadable(self._outputs, self.counters, self._noise, self._paths.reply_flow)
        self._refusals = Refusals(self._proxy, self._outputs, self._noise)
        delegates = Delegates(self._zones, self._sides, self._proxy, random, config.node, self.counters)
        authorising = Authorising(self._admission, delegates, self._registrar, config.local_zone, self._refusals)
        passing = Passing(self._zones, self._paths, self._admission, self._proxy, config.registrar.strict_path)
        self.keeper = Keeper(config, self._registrar, self._dates, self._paths.udp_flow, self._outputs)
        events = RegEvents(
            config, self._registrar, gruus, self._admission.identities, self._zones, self._sides, self._proxy, random
        )
        self._registering = Registering(
            config, self._sides, self._registrar, self._proxy, self._refusals, self._outputs, self._dates, authorising,
            passing, self.keeper, events,
        )  # fmt: skip
        self._peers = Peers(config, self._zones, self._sides, self._proxy, self._outputs, random)
        finder = Finder(config, self._zones, self._registrar, self._paths, self._proxy.locator, self._peers)
        decisions = Decisions(plan_of(config))
        self._b2bua = B2bua(
            config, self._proxy, self._sides, self._paths, self._zones, self._anchor, self._outputs, self.counters,
            random,
        )  # fmt: skip
        self._searches = Searches(
            config, decisions, finder, self._paths, self._anchor, self._proxy, self._admission.identities,
            self._refusals.refuse, self._b2bua,
        )  # fmt: skip
        self.explaining = Explaining(config, decisions, finder, self._searches.records)
        self._screening = Screening(config.policy, self._registered, self._outputs, self.counters)
        self._directing = Directing(self._screening, self._searches, self._proxy, self._dates, self._refusals.refuse)
        self._b2bua.look = self._searches.look
        self._b2bua.follow_policy(self._directing.refers)
        self._requests = Requests(
            config, self._sides, self._zones, self._paths, self._admission, self._anchor, self._registering,
            self._proxy, self._refusals, authorising, self._searches, self._directing,
            self._b2bua,
        )  # fmt: skip
        self._proxy.carrier.stream_for = Large(self._sides, self._registrar).stream_for
        self._proxy.carrier.unlocated = report_unlocated(self._noise, self._log)
        self.underway = Underway(self._proxy.layer, self._b2bua)
        self._next_sweep = 0.0

    # -- driving

    def start(self, now: float) -> None:
        """Begin: traversal clients dial."""
        self._next_sweep = now + _SWEEP
        for link in self._zones.links.values():
            if isinstance(link, ClientLink):
                link.client.start(now)
        self._drain_zones(now)

    def clock(self, wall: float, now: float) -> None:
        """The wall clock shows `wall` (seconds of the Unix epoch); call it at the start and now and then."""
        self._dates.set(wall, now)

    def next_output(self) -> ControlOutput | None:
        """The next thing to send, command or report; `None` when there is nothing."""
        return self._outputs.popleft() if self._outputs else None

    def next_deadline(self) -> float | None:
        """Monotonic seconds at which `handle_timeout` wants to be called."""
        deadline = self._proxy.layer.next_deadline()
        if deadline is None or self._next_sweep < deadline:
            deadline = self._next_sweep
        given = self._directing.next_deadline()
        if given is not None and given < deadline:
            deadline = given
        other = self._b2bua.next_deadline()
        if other is not None and other < deadline:
            deadline = other
        for link in self._zones.links.values():
            other = link.machine.next_deadline()
            if other is not None and other < deadline:
                deadline = other
        return deadline

    def handle_timeout(self, now: float) -> None:
        """Fire what is due."""
        self._proxy.layer.handle_timeout(now)
        self._directing.handle_timeout(now)
        self._b2bua.handle_timeout(now)
        for link in self._zones.links.values():
            deadline = link.machine.next_deadline()
            if deadline is not None and deadline <= now:
                link.machine.handle_timeout(now)
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            self._anchor.sweep(now)
            self._registering.sweep(now)
            self._peers.sweep(now)
        self._drain_zones(now)

    # -- what comes in

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one message cut out of a stream."""
        try:
            message = parse(data)
            if type(message) is Response:
                self._proxy.layer.receive_response(message, now)
            else:
                assert type(message) is Request
                key, port = read_top_via(message, flow)
                if flow.peer_names and flow.zone is None:
                    self._proxy.carrier.aliases.note(message, flow)
                reply = flow if flow.remote[1] == port else self._paths.reply_flow(flow, port)
                self._proxy.layer.receive_request(message, key, flow, reply, now)
        except WireError as error:
            self._unreadable.received(data, flow, error, now)
        if self._zones.links:
            self._drain_zones(now)

    def flow_opened(self, flow: Flow, now: float) -> None:
        """A stream is connected, in or out; TLS and certificate checks are done."""
        self._flows[flow.id] = flow
        if flow.zone is not None:
            self._zones.opened(flow, flow.zone, now)
            self._drain_zones(now)

    def link_refused(self, zone: str, reason: str, now: float) -> None:
        self._zones.refused(zone, reason, now)
        self._drain_zones(now)

    def flow_closed(self, flow: Flow, now: float, reason: str = "closed by the peer") -> None:
        """A stream ended."""
        self._flows.pop(flow.id, None)
        for link in self._zones.links.values():
            link.machine.closed(flow, reason, now)
            if isinstance(link, ServerLink):
                link.forget(flow)
        self._proxy.carrier.aliases.closed(flow)
        self._proxy.layer.flow_closed(flow, now)
        self._registrar.flow_closed(flow)
        self._drain_zones(now)

    def pong(self, flow: Flow, now: float) -> None:
        """The answer to a ping (RFC 5626 §4.4.1)."""
        for link in self._zones.links.values():
            if isinstance(link, ClientLink):
                link.client.pong(flow)

    def sent_on(self, token: int, flow: Flow, now: float) -> None:
        """A `SendTo` went out on `flow`."""
        self._proxy.layer.sent_on(token, flow, now)
        if flow.zone is not None:
            link = self._zones.links.get(flow.zone)
            if isinstance(link, ClientLink):
                link.client.connected(flow, now)

    def send_failed(self, token: int, reason: str, now: float) -> None:
        """A `SendTo` could not be sent."""
        self._proxy.layer.send_failed(token, reason, now)
        self._drain_zones(now)

    def resolved(self, token: int, answer: Answer, now: float) -> None:
        """What the DNS says to a `Resolve`."""
        self._proxy.carrier.locator.resolved(token, answer, now)

    def policy_answered(self, token: int, body: bytes | None, problem: str, now: float) -> None:
        """What the policy service says to an `AskPolicy`: a script, or `None` and why not."""
        self._screening.answered(token, body, problem, now)

    def media_ready(self, now: float) -> None:
        """The relay can be reached."""
        self._anchor.relay_ready()

    def media_lost(self, now: float) -> None:
        """The relay cannot be reached."""
        self._b2bua.tick(now)
        self._anchor.relay_lost(now)

    def media_reply(self, message: media.Reply | media.Event, now: float) -> None:
        """An answer or event of the relay."""
        self._b2bua.tick(now)
        self._anchor.relay_message(message, now)

    # -- ProxyUser

    def route(self, context: Context, now: float) -> None:
        """Decide on a new request."""
        try:
            self._requests.route(context, now)
        except WireError as error:
            status = error.status if isinstance(error, SipError) else 400
            self._refusals.refuse(context, Refusal(status, str(error)), now)

    def route_ack(self, request: Request, token: bytes | None, flow: Flow, now: float) -> None:
        """An ACK for a 2xx: only of a dialog of ours, or with our route token."""
        if self._b2bua.ack(request, now):
            return
        if token is None:
            self.counters["sip.ack.without_route"] += 1
            return
        target = self._paths.follow(request, token, now)
        if target is not None:
            zone = self._zones.of(flow)
            self._anchor.carry_ack(request, flow, zone, lambda: self._proxy.forward_ack(request, target, now), now)

    def response(self, branch: Branch, response: Response, now: float) -> bool:
        """A response on its way upstream."""
        if says_more(response) and not self._trusted(branch):
            self._admission.clean(response, self._zones.allow_headers)
        if response.method == b"REGISTER":
            self._registering.answered(branch.context, response)
        if b"p-asserted-identity" in response.names:
            self._admission.identities.upstream(branch.context, response)
        if branch.call is None:
            return True
        return self._anchor.carry_response(
            branch,
            response,
            lambda: self._proxy.pass_on(branch, response, now),
            lambda status, why: self._proxy.fail(branch, status, now),
            now,
        )

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        """The flow of a registered phone is dead."""
        self._registering.flow_failed(target, status, now)

    def finished(self, context: Context, status: int, now: float) -> None:
        """A final response went upstream."""
        search = context.search
        if isinstance(search, Search):
            self._searches.finished(search, status, now)
        elif context.call is not None:
            self._anchor.finished(context, status, now)

    def own_response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """An answer to a request of our own: OPTIONS of a traversal client zone, a question about credentials."""
        if isinstance(client.context, (ClientLink, OwnRequest)):
            client.context.response(client, response, now)
        else:
            self._b2bua.response(client, response, now)

    def own_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """A request of our own was not answered."""
        if isinstance(client.context, ClientLink):
            client.context.failed(client, reason, now)
        elif isinstance(client.context, OwnRequest):
            client.context.failed(client, status, reason, now)
        else:
            self._b2bua.failed(client, status, reason, now)

    def own_timer_c(self, client: ClientTransaction, now: float) -> None:
        """An INVITE of the B2BUA has been ringing for too long."""
        self._b2bua.timer_c(client, now)

    def disconnect(self, session: str | None, now: float) -> list[str]:
        """End one call that goes through the B2BUA, or all; the sessions ended. `KeyError`: there is no such call."""
        return self._b2bua.disconnect(session, now)

    # -- inside

    def _trusted(self, branch: Branch) -> bool:
        """Whether a response comes from a zone that we trust."""
        flow = branch.client.flow if branch.client is not None else None
        return flow is not None and self._zones.of(flow).trusted

    def _drain_zones(self, now: float) -> None:
        for link in self._zones.links.values():
            link.drain(now)

    def _registered(self, uri: bytes, now: float) -> list[str]:
        """The alias of `uri` as a URI, when somebody is registered under it."""
        alias = self._paths.alias(uri)
        found = alias is not None and self._registrar.lookup(alias, now)
        return [f"sip:{alias.decode('utf-8', 'replace')}"] if alias is not None and found else []

    def _own_flow_id(self) -> int:
        self._next_flow -= 1  # below zero: never one of the runtime's
        return self._next_flow

    def _log(self, event: str, level: str = "info", /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields, level))

    def snapshot(self, kind: str, now: float) -> list[dict[str, object]]:
        """State for `seaway status`: "zones", "calls", "history", "registrations", "searches", "bandwidth",
        "counters".

        Raises `ValueError`.
        """
        if kind == "zones":
            return [*self._zones.snapshot(now), *self._peers.rows(), *found_by_dns(self.config)]
        if kind in ("calls", "history"):
            return self._anchor.snapshot(kind, now)
        if kind == "registrations":
            return [registration_row(each, now) for each in self._registrar.all(now)]
        if kind == "searches":
            return [each.row(now) for each in reversed(self._searches.records)]
        if kind == "bandwidth":
            return self._anchor.rates.snapshot()
        if kind == "counters":
            amounts = {
                **self.counters,
                "sip.transactions": len(self._proxy.layer),
                "sip.registrations": len(self._registrar),
                "b2bua.calls": len(self._b2bua),
            }
            return [{"name": name, "value": value} for name, value in sorted(amounts.items())]
        raise ValueError(f"no such view: {kind}")
