"""Call control of one node: SIP, policy and media put together. Sans-IO.

`receive`, the transport and media news, and `handle_timeout` go in; then drain `next_output()` until `None`;
`next_deadline()` is one number or `None`. Nothing the peer sends raises out of here but a defect of ours.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from seaway.call.admission import UNTRUSTED, Admission, Refusal, address_of_record
from seaway.call.anchor import Anchor
from seaway.call.config import ControlConfig
from seaway.call.events import ControlOutput, LogEvent
from seaway.call.malformed import answer_malformed
from seaway.call.noise import Noise
from seaway.call.paths import Paths
from seaway.call.sides import sides_of
from seaway.call.views import place_of, registration_row, text_of
from seaway.call.zones import ClientLink, ServerLink, Zone, Zones
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Branch, Context, Target
from seaway.core.sip.io import Flow, Send
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.routing import uri_host_port
from seaway.core.sip.tokens import RouteTokens
from seaway.core.sip.topvia import read_top_via
from seaway.media import protocol as media
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import tag_of, uri_of

__all__ = ["Control"]

_SWEEP = 5.0  # seconds between looks for expired registrations
_ALLOW = b"INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE"


class Control:
    """Everything that signalling decides on this node. `random(n)` gives n random octets."""

    def __init__(self, config: ControlConfig, random: Callable[[int], bytes]) -> None:
        self.config = config
        self.counters: Counter[str] = Counter()
        self._outputs: deque[ControlOutput] = deque()
        self._flows: dict[int, Flow] = {}
        self._next_flow = 0
        self._sides = sides_of(config)
        self._registrar = Registrar(config.registrar)
        self._admission = Admission(config, self.counters)
        self._zones = Zones(config, self._sides, self._outputs, self.counters, random)
        boot = random(4).hex().encode()
        self._paths = Paths(config, self._zones, self._registrar, self._sides, self._flows, self._own_flow_id, boot)
        tokens = RouteTokens(config.secret)
        self._proxy = Proxy(self, self._sides, tokens, self._outputs, self.counters, boot)
        self._zones.attach(self._proxy)
        self._anchor = Anchor(config, self._outputs, random)
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._noise = Noise(self.counters)
        self._next_sweep = 0.0

    # -- driving

    def start(self, now: float) -> None:
        """Begin: traversal clients dial."""
        self._next_sweep = now + _SWEEP
        for link in self._zones.links.values():
            if isinstance(link, ClientLink):
                link.client.start(now)
        self._drain_zones(now)

    def next_output(self) -> ControlOutput | None:
        """The next thing to send, command or report; `None` when there is nothing."""
        return self._outputs.popleft() if self._outputs else None

    def next_deadline(self) -> float | None:
        """Monotonic seconds at which `handle_timeout` wants to be called."""
        deadline = self._proxy.layer.next_deadline()
        if deadline is None or self._next_sweep < deadline:
            deadline = self._next_sweep
        for link in self._zones.links.values():
            other = link.machine.next_deadline()
            if other is not None and other < deadline:
                deadline = other
        return deadline

    def handle_timeout(self, now: float) -> None:
        """Fire what is due."""
        self._proxy.layer.handle_timeout(now)
        for link in self._zones.links.values():
            deadline = link.machine.next_deadline()
            if deadline is not None and deadline <= now:
                link.machine.handle_timeout(now)
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            self._anchor.sweep(now)
            for binding in self._registrar.expire(now):
                self._log("registration.expired", user=text_of(binding.aor), contact=text_of(binding.uri))
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
                reply = flow if flow.remote[1] == port else self._paths.reply_flow(flow, port)
                self._proxy.layer.receive_request(message, key, flow, reply, now)
        except WireError as error:
            self._malformed(data, flow, error, now)
        if self._zones.links:
            self._drain_zones(now)

    def flow_opened(self, flow: Flow, now: float) -> None:
        """A stream is connected, in or out; TLS and certificate checks are done."""
        self._flows[flow.id] = flow
        link = self._zones.links.get(flow.zone) if flow.zone is not None else None
        if isinstance(link, ServerLink):
            link.opened(flow, now)
            self._drain_zones(now)

    def flow_closed(self, flow: Flow, now: float, reason: str = "closed by the peer") -> None:
        """A stream ended."""
        self._flows.pop(flow.id, None)
        for link in self._zones.links.values():
            link.machine.closed(flow, reason, now)
            if isinstance(link, ServerLink):
                link.forget(flow)
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

    def media_ready(self, now: float) -> None:
        """The relay can be reached."""
        self._anchor.relay_ready()

    def media_lost(self, now: float) -> None:
        """The relay cannot be reached."""
        self._anchor.relay_lost(now)

    def media_reply(self, message: media.Reply | media.Event, now: float) -> None:
        """An answer or event of the relay."""
        self._anchor.relay_message(message, now)

    # -- ProxyUser

    def route(self, context: Context, now: float) -> None:
        """Decide on a new request."""
        try:
            self._route(context, now)
        except WireError as error:
            status = error.status if isinstance(error, SipError) else 400
            self._refuse(context, Refusal(status, str(error)), now)

    def _route(self, context: Context, now: float) -> None:
        request, flow = context.request, context.flow
        zone = self._zones.of(flow)
        context.zone = zone
        method = request.method
        if zone.kind == "traversal-server":
            link = self._zones.links[zone.name]
            assert isinstance(link, ServerLink)
            if method == b"OPTIONS" and context.token is None and self._for_us(request.uri, link.config.port):
                link.options(context, self._proxy, now)
                return
            if link.flow is not flow:
                self._refuse(context, Refusal(403, "a request before the zone was authenticated"), now)
                return
        if context.token is not None:
            if tag_of(request.require(b"to")) is not None:
                self._in_dialog(context, context.token, zone, now)
                return
            context.token = None  # begins something new: what a dialog may, it may not
        if method == b"REGISTER":
            self._register(context, zone, now)
            return
        if method == b"OPTIONS" and self._for_us(request.uri):
            self._proxy.reject(context, 200, now, headers=((b"Allow", _ALLOW), (b"Accept", b"application/sdp")))
            return
        if tag_of(request.require(b"to")) is not None:
            self._refuse(context, Refusal(481, "a request inside a dialog without our Route"), now)
            return
        if not zone.trusted:
            who = self._admission.check(request, flow.remote[0], now)
            if isinstance(who, Refusal):
                self._refuse(context, who, now)
                return
            self._admission.clean(request)
        self._start(context, zone, now)

    def _start(self, context: Context, zone: Zone, now: float) -> None:
        """A request that begins something: look for its target and send it there."""
        request = context.request
        context.admitted = True
        alias = self._paths.alias(request.uri)
        if alias is None:
            self._refuse(context, Refusal(404, "the Request-URI has no user"), now)
            return
        found = self._paths.search(alias, request.uri, zone, now)
        if not found.targets:
            self._refuse(context, Refusal(found.status, found.why), now)
            return
        context.payload = self._paths.back(request, context.flow, zone)
        if request.method == b"INVITE":
            self._proxy.trying(context, now)
            if self._anchor.wanted(zone, found.zone):
                self._anchor.start(context, zone, found.zone, alias, now)
        self._carry(context, found.targets, now)

    def _in_dialog(self, context: Context, token: bytes, zone: Zone, now: float) -> None:
        """A request that carries our route token: its dialog was admitted before (RFC 3261 §16.4)."""
        context.admitted = True
        if not zone.trusted:
            self._admission.clean(context.request)
        self._anchor.find(context)
        if context.call is None and self._anchor.needs_call(context.request, zone, token):
            self._refuse(context, Refusal(481, "the media session of this call is gone"), now)
            return
        target = self._paths.follow(context.request, token, now)
        if target is None:
            self._refuse(context, Refusal(480, "the connection to the other side is gone"), now)
            return
        if context.request.method == b"INVITE":
            self._proxy.trying(context, now)
        self._carry(context, [target], now)

    def _carry(self, context: Context, targets: list[Target], now: float) -> None:
        """Send a request on; before that rewrite the SDP of an anchored call, which may have to wait for the relay."""
        if context.call is None:
            self._proxy.forward(context, targets, now)
            return

        def refuse(status: int, why: str) -> None:
            self._refuse(context, Refusal(status, why), now)

        self._anchor.carry_request(context, lambda: self._proxy.forward(context, targets, now), refuse, now)

    def route_ack(self, request: Request, token: bytes | None, flow: Flow, now: float) -> None:
        """An ACK for a 2xx: only with our route token."""
        if token is None:
            self.counters["sip.ack.without_route"] += 1
            return
        target = self._paths.follow(request, token, now)
        if target is not None:
            self._anchor.carry_ack(request, flow, lambda: self._proxy.forward_ack(request, target), now)

    def response(self, branch: Branch, response: Response, now: float) -> bool:
        """A response on its way upstream."""
        if not UNTRUSTED.isdisjoint(response.names) and not self._trusted(branch):
            self._admission.clean(response)
        if branch.context.call is None:
            return True
        return self._anchor.carry_response(
            branch,
            response,
            lambda: self._proxy.pass_on(branch, response, now),
            lambda status, why: self._proxy.fail(branch, status, now),
            now,
        )

    def finished(self, context: Context, status: int, now: float) -> None:
        """A final response went upstream."""
        if context.call is not None:
            self._anchor.finished(context, status, now)

    def own_response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """An answer to OPTIONS of a traversal client zone."""
        if isinstance(client.context, ClientLink):
            client.context.response(client, response, now)

    def own_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """OPTIONS of a traversal client zone was not answered."""
        if isinstance(client.context, ClientLink):
            client.context.failed(client, reason, now)

    # -- inside

    def _register(self, context: Context, zone: Zone, now: float) -> None:
        request, flow = context.request, context.flow
        if uri_host_port(request.uri) not in self._sides.own and uri_host_port(request.uri) not in self._domains:
            self._refuse(context, Refusal(404, "REGISTER for a domain that is not ours"), now)
            return
        if not zone.trusted:
            who = self._admission.check(request, flow.remote[0], now)
            if isinstance(who, Refusal):
                self._refuse(context, who, now)
                return
        context.admitted = True
        aor = address_of_record(uri_of(request.require(b"to")))
        if aor is None or aor.rpartition(b"@")[2] not in self._domains:
            self._refuse(context, Refusal(404, "To is not in one of our domains"), now)
            return
        result = self._registrar.register(request, aor, flow, now)
        for uri in result.added:
            self._log("registration.added", user=text_of(aor), contact=uri.decode("latin-1"), source=place_of(flow))
        for uri in result.removed:
            self._log("registration.removed", user=text_of(aor), contact=uri.decode("latin-1"))
        self._proxy.reject(context, result.status, now, headers=result.headers)

    def _trusted(self, branch: Branch) -> bool:
        """Whether a response comes from a zone that we trust."""
        flow = branch.client.flow if branch.client is not None else None
        return flow is not None and self._zones.of(flow).trusted

    def _for_us(self, uri: bytes, port: int | None = None) -> bool:
        """Whether a Request-URI names this node or domain itself, without a user."""
        if b"@" in uri:
            return False
        place = uri_host_port(uri)
        if port is not None and place.endswith(b":%d" % port):
            return True
        return place in self._sides.own or place in self._domains

    def _refuse(self, context: Context, refusal: Refusal, now: float) -> None:
        self._proxy.reject(context, refusal.status, now, headers=refusal.headers)
        if not refusal.usual and self._noise.allows(now):
            self._log(
                "request.refused",
                "warning",
                method=context.request.method.decode("latin-1"),
                uri=context.request.uri.decode("latin-1"),
                status=refusal.status,
                why=refusal.why,
                source=place_of(context.flow),
                call_id=context.call_id.decode("latin-1"),
            )

    def _malformed(self, data: bytes, flow: Flow, error: WireError, now: float) -> None:
        """Count and answer what `parse` refused."""
        self.counters["sip.malformed"] += 1
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive datagram
        if self._noise.allows(now):
            self._log("message.malformed", "warning", source=place_of(flow), why=str(error))
        answer = answer_malformed(data, flow, error)
        if answer is not None:
            self._outputs.append(Send(self._paths.reply_flow(flow, answer.port), answer.data))

    def _drain_zones(self, now: float) -> None:
        for link in self._zones.links.values():
            link.drain(now)

    def _own_flow_id(self) -> int:
        self._next_flow -= 1  # below zero: never one of the runtime's
        return self._next_flow

    def _log(self, event: str, level: str = "info", /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields, level))

    def snapshot(self, kind: str, now: float) -> list[dict[str, object]]:
        """State for `seaway status`: "zones", "calls", "history", "registrations", "counters". Raises `ValueError`."""
        if kind == "zones":
            return self._zones.snapshot(now)
        if kind in ("calls", "history"):
            return self._anchor.snapshot(kind, now)
        if kind == "registrations":
            return [registration_row(each, now) for each in self._registrar.all(now)]
        if kind == "counters":
            amounts = {
                **self.counters,
                "sip.transactions": len(self._proxy.layer),
                "sip.registrations": len(self._registrar),
            }
            return [{"name": name, "value": value} for name, value in sorted(amounts.items())]
        raise ValueError(f"no such view: {kind}")
