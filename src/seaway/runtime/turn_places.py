"""Where the TURN server of an edge stands: its listeners and its relay ports, as the rows of the resolved catalog say.

A row whose port setting is `turn` or `turn.tcp443` is a listener, and `relay` is the range of relayed addresses. One
socket serves all rows of its place; relayed addresses are on the outward NIC only, of each family that it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from seaway.catalog.model import Transport
from seaway.catalog.ports import PortRange
from seaway.catalog.resolve import Resolution
from seaway.core.turn.io import Family

__all__ = ["Place", "RelayPlace", "RelayPlaces", "main_port", "places", "relay_places"]

_WEB = 443


@dataclass(frozen=True, slots=True)
class Place:
    """One listening socket: all its rows, and whether web requests may come to it too (the port of HTTPS)."""

    transport: Transport
    nic: str
    address: str
    port: int
    rows: tuple[str, ...]
    web: bool

    @property
    def family(self) -> Family:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class RelayPlace:
    """The relayed addresses of one family. `public` is what clients and peers see when a firewall translates."""

    nic: str
    address: IPv4Address | IPv6Address
    public: IPv4Address | IPv6Address
    ports: PortRange
    udp: tuple[str, ...]  # rows of a relay's socket, both ways
    listens: tuple[str, ...]  # over TCP (RFC 6062): rows by which peers connect
    dials: tuple[str, ...]  # and rows by which we connect to peers


RelayPlaces = Mapping[Family, RelayPlace]


def places(resolution: Resolution, node: str) -> tuple[Place, ...]:
    """The listeners of `node`; () when the deployment has no TURN service."""
    found: dict[tuple[Transport, str, int, int, str], dict[str, None]] = {}
    for each in resolution.connections:
        side = each.destination
        if (
            node not in side.hosts
            or side.nic is None
            or each.row.destination.ports.setting not in ("turn", "turn.tcp443")
        ):
            continue
        address = side.networks[0].partition("/")[0]
        for port in side.ports:
            rows = found.setdefault((each.carrier.transport, side.nic, each.version, port, address), {})
            rows.update(dict.fromkeys((each.row.id, *each.also)))
    return tuple(
        Place(transport, nic, address, port, tuple(rows), transport is Transport.TCP and port == _WEB)
        for (transport, nic, _, port, address), rows in sorted(found.items())
    )


def main_port(found: Sequence[Place]) -> int:
    """The port of TURN itself, where servers beside this one are too: not the one that is shared with the web."""
    return next((each.port for each in found if not each.web), found[0].port)


def relay_places(resolution: Resolution, node: str) -> RelayPlaces:
    """Where `node` has its relayed addresses: on the outward NIC, in each family that it has."""
    families: tuple[Family, ...] = (4, 6)
    found = {family: _relay_place(resolution, node, family) for family in families}
    return {family: place for family, place in found.items() if place is not None}


def _relay_place(resolution: Resolution, node: str, family: Family) -> RelayPlace | None:
    name, nic = resolution.deployment.node(node).facing("outer")
    interface = nic.of_family(family)
    if interface is None:
        return None
    udp: dict[str, None] = {}
    listens: dict[str, None] = {}
    dials: dict[str, None] = {}
    for each in resolution.connections:
        if each.version != family:
            continue
        tcp = each.carrier.transport is Transport.TCP
        for side, told, rows in (
            (each.source, each.row.source, dials if tcp else udp),
            (each.destination, each.row.destination, listens if tcp else udp),
        ):
            if node in side.hosts and side.nic == name and told.ports.setting == "relay":
                rows.update(dict.fromkeys((each.row.id, *each.also)))
    public = nic.public_of(family) or interface.ip
    ports = resolution.deployment.ports.relay
    return RelayPlace(name, interface.ip, public, ports, tuple(udp), tuple(listens), tuple(dials))
