"""Addresses to which nothing is ever sent, whoever names them: a peer in a header, or a name server (R35, R60).

The rows say where a node may send; "the internet" of a row is every address that is not known to be ours. Loopback and
link-local addresses lie on this machine or this wire only: a Contact, or a DNS record, that names one wants something
that listens beside us. They pass where the node's own NIC has such an address, as in a lab on loopback.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from seaway.catalog.deployment import Node

__all__ = ["Destinations"]

_NOWHERE = tuple(ip_network(each) for each in ("0.0.0.0/8", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b:1::/48"))


class Destinations:
    """Of one node. `own` has its addresses, also as a firewall translates them, as text."""

    def __init__(self, node: Node) -> None:
        addresses = [each for _, nic in node.nics for each in nic.addresses]
        self.own = frozenset(str(each.ip) for each in addresses)
        self.own |= {str(nic.public) for _, nic in node.nics if nic.public is not None}
        self._broadcasts = frozenset(
            each.network.broadcast_address for each in addresses if each.version == 4 and each.network.prefixlen < 31
        )
        self._on_loopback = any(each.ip.is_loopback for each in addresses)
        self._on_link = any(each.ip.is_link_local for each in addresses)

    def refusal(self, host: IPv4Address | IPv6Address) -> str | None:
        """Why nothing is sent to `host`; `None` when the rows may decide."""
        if str(host) in self.own or (host.is_loopback and not self._on_loopback):
            return "an address of this node itself"
        if (
            host.is_multicast
            or host in self._broadcasts
            or any(host in each for each in _NOWHERE if not host.is_loopback)
        ):
            return "no unicast address"
        if host.is_link_local and not self._on_link:
            return "an address of this wire only"
        return None
