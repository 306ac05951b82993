"""Which zone a flow belongs to, and the SIP side of the traversal links (OPTIONS with digest, pings).

The state of a link is in `core/traversal/zone.py`; this file makes and reads its messages.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from seaway.call.config import ControlConfig, NeighbourZone, TraversalZone
from seaway.call.events import LogEvent
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Context
from seaway.core.sip.io import CloseFlow, Flow, Hop, Send
from seaway.core.sip.locating import is_literal
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.sides import Sides
from seaway.core.traversal.zone import Dropped, ProbeZone, SendPing, StateChanged, ZoneClient, ZoneServer, ZoneState
from seaway.identity.digest import Authenticator, Challenge, Credentials, DigestError, Verdict, answer, choose, ha1
from seaway.policy.access import Access
from seaway.policy.zone_settings import ZoneSettings
from seaway.wire.endpoint import shown
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Response

__all__ = ["DEFAULT_ZONE", "ClientLink", "ServerLink", "Zone", "Zones"]

ZoneKind = Literal["default", "local", "neighbour", "traversal-client", "traversal-server", "dns"]
_UNTRUSTED = frozenset(("default", "local", "dns"))  # strangers, endpoints, whoever a domain belongs to
_STRENGTH = {"udp": 0, "tcp": 1, "tls": 2, "wss": 2}  # how much a source address over this transport proves
_LET_IN = 10_000  # certificates whose access was decided
_MAX_REFUSALS = 5  # wrong digests on one connection before it is closed


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a request comes from or goes to."""

    name: str
    kind: ZoneKind
    settings: ZoneSettings = field(default_factory=ZoneSettings)
    refused: bool = False  # an access rule keeps it out

    trusted: bool = field(init=False)
    traversal: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusted", self.kind not in _UNTRUSTED)
        object.__setattr__(self, "traversal", self.kind.startswith("traversal"))


DEFAULT_ZONE = Zone("default", "default", ZoneSettings(authentication="check"))


class _Link:
    """What both ends of a traversal link share."""

    def __init__(self, config: TraversalZone, machine: ZoneClient | ZoneServer, outputs: deque[Any]) -> None:
        self.config = config
        kind: ZoneKind = "traversal-client" if config.role == "client" else "traversal-server"
        self.zone = Zone(config.name, kind, config.settings)
        self.machine = machine
        self._outputs = outputs

    @property
    def flow(self) -> Flow | None:
        """The connection to use; `None` while the zone is not active."""
        return self.machine.flow if self.machine.state is ZoneState.ACTIVE else None

    def drain(self, now: float) -> None:
        """Turn the state machine's outputs into SIP outputs."""
        while (output := self.machine.next_output()) is not None:
            if isinstance(output, ProbeZone):
                self.probe(now)
            elif isinstance(output, SendPing):
                self._outputs.append(Send(output.flow, b"\r\n\r\n"))
            elif isinstance(output, Dropped):
                self._outputs.append(CloseFlow(output.flow, output.reason))
            elif isinstance(output, StateChanged):
                level = "warning" if output.state is ZoneState.FAILED else "info"
                fields: dict[str, object] = {
                    "zone": self.config.name, "state": output.state.value, "reason": output.reason,
                }  # fmt: skip
                self._outputs.append(LogEvent("zone.state", fields, level))

    def probe(self, now: float) -> None:
        """Send OPTIONS. Only the client does."""

    def snapshot(self, now: float) -> dict[str, object]:
        machine = self.machine
        flow = machine.flow
        return {
            "name": self.config.name,
            "kind": self.zone.kind,
            "state": machine.state.value,
            "reason": machine.reason,
            "since": round(now - machine.since, 1),
            "peer": shown(flow.remote) if flow else None,
            "local": shown(flow.local) if flow else None,
            "row": flow.row if flow else None,
        }


