"""What an Allocate asks for: REQUESTED-TRANSPORT, EVEN-PORT, RESERVATION-TOKEN, DONT-FRAGMENT (RFC 8656 §18.7 to
§18.10), and CONNECTION-ID (RFC 6062 §6.2.1)."""

from __future__ import annotations

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = [
    "TCP", "UDP", "connection_id", "decode_connection_id", "decode_dont_fragment", "decode_even_port",
    "decode_requested_transport", "decode_reservation_token", "dont_fragment", "even_port", "requested_transport",
    "reservation_token",
]  # fmt: skip

UDP = 17
TCP = 6
"""IANA protocol numbers."""


def requested_transport(protocol: int) -> Attribute:
    return Attribute(AttributeType.REQUESTED_TRANSPORT, bytes((protocol, 0, 0, 0)))


def decode_requested_transport(value: bytes) -> int:
    """The protocol number; the reserved octets are ignored. Raises `StunError`."""
    return _sized(value, 4, "REQUESTED-TRANSPORT", "RFC 8656 §18.8")[0]


def even_port(*, reserve_next: bool) -> Attribute:
    return Attribute(AttributeType.EVEN_PORT, b"\x80" if reserve_next else b"\x00")


def decode_even_port(value: bytes) -> bool:
    """The R bit: the next higher port is wanted too. Raises `StunError`."""
    return bool(_sized(value, 1, "EVEN-PORT", "RFC 8656 §18.7")[0] & 0x80)


def reservation_token(token: bytes) -> Attribute:
    return Attribute(AttributeType.RESERVATION_TOKEN, _sized(token, 8, "RESERVATION-TOKEN", "RFC 8656 §18.10"))


def decode_reservation_token(value: bytes) -> bytes:
    """Raises `StunError`."""
    return _sized(value, 8, "RESERVATION-TOKEN", "RFC 8656 §18.10")


def dont_fragment() -> Attribute:
    return Attribute(AttributeType.DONT_FRAGMENT, b"")


def decode_dont_fragment(value: bytes) -> None:
    """Its presence is all. Raises `StunError` when there is a value."""
    _sized(value, 0, "DONT-FRAGMENT", "RFC 8656 §18.9")


def connection_id(number: int) -> Attribute:
    return Attribute(AttributeType.CONNECTION_ID, number.to_bytes(4, "big"))


def decode_connection_id(value: bytes) -> int:
    """Raises `StunError`."""
    return int.from_bytes(_sized(value, 4, "CONNECTION-ID", "RFC 6062 §6.2.1"), "big")


def _sized(value: bytes, size: int, name: str, section: str) -> bytes:
    if len(value) != size:
        raise StunError(f"{name} length", len(value), section)
    return value
