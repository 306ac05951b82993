"""Catalog + deployment -> concrete connections. Pure.

`resolve(deployment)` is the one function from which listeners, source ports, firewall rules, tables, diagrams and
proofs are derived.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.catalog.model import Carrier, Opens, Row
from seaway.catalog.ports import PortSet

__all__ = ["Connection", "Party", "Resolution"]


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
        """Stable name of the rule: row id, carrier and node names ("T11-01/tcp core1>edge1")."""
        return f"{self.row.id}/{self.carrier.transport} {'+'.join(self.source.hosts)}>{'+'.join(self.destination.hosts)}"


@dataclass(frozen=True, slots=True)
class Resolution:
    connections: tuple[Connection, ...]
