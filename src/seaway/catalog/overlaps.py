"""Connections that could claim the same packet. In a deployment whose proof is unambiguous there are none.

A firewall decides by order (the first row wins), and the guide itself has such pairs: outgoing SIP and TURN relays
over TCP share source ports (K-09).
"""

from __future__ import annotations

from ipaddress import ip_network
from itertools import combinations

from seaway.catalog.ports import PortRange, PortSet
from seaway.catalog.resolution import Connection, Party, Resolution, carried

__all__ = ["overlapping_ports", "overlaps"]


def overlaps(resolution: Resolution) -> tuple[tuple[Connection, Connection], ...]:
    """The pairs of connections for which one packet exists that matches both."""
    return tuple(
        (one, other)
        for one, other in combinations(resolution.connections, 2)
        if carried(one.carrier) == carried(other.carrier)
        and _meet(one.source, other.source)
        and _meet(one.destination, other.destination)
    )


def overlapping_ports(one: PortSet, other: PortSet) -> bool:
    """Whether a port is in both; sets without ports (bare IP protocols) meet each other."""
    if not one.ranges or not other.ranges:
        return not one.ranges and not other.ranges
    return any(_share(a, b) for a in one.ranges for b in other.ranges)


def _share(one: PortRange, other: PortRange) -> bool:
    low, high = max(one.low, other.low), min(one.high, other.high)
    # Steps are 1 or 2, so two neighbouring ports hold every parity.
    return any(port in one and port in other for port in range(low, min(low + 1, high) + 1))


def _meet(one: Party, other: Party) -> bool:
    if one.zone != other.zone or not overlapping_ports(one.ports, other.ports):
        return False
    if (one.nic is None) != (other.nic is None):
        return False  # a row about other hosts never means our nodes
    return any(
        a.version == b.version and a.overlaps(b)
        for a in map(ip_network, one.networks)
        for b in map(ip_network, other.networks)
    )
