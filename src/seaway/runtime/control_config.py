"""From a node's file and the resolved deployment to what call control is told, and to the sockets that serve SIP.

The addresses and ports of the listeners are those of the catalog rows; nothing of them stands in the node's file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from seaway.call.config import ControlConfig, Listener, NeighbourZone, Registrations, Rule, TraversalZone, User
from seaway.catalog.deployment import Deployment, Node
from seaway.catalog.model import Security, Transport
from seaway.catalog.problems import Refused, did_you_mean
from seaway.catalog.resolve import Connection, Resolution
from seaway.core.sip.io import TransportName
from seaway.core.sip.locating import is_literal
from seaway.core.sip.registrar import Bounds
from seaway.identity.digest import ha1
from seaway.policy.call_policy import CallPolicy
from seaway.runtime.bandwidth_config import bandwidth_policy, memberships
from seaway.runtime.config import ConfigError, NodeConfig, Traversal
from seaway.runtime.policy_config import call_policy
from seaway.runtime.registration_config import identity, registrations
from seaway.runtime.search_config import search_rule, transform
from seaway.runtime.sip_rows import SIP_LISTENER_ROWS, SIP_UDP_ROWS, SIP_WSS_ROWS, TRAVERSAL_ROW
from seaway.runtime.zone_config import default_zone, dns_zone, enum_zone, zone_settings
from seaway.wire.endpoint import canonical

__all__ = ["control_config", "web_origins"]


def control_config(config: NodeConfig, deployment: Deployment, resolution: Resolution, secret: bytes) -> ControlConfig:
    """What call control needs to know. `secret`: of the node, at least 16 octets. Raises `ConfigError`."""
    node = deployment.node(config.node)
    domains = config.sip.domains or (deployment.domain,)
    realm = config.sip.realm or domains[0]
    peers = _peers(node, resolution)
    traversal = tuple(_zone(each, config, node, deployment, resolution) for each in config.traversal)
    return ControlConfig(
        node=node.name,
        role=node.role,
        domains=domains,
        realm=realm,
        listeners=_listeners(config, node, deployment, resolution),
        users=tuple(_user(each.name, each.password, each.ha1_sha256, each.ha1_md5, realm) for each in config.users),
        registrar=Bounds(
            config.registrar.minimum,
            config.registrar.maximum,
            config.registrar.default,
            config.registrar.contacts_per_user,
            config.registrar.bindings,
            config.registrar.flow_timer,
            config.registrar.strict_path,
            tuple(b"<%b>" % each.encode() for each in config.registrar.service_route),
        ),
        traversal=traversal,
        neighbours=tuple(
            NeighbourZone(
                each.name,
                tuple(map(canonical, each.addresses)),
                each.port,
                each.transport,
                each.nic,
                each.verify_name,
                zone_settings(each),
                each.monitor,
                peers.issuperset(each.addresses),
            )
            for each in config.neighbours
        ),
        dns_zones=tuple(dns_zone(each) for each in config.dns_zones),
        enum_zones=tuple(enum_zone(each) for each in config.enum_zones),
        default_zone=default_zone(config.default_zone),
        local_zone=zone_settings(config.local_zone, "check"),
        transforms=tuple(transform(each) for each in config.transforms),
        rules=tuple(Rule(each.priority, each.match, each.target) for each in config.rules),
        search_rules=tuple(search_rule(each) for each in config.search_rules),
        registrations=_registrations(config, domains),
        identities=tuple(identity(each) for each in config.identities),
        digest_algorithms=config.sip.digest_algorithms,
        watchers=config.registrar.watchers,
        persistent=True,
        secret=secret,
        media_idle=config.sip.media_idle,
        refer=config.sip.refer,
        b2bua_calls=config.sip.b2bua_calls,
        policy=_policy(config, node),
        bandwidth=bandwidth_policy(config.bandwidth, config.subzones, config.pipes, config.links, config.zone_names()),
        memberships=memberships(config.memberships, config.subzones),
    )


def web_origins(config: NodeConfig, deployment: Deployment) -> tuple[str, ...]:
    """Whose pages may open WebSockets here: those that are named, else those of this node and of its domains."""
    names = (deployment.node(config.node).fqdn, *(config.sip.domains or (deployment.domain,)))
    return config.sip.websocket_origins or tuple(f"https://{each.lower()}" for each in dict.fromkeys(names))


def _registrations(config: NodeConfig, domains: tuple[str, ...]) -> tuple[Registrations, ...]:
    ours = {each.lower() for each in domains}
    for each in config.domain_tables:
        if each.name.lower() not in ours:
            remedy = did_you_mean(each.name, ours, plural="domains")
            raise ConfigError("domain", each.name, "is none of the domains of this node", remedy)
    return tuple(registrations(each) for each in config.domain_tables)


def _policy(config: NodeConfig, node: Node) -> CallPolicy:
    if config.policy.service is not None and node.role != "core":
        raise ConfigError("policy.service", None, f"{node.role} asks no policy service", "let the core ask it")
    try:
        return call_policy(config.policy, config.call_rules)
    except Refused as error:
        raise ConfigError("policy.cpl", None, error.reason, error.remedy) from None


def _user(name: str, password: str | None, sha256: str | None, md5: str | None, realm: str) -> User:
    if password is not None:
        return User(name, {each: ha1(each, name, realm, password) for each in ("SHA-256", "MD5")})
    stored = {"SHA-256": sha256, "MD5": md5}
    return User(name, {algorithm: value for algorithm, value in stored.items() if value is not None})


def _listeners(config: NodeConfig, node: Node, deployment: Deployment, resolution: Resolution) -> tuple[Listener, ...]:
    """The SIP listeners of this node. Traversal ports are opened only for zones that are configured."""
    servers = {_port(each, deployment): each.name for each in config.traversal} if node.role == "edge" else {}
    found: dict[tuple[str, str, int], Listener] = {}  # what several rows share is one socket
    for each in resolution.listeners(node.name):
        if each.row.id not in SIP_LISTENER_ROWS:
            continue
        transport: TransportName = "udp" if each.carrier.transport is Transport.UDP else "tcp"
        if each.carrier.security is not Security.NONE:
            transport = "wss" if each.row.id in SIP_WSS_ROWS else "tls"
        for port in each.ports:
            zone = servers.get(port) if each.row.id == TRAVERSAL_ROW else None
            if each.row.id == TRAVERSAL_ROW and zone is None:
                continue
            mutual = transport == "tls" and (each.carrier.security is Security.MTLS or zone is not None)
            key = ("udp" if transport == "udp" else "tcp", each.address, port)
            shared = found.get(key)
            if shared is not None:
                if each.row.id != shared.row:
                    found[key] = replace(shared, more=(*shared.more, each.row.id))
                continue
            found[key] = Listener(
                transport,
                (each.address, port),
                (each.public or each.address, port),
                each.nic,
                each.row.id,
                mutual,
                zone,
            )
    for listener in _senders(node, resolution):
        key = ("udp", *listener.address)
        if key not in found:
            found[key] = listener
        elif listener.row not in (found[key].row, *found[key].more):
            found[key] = replace(found[key], more=(*found[key].more, listener.row))
    return tuple(found.values())


def _peers(node: Node, resolution: Resolution) -> frozenset[str]:
    """The addresses of other nodes to which this one may send media as their peer in a cluster."""
    found = (each.destination for each in resolution.of_row("T10-03", node.name) if node.name in each.source.hosts)
    return frozenset(network.partition("/")[0] for each in found for network in each.networks)


def _senders(node: Node, resolution: Resolution) -> Iterator[Listener]:
    """Ports from which this node sends SIP over UDP, whether or not others may begin there."""
    for each in resolution.connections:
        party = each.source
        if each.row.id in SIP_UDP_ROWS and node.name in party.hosts and party.nic is not None:
            address = party.networks[0].partition("/")[0]
            for port in party.ports:
                here = (address, port)
                yield Listener(
                    "udp", here, (party.public[0] if party.public else address, port), party.nic, each.row.id
                )


def _zone(
    zone: Traversal, config: NodeConfig, node: Node, deployment: Deployment, resolution: Resolution
) -> TraversalZone:
    where = f"traversal.{zone.name}"
    if node.role == "gateway":
        raise ConfigError(where, None, "a gateway has no traversal zones", "remove [[traversal]]")
    if zone.zone > deployment.sip.zones:
        raise ConfigError(
            f"{where}.zone",
            zone.zone,
            f"the deployment has {deployment.sip.zones} zones",
            "raise sip.zones of the deployment",
        )
    client = node.role == "core"
    peers = deployment.of_role("edge" if client else "core")
    verify_name = zone.verify_name
    if verify_name is None:
        if len(peers) != 1:
            raise ConfigError(f"{where}.verify_name", None, "is missing", "give the DNS name in the peer's certificate")
        verify_name = peers[0].fqdn
    host = zone.host or ""
    links = resolution.of_row(TRAVERSAL_ROW, node.name) if client else ()
    places = {address: each.version for each in links for address in _places(each)}
    if is_literal(host) and places and ip_address(host) not in map(ip_address, places):
        known = ", ".join(sorted(places))
        raise ConfigError(
            f"{where}.host", host, f"row {TRAVERSAL_ROW} leads to {known} alone", "give one of them, or leave it out"
        )
    if client and not host:
        first = min(places.values(), default=4)  # IPv4 where both ends have it
        reached = {address for address, version in places.items() if version == first}
        if len(reached) != 1:
            raise ConfigError(f"{where}.host", None, "is missing", "give the edge's name or address")
        host = reached.pop()
    if not client and zone.host is not None:
        raise ConfigError(f"{where}.host", zone.host, "the edge never dials", "remove it; the core dials the edge")
    return TraversalZone(
        zone.name,
        "client" if client else "server",
        zone.user,
        zone.password,
        verify_name,
        host,
        _port(zone, deployment),
        zone.keep_alive,
        zone.ping,
        zone_settings(zone),
    )


def _places(link: Connection) -> tuple[str, ...]:
    """Where the core dials the edge."""
    return link.destination.public or tuple(net.partition("/")[0] for net in link.destination.networks)


def _port(zone: Traversal, deployment: Deployment) -> int:
    return deployment.ports.traversal_sip + zone.zone - 1