class ClientLink(_Link):
    """The core's end: dials, proves itself, keeps alive."""

    def __init__(
        self, config: TraversalZone, node: ControlConfig, sides: Sides, outputs: deque[Any],
        random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.client = ZoneClient(config.keep_alive, config.ping)
        super().__init__(config, self.client, outputs)
        self._sides = sides
        self._random = random
        self._domain = node.domains[0].encode()
        self._node = node.node.encode()
        self._hop = Hop("tls", config.host, config.port, "inner", config.verify_name, config.name)
        self._uri = f"sip:{config.verify_name}:{config.port};transport=tls"
        self._call_id = random(8).hex().encode() + b"@" + self._node
        self._cseq = 0
        self._challenge: Challenge | None = None
        self._count = 0  # nonce count of the challenge in use
        self._challenged = False  # this round was challenged once
        self._current: ClientTransaction | None = None
        self.layer: Proxy | None = None

    def probe(self, now: float) -> None:
        self._challenged = False
        self._send(now)

    def _send(self, now: float) -> None:
        assert self.layer is not None
        self._cseq += 1
        branch = b"z9hG4bK" + self._random(8).hex().encode()
        where = self.client.flow or self._hop
        lines = [
            f"OPTIONS {self._uri} SIP/2.0".encode(),
            self._sides.via(where) + branch,
            b"Max-Forwards: 1",
            b"From: <sip:%b@%b>;tag=%b" % (self._node, self._domain, self._call_id[:8]),
            b"To: <" + self._uri.encode() + b">",
            b"Call-ID: " + self._call_id,
            b"CSeq: %d OPTIONS" % self._cseq,
        ]
        if self._challenge is not None:
            self._count += 1
            lines.append(
                b"Authorization: "
                + answer(
                    self._challenge, self.config.user, self.config.password, "OPTIONS", self._uri,
                    cnonce=self._random(8).hex(), nc=self._count,
                ).encode()
            )  # fmt: skip
        lines += [b"Content-Length: 0", b"", b""]
        self._current = self.layer.layer.send_request(branch, b"OPTIONS", b"\r\n".join(lines), where, self, now)

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """An answer to OPTIONS; that of an attempt which was given up says nothing of the present one."""
        if response.status < 200 or client is not self._current:
            return
        if client.flow is not None:
            self.client.connected(client.flow, now)
        if response.status == 401 and not self._challenged:
            chosen = self._choose(response)
            if chosen is not None:
                self._challenge, self._count, self._challenged = chosen, 0, True
                self._send(now)
                return
        self.client.answered(response.status, now)

    def failed(self, client: ClientTransaction, reason: str, now: float) -> None:
        """OPTIONS could not be sent or was not answered."""
        if client is self._current:
            self.client.failed(reason, now)

    def _choose(self, response: Response) -> Challenge | None:
        challenges: list[Challenge] = []
        for value in response.all(b"www-authenticate"):
            try:
                parameters = digest_parameters(value)
                if parameters is not None:
                    challenges.append(Challenge.from_parameters(parameters))
            except (SipError, DigestError):
                continue
        return choose(challenges)


class ServerLink(_Link):
    """The edge's end: lets in the one peer with the right certificate name and digest."""

    def __init__(self, config: TraversalZone, node: ControlConfig, outputs: deque[Any], counters: Counter[str]) -> None:
        self.server = ZoneServer(config.keep_alive)
        super().__init__(config, self.server, outputs)
        self._authenticator = Authenticator(node.realm, node.secret, algorithms=("SHA-256",))
        self._stored = {"SHA-256": ha1("SHA-256", config.user, node.realm, config.password)}
        self._counters = counters
        self._refusals: dict[int, int] = {}

    def named(self, flow: Flow) -> bool:
        """Whether the peer's verified certificate carries the zone's name."""
        wanted = self.config.verify_name.lower()
        return any(name.lower() == wanted for name in flow.peer_names)

    def opened(self, flow: Flow, now: float) -> None:
        """A TLS connection on the zone's port: refused at once when the certificate is not the zone's."""
        if not self.named(flow):
            names = ", ".join(flow.peer_names) or "no name"
            reason = f"the certificate of {flow.remote[0]} carries {names}, not {self.config.verify_name}"
            self._counters["zone.refused.certificate"] += 1
            self.server.refused(reason, now)
            self._outputs.append(CloseFlow(flow, reason))

    def options(self, context: Context, proxy: Proxy, now: float) -> None:
        """OPTIONS on the zone's port: the keep-alive, and the only request before it has succeeded."""
        flow = context.flow
        if not self.named(flow):
            proxy.reject(context, 403, now)
            return
        source = flow.remote[0]
        verdict = Verdict.REFUSED
        offered = context.request.all(b"authorization")
        try:
            for value in offered:
                credentials = Credentials.from_parameters(digest_parameters(value) or {})
                stored = self._stored if credentials.user == self.config.user else None
                verdict = self._authenticator.verify(credentials, "OPTIONS", stored, source, now)
        except (SipError, DigestError):
            proxy.reject(context, 400, now)
            return
        if verdict is Verdict.ACCEPTED:
            self._refusals.pop(flow.id, None)
            proxy.reject(context, 200, now)
            self.server.authenticated(flow, now)
            return
        stale = verdict is Verdict.STALE
        if offered and not stale:
            count = self._refusals[flow.id] = self._refusals.get(flow.id, 0) + 1
            self._counters["zone.refused.digest"] += 1
            why = f"wrong user or password from {source}: check user and password of the traversal zone on both nodes"
            self.server.refused(why, now)
            if count >= _MAX_REFUSALS:
                self._outputs.append(CloseFlow(flow, "too many wrong passwords"))
        challenges = self._authenticator.challenges(source, now, stale=stale)
        headers = tuple((b"WWW-Authenticate", str(each).encode()) for each in challenges)
        proxy.reject(context, 401, now, headers=headers)

    def forget(self, flow: Flow) -> None:
        """The connection ended."""
        self._refusals.pop(flow.id, None)


class Zones:
    """All zones of a node."""

    def __init__(
        self, config: ControlConfig, sides: Sides, outputs: deque[Any], counters: Counter[str],
        random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.default = Zone("default", "default", config.default_zone.settings)
        self._access = Access(config.default_zone.access)
        self._let_in: dict[tuple[str, ...], Zone] = {}  # by the names in a certificate
        self.local = Zone("local", "local", config.local_zone)
        # Inside a dialog nobody knows whether an untrusted peer is a phone of ours or a stranger.
        self.allow_headers = (*self.default.settings.allow_headers, *self.local.settings.allow_headers)
        self.links: dict[str, ClientLink | ServerLink] = {}
        for zone in config.traversal:
            if zone.role == "client":
                self.links[zone.name] = ClientLink(zone, config, sides, outputs, random)
            else:
                self.links[zone.name] = ServerLink(zone, config, outputs, counters)
        self.neighbours: dict[str, NeighbourZone] = {zone.name: zone for zone in config.neighbours}
        zones = {name: Zone(name, "neighbour", each.settings) for name, each in self.neighbours.items()}
        self._peers = {name: (zones[name], _hops(each)) for name, each in self.neighbours.items() if each.addresses}
        self._by_address = {
            address: (zones[zone.name], zone) for zone in config.neighbours for address in zone.addresses
        }
        self._by_name = {
            zone.verify_name.lower(): (zones[zone.name], zone)
            for zone in config.neighbours
            if zone.verify_name is not None and zone.transport == "tls" and not all(map(is_literal, zone.addresses))
        }

    def attach(self, proxy: Proxy) -> None:
        """Give the client links what they send with."""
        for link in self.links.values():
            if isinstance(link, ClientLink):
                link.layer = proxy

    def opened(self, flow: Flow, zone: str, now: float) -> None:
        """A connection of a traversal zone is up."""
        link = self.links.get(zone)
        if isinstance(link, ServerLink):
            link.opened(flow, now)

    def refused(self, zone: str, reason: str, now: float) -> None:
        """Somebody came to the port of a traversal zone and TLS failed: shown while the zone is not active."""
        link = self.links.get(zone)
        if isinstance(link, ServerLink):
            link.server.refused(reason, now)

    def of(self, flow: Flow) -> Zone:
        """The zone of `flow`; "no zone" is the default zone, the least trusted one (R40)."""
        if flow.zone is not None:
            link = self.links.get(flow.zone)
            return link.zone if link is not None else self._stranger(flow)
        found = self._by_address.get(flow.remote[0])
        if found is None and self._by_name:  # peers that are known by name may have any address
            found = next(
                (self._by_name[name.lower()] for name in flow.peer_names if name.lower() in self._by_name), None
            )
        if found is None:
            return self._stranger(flow)
        zone, neighbour = found
        if flow.nic != neighbour.nic or _STRENGTH[flow.transport] < _STRENGTH[neighbour.transport]:
            return self._stranger(flow)  # an address in a datagram is easily forged
        if neighbour.verify_name is not None and neighbour.verify_name.lower() not in {
            name.lower() for name in flow.peer_names
        }:
            return self._stranger(flow)
        return zone

    def _stranger(self, flow: Flow) -> Zone:
        """The default zone as it is for `flow`: access rules look at the names in its certificate."""
        names = flow.peer_names
        if not names or not self._access:
            return self.default
        known = self._let_in.get(names)
        if known is None:
            rule = self._access.decide(names)
            settings = self.default.settings
            if rule is not None and rule.authentication is not None:
                settings = replace(settings, authentication=rule.authentication)
            known = Zone("default", "default", settings, refused=rule is None or rule.action == "deny")
            if len(self._let_in) >= _LET_IN:
                self._let_in.clear()
            self._let_in[names] = known
        return known

    def named(self, name: str) -> Zone | None:
        """The traversal or neighbour zone `name`."""
        link = self.links.get(name)
        if link is not None:
            return link.zone
        found = self._peers.get(name)
        return found[0] if found is not None else None

    def neighbour(self, name: str) -> tuple[Zone, Hop] | None:
        """A neighbour zone and its first peer."""
        found = self._peers.get(name)
        return (found[0], found[1][0]) if found is not None else None

    def peers(self, name: str) -> tuple[Zone, tuple[Hop, ...]]:
        """A neighbour zone and all its peers. Raises `KeyError`."""
        return self._peers[name]

    def snapshot(self, now: float) -> list[dict[str, object]]:
        """The traversal zones, for `seaway status zones`."""
        return [link.snapshot(now) for link in self.links.values()]


def _hops(neighbour: NeighbourZone) -> tuple[Hop, ...]:
    verify = neighbour.verify_name if neighbour.transport == "tls" else None
    return tuple(
        Hop(neighbour.transport, address, neighbour.port, neighbour.nic, verify) for address in neighbour.addresses
    )
