"""The concrete connections of one deployment, and the questions which the rest of the project asks of them.

`resolve.py` makes a `Resolution`; this file has the values and the queries: listeners, source ports, paths, and the
classification of an observed packet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from seaway.catalog import places
from seaway.catalog.deployment import Deployment
from seaway.catalog.model import Carrier, Opens, Row, Transport
from seaway.catalog.paths import crossed, passage, translator
from seaway.catalog.ports import PortSet

__all__ = ["Connection", "Direction", "Listener", "Party", "Resolution", "carried"]

Direction = Literal["forward", "reply"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a connection.

    `hosts` are names of the deployment's nodes or outside hosts; `networks` are CIDR strings ("10.0.1.20/32",
    "0.0.0.0/0") as seen on the wire next to that host; `nic` is set when the party is one of our nodes.
    `public` is the translated address (static NAT) under which the other side sees a node's outer NIC, if any.
    """

    entity: str
    zone: str  # "internal", "dmz", "internet"
    hosts: tuple[str, ...]
    networks: tuple[str, ...]
    ports: PortSet
    nic: str | None = None  # "inner" | "outer" | None
    public: tuple[str, ...] = ()

    @property
    def addressed_as(self) -> tuple[str, ...]:
        """What the other side sends to: the public addresses when there are any, else the networks."""
        return self.public or self.networks


@dataclass(frozen=True, slots=True)
class Connection:
    row: Row
    carrier: Carrier
    source: Party
    destination: Party
    opens: Opens
    also: tuple[str, ...] = ()  # ids of further rows that describe exactly this connection

    @property
    def key(self) -> str:
        """Stable name of the rule: row id, carrier and node names ("T11-01/tcp core1>edge1", "T11-01/tcp6 ...")."""
        source, destination = "+".join(self.source.hosts), "+".join(self.destination.hosts)
        return f"{self.row.id}/{self.carrier.transport}{'6' if self.version == 6 else ''} {source}>{destination}"

    @property
    def version(self) -> int:
        """The IP version, 4 or 6; that of both ends."""
        return 6 if ":" in self.source.networks[0] else 4


@dataclass(frozen=True, slots=True)
class Listener:
    """Ports of a node on which others open connections, or on which one-way media arrives."""

    row: Row
    carrier: Carrier
    nic: str
    address: str  # the NIC's real address
    ports: PortSet
    public: str | None = None  # the address others use, when a firewall translates


