"""What the rows of the catalog give one node on each NIC: local ports, and who may be at the other end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from seaway.catalog.deployment import Node
from seaway.catalog.model import Transport
from seaway.catalog.ports import PortSet
from seaway.catalog.resolution import Connection, Resolution

__all__ = ["Claim", "claims_of"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one row gives this node on one NIC: local ports, and who may be at the other end."""

    row: str
    transport: Transport
    nic: str
    address: str
    ports: PortSet
    listens: bool
    far_networks: tuple[IPv4Network | IPv6Network, ...]  # of the family of `address` only
    far_ports: PortSet
    not_far: tuple[IPv4Network | IPv6Network, ...]  # "the internet" ends at our networks, other hosts are not our nodes

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return 6 if ":" in self.address else 4

    def reaches(self, host: IPv4Address | IPv6Address, port: int) -> bool:
        if self.far_ports.ranges and port not in self.far_ports:
            return False
        if any(host in each for each in self.not_far):
            return False
        return any(host in each for each in self.far_networks)


def claims_of(connection: Connection, node: Node, resolution: Resolution) -> Iterator[Claim]:
    """What `connection`, of this `resolution`, gives `node`: as source, as destination, or both."""
    for side, far, listens in (
        (connection.source, connection.destination, False),
        (connection.destination, connection.source, True),
    ):
        if node.name not in side.hosts or side.nic is None:
            continue
        ip = ip_network(side.networks[0]).network_address
        networks = [ip_network(each) for each in (*far.networks, *far.public)]
        yield Claim(
            connection.row.id, connection.carrier.transport, side.nic, str(ip), side.ports, listens,
            tuple(each for each in networks if each.version == ip.version), far.ports,
            _networks(resolution.known_networks if far.zone == "internet" else resolution.apart(far)),
        )  # fmt: skip


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in texts)
