"""Where an entity of a row stands in one deployment: its hosts, NIC, zone and addresses.

The tokens of our own nodes map to NICs as the reference guide has it: a bare `edge` is the inner (private) address for
internal peers and the outer one for all others; `edge.public` is the outer NIC. With one NIC both are that NIC; with
static NAT on it the core addresses the public address (J-06).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Literal

from seaway.catalog.entities import ENTITIES

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment, NicName, Node

__all__ = ["NODE_TOKENS", "Place", "pairs", "zone_networks", "zone_of"]

Network = IPv4Network | IPv6Network

_EVERYWHERE: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_INNER = frozenset({"edge.private", "edge.internal_nic", "edge.turn.private"})
_OUTER = frozenset({"edge.public", "edge.public_nic", "edge.external_nic", "edge.turn.public"})
_BARE = frozenset({"edge", "edge.turn"})
_ROLES = {"core": "core", "gateway": "gateway", "gateway.b2bua": "gateway"}
NODE_TOKENS = frozenset({*_INNER, *_OUTER, *_BARE, *_ROLES, "expressway", "peer.this", "peer.other", "localhost"})


@dataclass(frozen=True, slots=True)
class Place:
    """One host (or one kind of outside host) on one side of a connection."""

    entity: str
    zone: str
    host: str
    networks: tuple[Network, ...]
    node: Node | None = None
    nic: NicName | None = None
    public: str | None = None  # the peer uses this address, which a firewall translates
    known: bool = True  # False: an internal host without an address in the deployment

    @property
    def segment(self) -> str:
        """The zone; the outer network of an edge with two NICs counts apart from the inner one."""
        return "dmz.outer" if self.node is not None and self.nic == "outer" else self.zone


def pairs(source: str, destination: str, deployment: Deployment) -> Iterator[tuple[Place, Place]]:
    """Every pair of places which a row from `source` to `destination` connects."""
    if source == "localhost" or destination == "localhost":
        return  # inside one node: no address of the deployment, no firewall
    if source == "peer.this" and destination == "peer.other":
        yield from _peers(deployment)
        return
    if source in NODE_TOKENS and destination in NODE_TOKENS:
        for node in _nodes(source, deployment):
            for peer in _nodes(destination, deployment):
                if node is not peer or source != destination:
                    yield _on(source, node, peer.role, opens=True), _on(destination, peer, node.role)
    elif source in NODE_TOKENS:
        for node in _nodes(source, deployment):
            for far in _outside(destination, deployment, _reach(source, node)):
                yield _on(source, node, far.zone, opens=True), far
    elif destination in NODE_TOKENS:
        for node in _nodes(destination, deployment):
            for far in _outside(source, deployment, _reach(destination, node)):
                yield far, _on(destination, node, far.zone)
    else:
        for one in _outside(source, deployment, None):
            for other in _outside(destination, deployment, None):
                yield one, other


def zone_networks(deployment: Deployment) -> dict[str, tuple[Network, ...]]:
    """The networks known to be in `internal` and `dmz`; everything else counts as internet."""
    internal: set[Network] = set()
    dmz: set[Network] = set()
    for node in deployment.nodes:
        home = dmz if node.role == "edge" else internal
        for _, nic in node.nics:
            home.update(each.network for each in nic.addresses)
            if nic.public is not None:
                dmz.add(ip_network(nic.public))
    for token, networks in deployment.hosts.items():
        zones = ENTITIES[token].zones
        if len(zones) == 1 and zones[0] != "internet":
            (internal if zones[0] == "internal" else dmz).update(networks)
    return {"internal": _collapsed(internal), "dmz": _collapsed(dmz)}


def zone_of(address: Network, known: Mapping[str, Iterable[Network]]) -> str:
    """The zone of an address, `known` being `zone_networks`."""
    for zone, networks in known.items():
        if any(net.version == address.version and address.subnet_of(net) for net in networks):  # type: ignore[arg-type]
            return zone
    return "internet"


def _collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Sorted, without networks that another one contains."""
    ordered = sorted(networks, key=lambda net: (net.version, int(net.network_address), net.prefixlen))
    kept: list[Network] = []
    for net in ordered:
        if not any(net.version == big.version and net.subnet_of(big) for big in kept):  # type: ignore[arg-type]
            kept.append(net)
    return tuple(kept)


def _nodes(token: str, deployment: Deployment) -> tuple[Node, ...]:
    if token == "expressway":
        return deployment.of_role("core") + deployment.of_role("edge")
    if token in ("peer.this", "peer.other"):
        return deployment.nodes
    return deployment.of_role(_ROLES.get(token, "edge"))


def _peers(deployment: Deployment) -> Iterator[tuple[Place, Place]]:
    """Peers of one cluster: all nodes of one role, over their inner NICs."""
    for node in deployment.nodes:
        for peer in deployment.of_role(node.role):
            if peer is not node:
                yield _place("peer.this", node, "inner", False), _place("peer.other", peer, "inner", False)


def _on(token: str, node: Node, peer: str, *, opens: bool = False) -> Place:
    """`node` as `peer` (a role or a zone) knows it; `opens` when `node` is the source."""
    if node.role != "edge":
        return _place(token, node, "inner", False)
    inside = peer in ("core", "gateway", "internal")
    outward = token in _OUTER or (token not in _INNER and not inside)
    if node.single_nic:
        # J-06: with one NIC and static NAT the core addresses the public address; other internal hosts the real one,
        # unless the row names the public one.
        return _place(token, node, "inner", outward or (not opens and peer in ("core", "gateway")))
    return _place(token, node, "outer" if outward else "inner", outward)


def _place(token: str, node: Node, side: Literal["inner", "outer"], by_public: bool) -> Place:
    name, nic = node.facing(side)
    zone = "dmz" if node.role == "edge" else "internal"
    public = str(nic.public) if by_public and nic.public is not None else None
    return Place(token, zone, node.name, tuple(ip_network(each.ip) for each in nic.addresses), node, name, public)


def _reach(token: str, node: Node) -> frozenset[str] | None:
    """The zones of `any` that a NIC serves. An outer NIC of two has no internal peers; `None` is no limit."""
    if node.role == "edge" and not node.single_nic:
        if token in _OUTER:
            return frozenset({"internet", "dmz"})
        if token in _INNER:
            return frozenset({"internal", "dmz"})
    return None


def _outside(token: str, deployment: Deployment, zones: frozenset[str] | None) -> Iterator[Place]:
    """An entity that is not ours: once per zone it may be in."""
    entity = ENTITIES[token]
    given = deployment.hosts.get(token)
    for zone in entity.zones:
        several = len(entity.zones) > 1
        if several and zones is not None and zone not in zones:
            continue
        if zone == "internet":
            networks = given if given and not several else _EVERYWHERE
        elif token == "any":
            networks = zone_networks(deployment).get(zone, ())
        else:
            networks = given or ()
        if several and not networks:
            continue  # nothing of that kind in this zone
        yield Place(token, zone, token, tuple(networks), known=bool(networks))
