"""Where a request goes: bindings for new requests, route tokens for requests inside a dialog.

Also the reverse: what the route token towards the sender of a request has to hold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

from seaway.call.config import ControlConfig, Listener
from seaway.call.contacts import Contacts
from seaway.call.found import Found
from seaway.call.returning import Returning
from seaway.call.zones import Zone, Zones
from seaway.core.sip.context import Target
from seaway.core.sip.io import Address, Flow, Hop, Place, TransportName
from seaway.core.sip.locating import is_literal
from seaway.core.sip.registrar import Binding, Registrar
from seaway.core.sip.routing import first_route, uri_host_port
from seaway.core.sip.sides import Sides, host_port
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import uri_of
from seaway.wire.sip.uri import SipUri, parse_request_uri, parse_uri

__all__ = ["Paths"]

_CACHE = 10_000  # entries of each cache


class Paths:
    """Routing of one node."""

    def __init__(
        self, config: ControlConfig, zones: Zones, registrar: Registrar, sides: Sides, flows: dict[int, Flow],
        new_flow_id: Callable[[], int], boot: bytes,
    ) -> None:  # fmt: skip
        self._stream = b"f" + boot + b"-%x"  # flow ids begin again with each process, tokens live on
        self._zones = zones
        self._registrar = registrar
        self._sides = sides
        self._flows = flows  # open streams by id
        self._new_flow_id = new_flow_id
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._default_domain = config.domains[0].lower().encode()
        self._udp: tuple[Listener, ...] = tuple(each for each in config.listeners if each.transport == "udp")
        self._outward = "outer" if any(each.nic == "outer" for each in config.listeners) else "inner"
        self.returning = Returning()
        self.contacts = Contacts(registrar, zones, self.flow_payload, self.to_hop)
        self._udp_flows: dict[tuple[int, Address], Flow] = {}
        # Caches of pure functions, emptied when full: phones say the same again and again.
        self._aliases: dict[bytes, bytes | None] = {}
        self._by_uri: dict[bytes, Target] = {}

    # -- new requests

    def alias(self, uri: bytes) -> bytes | None:
        """The `user@domain` that is looked for; our own address as host stands for the first domain.

        `None` when the URI has no user, unless its host is an IP address. Raises `SipError` (416 for another scheme,
        RFC 3261 §16.3 step 2).
        """
        if uri in self._aliases:
            return self._aliases[uri]
        parsed = parse_request_uri(uri)
        aor: bytes | None = parsed.aor()
        if aor is None or b"@" not in aor:
            aor = aor if is_literal(parsed.address) and uri_host_port(uri) not in self._sides.own else None
        else:
            user, _, host = aor.rpartition(b"@")
            if host not in self._domains and uri_host_port(uri) in self._sides.own:
                aor = user + b"@" + self._default_domain
        _remember(self._aliases, uri, aor)
        return aor

    def reach(self, bindings: list[Binding], now: float) -> Found | None:
        """Where registered phones are reached; `None` when none of them can be."""
        reached = self.contacts.reach(bindings, now)
        if not reached.groups:
            return None
        found = Found(None, reached.groups[0])
        found.later, found.zones = reached.groups[1:], reached.zones
        return found

    def gruu(self, uri: bytes, now: float) -> Found | None:
        """A new request for a GRUU of ours: all flows of that device (RFC 5627 §6.1). `None`: it is none."""
        bindings = self.contacts.of_gruu(uri, now)
        if bindings is None:
            return None
        if not bindings and b";gr=" not in uri:
            return Found(None, [], 404, "the temporary GRUU is not valid any more")
        found = self.reach(bindings, now) or Found(None, [], 480, "the device of this GRUU cannot be reached")
        found.alias = bindings[0].aor if bindings else None
        return found

    def flow_payload(self, flow: Flow) -> bytes:
        """What a token towards the phone on `flow` holds."""
        return self._udp_payload(flow) if flow.transport == "udp" else self._stream % flow.id

    def by_path(self, uri: bytes, payload: bytes) -> Target | None:
        """Where a request with our Path token goes; `None` when that flow is gone (RFC 5626 §5.3.1)."""
        flow = self._flow_of(payload) if payload[:1] in (b"f", b"u") else None
        return Target(uri, flow, payload) if flow is not None else None

    # -- requests inside a dialog

    def follow(self, request: Request, token: bytes, now: float) -> Target | None:
        """Where a request with our route token goes; `None` when that place is gone. Raises `SipError`."""
        kind, rest = token[:1], token[1:]
        if kind == b"z":
            name = rest.decode()
            uri = self.contacts.settled(request.uri, now)
            link = self._zones.links.get(name)
            if link is not None:
                return Target(uri, link.flow, token) if link.flow is not None else None
            hop = self._peer(name, request)
            return self.to_hop(uri, hop, token) if hop is not None else None
        if kind == b"f":
            flow = self._flow_of(token)
            if flow is not None:
                return Target(self.contacts.settled(request.uri, now), flow, token)
            binding = self._registrar.by_contact(request.uri, now)  # the phone has come back on another connection
            if binding is None:
                binding = next(iter(self.contacts.of_gruu(request.uri, now) or ()), None)
            return self.contacts.target(binding) if binding is not None else self._returned(request.uri)
        if kind == b"u":
            flow = self._flow_of(token)
            return Target(self.contacts.settled(request.uri, now), flow, token) if flow is not None else None
        if b";gr" in request.uri:
            bindings = self.contacts.of_gruu(request.uri, now)
            target = self.contacts.target(bindings[0]) if bindings and not bindings[0].path else None
            if target is not None:
                return target
        return self.by_uri(request)

    def _returned(self, uri: bytes) -> Target | None:
        """A phone whose registration is elsewhere, on the connection that it has now."""
        flow = self.returning.flow(uri)
        return Target(uri, flow, self._stream % flow.id) if flow is not None and flow.id in self._flows else None

    def _peer(self, name: str, request: Request) -> Hop | None:
        """The peer of a neighbour zone that has the dialog: the one that Route or Request-URI names, else the first."""
        try:
            hops = self._zones.peers(name)[1]
        except KeyError:
            return None
        if len(hops) > 1:
            route = first_route(request) if b"route" in request.names else None
            place = uri_host_port(route or request.uri)
            host = place[1:].partition(b"]")[0] if place.startswith(b"[") else place.partition(b":")[0]
            return next((hop for hop in hops if hop.host.encode() == host), hops[0])
        return hops[0]

    def _flow_of(self, token: bytes) -> Flow | None:
        """The flow that a token payload of ours names: an open stream of this process, or a UDP source."""
        if token[:1] == b"f":
            flow = self._flows.get(int(token.rpartition(b"-")[2], 16))  # ours: the token's MAC was checked
            return flow if flow is not None and token == self._stream % flow.id else None
        index, port, host = token[1:].split(b"-")
        if int(index) >= len(self._udp):
            return None  # there were more listeners when the token was made
        return self._udp_flow(self._udp[int(index)], (bytes.fromhex(host.decode()).decode(), int(port)))

    def by_uri(self, request: Request) -> Target | None:
        """RFC 3261 §16.6 steps 6 and 7: the next Route value, else the Request-URI, decides. Raises `SipError`."""
        route = first_route(request) if b"route" in request.names else None
        if route is None:
            known = self._by_uri.get(request.uri)
            if known is not None:
                return known
        uri = parse_uri(route if route is not None else request.uri)
        if not isinstance(uri, SipUri):
            raise SipError("cannot follow a URI that is not SIP", status=416, section="RFC 3261 §21.4.14")
        if is_literal(uri.address):
            transport = self._transport(uri)
            host = _unicast(uri.address)
            port = uri.port or (5061 if transport == "tls" else 5060)
            if host_port((host, port)) in self._sides.own:
                raise SipError("the next hop is this node itself", status=482, section="RFC 3261 §16.3")
            hop = Hop(transport, host, port, self._outward, host if transport == "tls" else None)
            target = self.to_hop(request.uri, hop, b"n")
        else:
            target = Target(request.uri, self.place(uri))
        if route is None:
            _remember(self._by_uri, request.uri, target)
        return target

    def place(self, uri: SipUri) -> Place:
        """The place that a URI with a name leads to (RFC 3263). Raises `SipError`."""
        host = _unicast(uri.address)
        if host_port((host, uri.port or 5060)) in self._sides.own or host.encode() in self._sides.own:
            raise SipError("the next hop is this node itself", status=482, section="RFC 3261 §16.3")
        transport = self._transport(uri) if uri.secure or uri.transport is not None else None
        return Place(host, self._outward, uri.port, transport, uri.secure, self._sides.transports(self._outward))

    def _transport(self, uri: SipUri) -> TransportName:
        name = "tls" if uri.secure else (uri.transport or "udp").lower()
        if name not in ("udp", "tcp", "tls") or not self._sides.has(name, self._outward):  # type: ignore[arg-type]
            raise SipError(f"transport {name} is not available here", status=480)
        return name  # type: ignore[return-value]

    def to_hop(self, uri: bytes, hop: Hop, payload: bytes, hop_count: int = 255) -> Target:
        """A hop over UDP to an address is a flow already; the rest is dialled by the runtime."""
        if hop.transport == "udp" and (hop.host[:1].isdigit() or ":" in hop.host):
            for listener in self._udp:
                if listener.nic == hop.nic and (":" in listener.address[0]) == hop.six:
                    flow = self._udp_flow(listener, (hop.host, hop.port))
                    return Target(uri, flow, payload, hop_count=hop_count)
        return Target(uri, hop, payload, hop_count=hop_count)

    # -- where a request came from

    def back(self, request: Request, flow: Flow, zone: Zone) -> bytes:
        """The token payload that leads back to the sender of `request`."""
        if zone.trusted and (zone.traversal or flow.transport != "udp"):
            return b"z" + zone.name.encode()
        if flow.transport != "udp":
            return self._stream % flow.id
        contact = request.get(b"contact")
        if contact is None:
            return self._udp_payload(flow)
        place = host_port(flow.remote)
        # The short way for <sip:user@host:port> and nothing else: then the last @ stands before our place.
        if contact.endswith(b"@" + place + b">") and contact.startswith(b"<sip:") and contact.count(b">") == 1:
            return b"n"
        return b"n" if uri_host_port(uri_of(contact)) == place else self._udp_payload(flow)

    def _udp_payload(self, flow: Flow) -> bytes:
        for index, listener in enumerate(self._udp):
            if listener.address == flow.local:
                return b"u%d-%d-%b" % (index, flow.remote[1], flow.remote[0].encode().hex().encode())
        return b"n"

    def reply_flow(self, flow: Flow, port: int) -> Flow:
        """The flow for responses: `flow` itself, or for UDP without `rport` the sent-by port at the same address."""
        if flow.transport != "udp" or flow.remote[1] == port:
            return flow
        for listener in self._udp:
            if listener.address == flow.local:
                return self._udp_flow(listener, (flow.remote[0], port))
        return flow

    def udp_flow(self, local: Address, remote: Address) -> Flow | None:
        """The flow of a UDP listener of ours; `None` when nobody listens at `local`."""
        for listener in self._udp:
            if listener.address == local:
                return self._udp_flow(listener, remote)
        return None

    def _udp_flow(self, listener: Listener, remote: Address) -> Flow:
        key = (id(listener), remote)
        flow = self._udp_flows.get(key)
        if flow is None:
            flow = Flow(self._new_flow_id(), "udp", listener.address, remote, listener.nic, listener.row)
            _remember(self._udp_flows, key, flow)
        return flow


@lru_cache(maxsize=1000)
def _unicast(host: str) -> str:
    """`host` in the form to use as a next hop (R35). Raises `SipError` for what is no unicast address or no name."""
    try:
        address = ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last.startswith("0x"):  # no name, but an address to some resolvers: 0x7f.1, 3758096385
            raise SipError("the next hop is neither an address nor a name", status=403) from None
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_multicast or address.is_unspecified or (address.version == 4 and address.is_reserved):
        raise SipError("the next hop is no unicast address", status=403)
    return str(address)


_K = TypeVar("_K")
_V = TypeVar("_V")


def _remember(cache: dict[_K, _V], key: _K, value: _V) -> None:
    if len(cache) >= _CACHE:
        cache.clear()
    cache[key] = value