@dataclass(frozen=True)
class Resolution:
    connections: tuple[Connection, ...]
    deployment: Deployment
    warnings: tuple[str, ...] = ()

    def listeners(self, node: str) -> tuple[Listener, ...]:
        """Where `node` listens, each row, carrier and address once. Raises `KeyError` for an unknown node."""
        self.deployment.node(node)
        found: dict[tuple[str, Carrier, str, PortSet], Listener] = {}
        for connection in self.connections:
            party = connection.destination
            if node not in party.hosts or party.nic is None:
                continue
            address = party.networks[0].partition("/")[0]
            public = party.public[0] if party.public else None
            key = (connection.row.id, connection.carrier, address, party.ports)
            if key not in found or (public and not found[key].public):
                found[key] = Listener(connection.row, connection.carrier, party.nic, address, party.ports, public)
        return tuple(found.values())

    def of_row(self, row_id: str, node: str | None = None) -> tuple[Connection, ...]:
        """The connections of a row, also where they merged into an earlier row; of one node when `node` is given."""
        return tuple(
            each
            for each in self.connections
            if (each.row.id == row_id or row_id in each.also)
            and (node is None or node in each.source.hosts or node in each.destination.hosts)
        )

    def source_ports(self, row_id: str, node: str) -> PortSet:
        """The local ports which `node` may use for connections of this row. Raises `KeyError` when it has none."""
        for each in self.of_row(row_id):
            if node in each.source.hosts:
                return each.source.ports
        raise KeyError(f"{node} opens no connection of row {row_id} in deployment {self.deployment.name}")

    def path(self, connection: Connection) -> tuple[str, ...]:
        """Names of the firewalls that `connection` crosses, in the order of its first packet."""
        return self._paths[connection]

    @cached_property
    def _paths(self) -> dict[Connection, tuple[str, ...]]:
        return {each: self._path(each) for each in self.connections}

    def _path(self, connection: Connection) -> tuple[str, ...]:
        source, destination = connection.source, connection.destination
        one, other = self._segment(source), self._segment(destination)
        if one == other:
            return ()
        if source.public and destination.zone == "internal":
            # The public address of a single NIC, seen from inside: the way of the reflection, backwards.
            return crossed(self.deployment, other, one, reflected=True)[::-1]
        return crossed(self.deployment, one, other, reflected=bool(destination.public) and source.zone == "internal")

    def _segment(self, party: Party) -> str:
        return "dmz.outer" if party.zone == "dmz" and party.nic == "outer" else party.zone

    def seen_at(self, connection: Connection, party: Party, firewall: str) -> tuple[str, ...]:
        """The addresses of `party` (an end of `connection`) in the filter rules of `firewall`.

        The firewall that translates sees the real address (it filters after translating the destination and before
        translating the source), and so does every firewall on the node's side of it.
        """
        if not party.public:
            return party.networks
        path = self.path(connection)
        from_node = path if party is connection.source else path[::-1]
        at = translator(self.deployment, path)
        if at is None or firewall not in from_node or from_node.index(firewall) <= from_node.index(at.name):
            return party.networks
        return tuple(str(ip_network(address)) for address in party.public)

    def explain(
        self, source: str, source_port: int, destination: str, destination_port: int, transport: str
    ) -> tuple[Connection, Direction] | None:
        """The one connection an observed packet belongs to, and whether it goes forward or is a reply.

        `transport` is "tcp", "udp" or "ip/51" (ports 0). Public and real addresses both match. Rows that are one
        direction only have no replies. Forward matches go first; `None` when no row allows the packet.
        """
        one, other = _network(source), _network(destination)
        zones = (places.zone_of(one, self._zones), places.zone_of(other, self._zones))
        for each in self.connections:
            if carried(each.carrier) == transport and (
                self._is(each.source, one, source_port, zones[0])
                and self._is(each.destination, other, destination_port, zones[1])
            ):
                return each, "forward"
        for each in self.connections:
            if (
                each.opens is Opens.SOURCE
                and carried(each.carrier) == transport
                and (
                    self._is(each.source, other, destination_port, zones[1])
                    and self._is(each.destination, one, source_port, zones[0])
                )
            ):
                return each, "reply"
        return None

    def _is(self, party: Party, address: Network, port: int, zone: str) -> bool:
        if party.zone != zone or (party.ports.ranges and port not in party.ports):
            return False
        if party.nic is None and str(address.network_address) in self.node_addresses:
            return False  # a row about other hosts of that network does not mean our nodes
        return any(_inside(address, network) for network in (*party.networks, *party.public))

    def zones_at(self, connection: Connection, firewall: str) -> tuple[str, str]:
        """Between which of its zones `firewall` passes the first packet; twice the same for a NAT reflection."""
        source, destination = connection.source.zone, connection.destination.zone
        return passage(self.deployment, self.path(connection), source, destination)[firewall]

    @cached_property
    def known_networks(self) -> tuple[str, ...]:
        """The networks of the inside and the DMZ: a host anywhere else counts as internet."""
        return tuple(str(network) for networks in self._zones.values() for network in networks)

    @cached_property
    def _zones(self) -> dict[str, tuple[Network, ...]]:
        return places.zone_networks(self.deployment)

    @cached_property
    def node_addresses(self) -> frozenset[str]:
        """Every address of our nodes, real and public."""
        nics = [nic for node in self.deployment.nodes for _, nic in node.nics]
        real = {str(each.ip) for nic in nics for each in nic.addresses}
        return frozenset(real | {str(nic.public) for nic in nics if nic.public is not None})

    def apart(self, party: Party) -> tuple[str, ...]:
        """Addresses of our nodes inside the networks of `party`, which is somebody else: they are not meant."""
        if party.nic is not None or party.zone == "internet":
            return ()
        inside = [each for each in self.node_addresses if any(_inside(ip_network(each), net) for net in party.networks)]
        return tuple(sorted(inside))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows in use, in the order of their first connection; merged rows are under `Connection.also`."""
        return tuple({each.row.id: each.row for each in self.connections}.values())


def carried(carrier: Carrier) -> str:
    """What a packet of this carrier shows: "tcp", "udp", "ip/51"."""
    return f"ip/{carrier.protocol}" if carrier.transport is Transport.IP else str(carrier.transport)


@lru_cache(maxsize=4096)
def _network(text: str) -> Network:
    return ip_network(text)


@lru_cache(maxsize=65536)
def _inside(address: Network, network: str) -> bool:
    outer = _network(network)
    return address.version == outer.version and address.subnet_of(outer)  # type: ignore[arg-type]
