"""USERNAME and SOFTWARE: UTF-8 text with a limit (RFC 8489 §14.3, §14.14)."""

from __future__ import annotations

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = ["decode_software", "decode_username", "software", "username"]

MAX_USERNAME = 508
"""RFC 8489 §14.3: fewer than 509 octets."""

MAX_SOFTWARE = 763
"""RFC 8489 §14.14: fewer than 128 characters, which is at most 763 octets."""


def username(text: str) -> Attribute:
    return Attribute(AttributeType.USERNAME, _encode(text, MAX_USERNAME))


def software(text: str) -> Attribute:
    return Attribute(AttributeType.SOFTWARE, _encode(text, MAX_SOFTWARE))


def decode_username(value: bytes) -> str:
    """Raises `StunError`."""
    return _decode(value, MAX_USERNAME, "RFC 8489 §14.3")


def decode_software(value: bytes) -> str:
    """Raises `StunError`."""
    return _decode(value, MAX_SOFTWARE, "RFC 8489 §14.14")


def _encode(text: str, limit: int) -> bytes:
    octets = text.encode()
    if len(octets) > limit:
        raise ValueError(f"text has {len(octets)} octets, limit {limit}")
    return octets


def _decode(value: bytes, limit: int, section: str) -> str:
    if len(value) > limit:
        raise StunError("text too long", limit, section)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StunError("text is not UTF-8", error.start, section) from None
