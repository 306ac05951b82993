"""An IP address and a port: as one text for views and log lines, of which IP version, and from what source."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Literal

__all__ = ["canonical", "scoped", "shown", "source_of", "version_of"]


def shown(address: tuple[str, int]) -> str:
    """ "203.0.113.20:5060", "[2001:db8::20]:5060" (RFC 5952 §6)."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def version_of(address: tuple[str, int]) -> Literal[4, 6]:
    """The IP version of an address with an IP literal."""
    return 6 if ":" in address[0] else 4


@lru_cache(maxsize=10_000)
def canonical(host: str) -> str:
    """An IP literal as the kernel prints the source of a packet (RFC 5952 §4; IPv4 in the form of IPv6 as IPv4);
    anything else as it is."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def source_of(host: str) -> str:
    """What counts as one source where connections, allocations and offences are: an IPv4 address, or the first address
    of an IPv6 /64, of which one household has all. IPv4 in the form of IPv6 is IPv4. Raises `ValueError`."""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or IPv6Address(address.packed[:8] + bytes(8)))


def scoped(host: str) -> bool:
    """Whether the kernel says by which interface it knows `host` (RFC 4007 §11): a link-local address. No SIP header,
    SDP or STUN attribute can carry that, so nobody can answer such a peer by what they say."""
    return "%" in host
