"""Addresses in attributes: plain (MAPPED-ADDRESS, ALTERNATE-SERVER; RFC 8489 §14.1, §14.15) and XORed with cookie and
transaction id (XOR-MAPPED-ADDRESS, XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS; RFC 8489 §14.2, RFC 8656 §18.3, §18.5)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import MAGIC_COOKIE

__all__ = [
    "Address", "alternate_server", "decode_address", "decode_xor_address", "mapped_address", "xor_address_value",
    "xor_mapped_address", "xor_peer_address", "xor_relayed_address",
]  # fmt: skip

Address = tuple[str, int]
"""`(host, port)`: host is an IP literal without brackets."""

_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")
_FAMILY_LENGTH = {1: 8, 2: 20}


def mapped_address(address: Address) -> Attribute:
    return Attribute(AttributeType.MAPPED_ADDRESS, _encode(address, bytes(16), 0))


def alternate_server(address: Address) -> Attribute:
    return Attribute(AttributeType.ALTERNATE_SERVER, _encode(address, bytes(16), 0))


def xor_mapped_address(address: Address, transaction_id: bytes) -> Attribute:
    return Attribute(AttributeType.XOR_MAPPED_ADDRESS, xor_address_value(address, transaction_id))


def xor_peer_address(address: Address, transaction_id: bytes) -> Attribute:
    return Attribute(AttributeType.XOR_PEER_ADDRESS, xor_address_value(address, transaction_id))


def xor_relayed_address(address: Address, transaction_id: bytes) -> Attribute:
    return Attribute(AttributeType.XOR_RELAYED_ADDRESS, xor_address_value(address, transaction_id))


def xor_address_value(address: Address, transaction_id: bytes) -> bytes:
    """The value of any of the XOR attributes. With IPv4 it does not depend on the transaction."""
    return _encode(address, _mask(transaction_id), MAGIC_COOKIE >> 16)


def decode_address(value: bytes) -> Address:
    """The value of MAPPED-ADDRESS or ALTERNATE-SERVER. Raises `StunError`."""
    return _decode(value, bytes(16), 0, "RFC 8489 §14.1")


def decode_xor_address(value: bytes, transaction_id: bytes) -> Address:
    """The value of any of the XOR attributes. Raises `StunError`."""
    return _decode(value, _mask(transaction_id), MAGIC_COOKIE >> 16, "RFC 8489 §14.2")


def _mask(transaction_id: bytes) -> bytes:
    return _COOKIE + transaction_id


def _xor(octets: bytes, mask: bytes) -> bytes:
    size = len(octets)
    return (int.from_bytes(octets, "big") ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")


@lru_cache(4096)
def _packed(host: str) -> bytes:
    return ip_address(host).packed


@lru_cache(4096)
def _host(packed: bytes) -> str:
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def _encode(address: Address, mask: bytes, port_mask: int) -> bytes:
    host, port = address
    packed = _packed(host)
    head = b"\x00\x01" if len(packed) == 4 else b"\x00\x02"
    return head + (port ^ port_mask).to_bytes(2, "big") + _xor(packed, mask)


def _decode(value: bytes, mask: bytes, port_mask: int, section: str) -> Address:
    if len(value) < 2:
        raise StunError("address cut short", len(value), section)
    expected = _FAMILY_LENGTH.get(value[1])  # the first octet is ignored on receipt
    if expected is None:
        raise StunError("address family", 1, section)
    if len(value) != expected:
        raise StunError("address length", 2, section)
    port = (value[2] << 8 | value[3]) ^ port_mask
    return _host(_xor(value[4:], mask)), port
