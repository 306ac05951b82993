"""Where the TURN server of an edge stands: its listeners and its relay ports, as the rows of the resolved catalog say.

A row whose port setting is `turn` or `turn.tcp443` is a listener, and `relay` is the range of relayed addresses. One
socket serves all rows of its place; relayed addresses are on the outward NIC only.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from seaway.catalog.model import Transport
from seaway.catalog.ports import PortRange
from seaway.catalog.resolve import Resolution

__all__ = ["Place", "RelayPlace", "places", "relay_place"]

_WEB = 443


@dataclass(frozen=True, slots=True)
class Place:
    """One listening socket: all its rows, and whether web requests may come to it too (the port of HTTPS)."""

    transport: Transport
    nic: str
    port: int
    rows: tuple[str, ...]
    web: bool


@dataclass(frozen=True, slots=True)
class RelayPlace:
    """The NIC of relayed addresses. `public` is what clients and peers see when a firewall translates."""

    nic: str
    address: IPv4Address | IPv6Address
    public: IPv4Address | IPv6Address
    ports: PortRange
    udp: tuple[str, ...]  # rows of a relay's socket, both ways
    listens: tuple[str, ...]  # over TCP (RFC 6062): rows by which peers connect
    dials: tuple[str, ...]  # and rows by which we connect to peers


def places(resolution: Resolution, node: str) -> tuple[Place, ...]:
    """The listeners of `node`; () when the deployment has no TURN service."""
    found: dict[tuple[Transport, str, int], dict[str, None]] = {}
    for each in resolution.connections:
        side = each.destination
        if (
            node not in side.hosts
            or side.nic is None
            or each.row.destination.ports.setting not in ("turn", "turn.tcp443")
        ):
            continue
        for port in side.ports:
            rows = found.setdefault((each.carrier.transport, side.nic, port), {})
            rows.update(dict.fromkeys((each.row.id, *each.also)))
    return tuple(
        Place(transport, nic, port, tuple(rows), transport is Transport.TCP and port == _WEB)
        for (transport, nic, port), rows in sorted(found.items())
    )


def relay_place(resolution: Resolution, node: str) -> RelayPlace:
    """Where `node` has its relayed addresses."""
    name, nic = resolution.deployment.node(node).facing("outer")
    udp: dict[str, None] = {}
    listens: dict[str, None] = {}
    dials: dict[str, None] = {}
    for each in resolution.connections:
        tcp = each.carrier.transport is Transport.TCP
        for side, told, rows in (
            (each.source, each.row.source, dials if tcp else udp),
            (each.destination, each.row.destination, listens if tcp else udp),
        ):
            if node in side.hosts and side.nic == name and told.ports.setting == "relay":
                rows.update(dict.fromkeys((each.row.id, *each.also)))
    address = nic.address.ip
    public = nic.public if nic.public is not None and nic.public.version == address.version else address
    ports = resolution.deployment.ports.relay
    return RelayPlace(name, address, public, ports, tuple(udp), tuple(listens), tuple(dials))
