"""MAPPED-ADDRESS and XOR-MAPPED-ADDRESS (RFC 8489 §14.1, §14.2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import MAGIC_COOKIE

__all__ = ["Address", "decode_address", "decode_xor_address", "mapped_address", "xor_mapped_address"]

Address = tuple[str, int]
"""`(host, port)`: host is an IP literal without brackets."""

_FAMILY_LENGTH = {1: 8, 2: 20}


def mapped_address(address: Address) -> Attribute:
    return Attribute(AttributeType.MAPPED_ADDRESS, _encode(address, bytes(16), 0))


def xor_mapped_address(address: Address, transaction_id: bytes) -> Attribute:
    return Attribute(AttributeType.XOR_MAPPED_ADDRESS, _encode(address, _mask(transaction_id), MAGIC_COOKIE >> 16))


def decode_address(value: bytes) -> Address:
    """The value of MAPPED-ADDRESS. Raises `StunError`."""
    return _decode(value, bytes(16), 0, "RFC 8489 §14.1")


def decode_xor_address(value: bytes, transaction_id: bytes) -> Address:
    """The value of XOR-MAPPED-ADDRESS. Raises `StunError`."""
    return _decode(value, _mask(transaction_id), MAGIC_COOKIE >> 16, "RFC 8489 §14.2")


def _mask(transaction_id: bytes) -> bytes:
    return MAGIC_COOKIE.to_bytes(4, "big") + transaction_id


def _xor(octets: bytes, mask: bytes) -> bytes:
    return bytes(octet ^ other for octet, other in zip(octets, mask, strict=False))


def _encode(address: Address, mask: bytes, port_mask: int) -> bytes:
    host, port = address
    packed = ip_address(host).packed
    family = 1 if len(packed) == 4 else 2
    return bytes((0, family)) + (port ^ port_mask).to_bytes(2, "big") + _xor(packed, mask)


def _decode(value: bytes, mask: bytes, port_mask: int, section: str) -> Address:
    if len(value) < 2:
        raise StunError("address cut short", len(value), section)
    expected = _FAMILY_LENGTH.get(value[1])  # the first octet is ignored on receipt
    if expected is None:
        raise StunError("address family", 1, section)
    if len(value) != expected:
        raise StunError("address length", 2, section)
    port = int.from_bytes(value[2:4], "big") ^ port_mask
    packed = _xor(value[4:], mask)
    host = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    return str(host), port
