"""LIFETIME: seconds for which an allocation is kept without a refresh (RFC 8656 §18.2)."""

from __future__ import annotations

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = ["decode_lifetime", "lifetime"]


def lifetime(seconds: int) -> Attribute:
    return Attribute(AttributeType.LIFETIME, seconds.to_bytes(4, "big"))


def decode_lifetime(value: bytes) -> int:
    """Raises `StunError`."""
    if len(value) != 4:
        raise StunError("LIFETIME length", len(value), "RFC 8656 §18.2")
    return int.from_bytes(value, "big")
