"""ICMP: what an ICMP message told about a datagram to a peer (RFC 8656 §18.13)."""

from __future__ import annotations

from typing import NamedTuple

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = ["Icmp", "decode_icmp", "icmp"]


class Icmp(NamedTuple):
    """`error_data`: four octets, zero but for "packet too big" (the MTU)."""

    type: int
    code: int
    error_data: bytes = bytes(4)


def icmp(value: Icmp) -> Attribute:
    """Type has 7 bits and code 9 (RFC 8656 §18.13)."""
    if not 0 <= value.type < 128 or not 0 <= value.code < 512 or len(value.error_data) != 4:
        raise ValueError(f"ICMP attribute: type {value.type}, code {value.code}")
    both = (value.type << 9 | value.code).to_bytes(2, "big")
    return Attribute(AttributeType.ICMP, bytes(2) + both + value.error_data)


def decode_icmp(value: bytes) -> Icmp:
    """Raises `StunError`."""
    if len(value) != 8:
        raise StunError("ICMP length", len(value), "RFC 8656 §18.13")
    both = value[2] << 8 | value[3]
    return Icmp(both >> 9, both & 0x1FF, value[4:])
