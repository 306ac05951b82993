"""The frame of an attribute: type, length, value, padding (RFC 8489 §14). Values are in files of their own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from seaway.wire.stun.errors import StunError

__all__ = ["Attribute", "AttributeType", "decode_attributes", "encode_attribute"]

_FRAME = Struct("!HH")


class AttributeType(IntEnum):
    """RFC 8489 §18.3, RFC 8656 §18, RFC 8445 §16.1, RFC 6062 §6.2, RFC 8016 §4; our own `PROBE_SEQUENCE`
    (docs/traversal-media.md)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_ADDRESS_FAMILY = 0x0017
    EVEN_PORT = 0x0018
    REQUESTED_TRANSPORT = 0x0019
    DONT_FRAGMENT = 0x001A
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    RESERVATION_TOKEN = 0x0022
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    CONNECTION_ID = 0x002A
    ADDITIONAL_ADDRESS_FAMILY = 0x8000
    ADDRESS_ERROR_CODE = 0x8001
    PASSWORD_ALGORITHMS = 0x8002
    ALTERNATE_DOMAIN = 0x8003
    ICMP = 0x8004
    SOFTWARE = 0x8022
    ALTERNATE_SERVER = 0x8023
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    MOBILITY_TICKET = 0x8030
    PROBE_SEQUENCE = 0xC5EA


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute as octets. `offset` is where its type field stands in the message it came from; -1 when built."""

    type: int
    value: bytes
    offset: int = -1

    @property
    def comprehension_required(self) -> bool:
        """RFC 8489 §14: types below 0x8000 must be understood by the receiver."""
        return self.type < 0x8000


def encode_attribute(attribute: Attribute) -> bytes:
    """Type, length, value; padding is always zero (RFC 8489 §14), whatever the value's source had."""
    value = attribute.value
    if len(value) > 0xFFFF:
        raise ValueError("an attribute value has at most 65535 octets")
    return _FRAME.pack(attribute.type, len(value)) + value + bytes(-len(value) % 4)


def decode_attributes(data: bytes, start: int, *, max_attributes: int = 64) -> tuple[Attribute, ...]:
    """All attributes from octet `start` to the end, unknown ones too. Raises `StunError`.

    Padding content is ignored on receipt (RFC 8489 §14); its presence is not.
    """
    attributes: list[Attribute] = []
    position, end = start, len(data)
    while position < end:
        if len(attributes) == max_attributes:
            raise StunError("too many attributes", position, "RFC 8489 §14")
        if end - position < 4:
            raise StunError("attribute header cut short", position, "RFC 8489 §14")
        kind, length = _FRAME.unpack_from(data, position)
        value_end = position + 4 + length
        padded_end = value_end + -length % 4
        if padded_end > end:
            raise StunError("attribute longer than the message", position, "RFC 8489 §14")
        attributes.append(Attribute(kind, data[position + 4 : value_end], position))
        position = padded_end
    return tuple(attributes)
