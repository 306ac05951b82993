"""Addresses inside addresses: which IPv4 addresses an IPv6 address stands for (R1).

Mapped and compatible (RFC 4291 §2.5.5), SIIT (RFC 2765 §2.1), NAT64 (RFC 6052 §2.2), 6to4 (RFC 3056 §2), Teredo
(RFC 4380 §4), ISATAP (RFC 5214 §6.1). Access control looks at what is inside, for that is where packets may end.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

__all__ = ["WELL_KNOWN_NAT64", "fold"]

WELL_KNOWN_NAT64 = IPv6Network("64:ff9b::/96")

_MAPPED = 0xFFFF  # bits 32 to 47 from the right with nothing before
_SIIT = 0xFFFF0000
_ISATAP = (0x00005EFE, 0x02005EFE)


def fold(address: IPv6Address, nat64: Iterable[IPv6Network] = ()) -> tuple[IPv4Address, ...]:
    """All IPv4 addresses that are written into `address`. `nat64`: prefixes besides 64:ff9b::/96.

    `::` and `::1` are no compatible addresses.
    """
    number, octets = int.from_bytes(address.packed, "big"), address.packed
    low = number & 0xFFFFFFFF
    inside: list[int] = []
    if number >> 32 in (0, _MAPPED, _SIIT) and number > 1:
        inside.append(low)
    if octets[:2] == b"\x20\x02":
        inside.append(number >> 80 & 0xFFFFFFFF)
    if octets[:4] == b"\x20\x01\x00\x00":
        inside += [low ^ 0xFFFFFFFF, number >> 64 & 0xFFFFFFFF]  # the client, the server
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        inside.append(low)
    for prefix in (WELL_KNOWN_NAT64, *nat64):
        if address in prefix:
            inside.append(_translated(octets, prefix.prefixlen))
    return tuple(IPv4Address(each) for each in dict.fromkeys(inside))


def _translated(octets: bytes, length: int) -> int:
    """RFC 6052 §2.2: the IPv4 address follows the prefix; octet 8 is left out."""
    after = octets[length // 8 :] if length == 96 else (octets[:8] + octets[9:])[length // 8 :]
    return int.from_bytes(after[:4], "big")
