"""REQUESTED- and ADDITIONAL-ADDRESS-FAMILY, ADDRESS-ERROR-CODE (RFC 8656 §18.6, §18.11, §18.12).

Families are 4 and 6 here; on the wire 0x01 and 0x02.
"""

from __future__ import annotations

from typing import Literal

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = [
    "additional_address_family", "address_error_code", "decode_address_error_code", "decode_address_family",
    "requested_address_family",
]  # fmt: skip

_ON_WIRE = {4: 1, 6: 2}


def requested_address_family(family: int) -> Attribute:
    return Attribute(AttributeType.REQUESTED_ADDRESS_FAMILY, bytes((_ON_WIRE[family], 0, 0, 0)))


def additional_address_family(family: int = 6) -> Attribute:
    return Attribute(AttributeType.ADDITIONAL_ADDRESS_FAMILY, bytes((_ON_WIRE[family], 0, 0, 0)))


def decode_address_family(value: bytes) -> Literal[4, 6] | None:
    """The value of the first two; the reserved octets are ignored. `None`: a family that RFC 8656 does not know.

    Raises `StunError` for its length.
    """
    if len(value) != 4:
        raise StunError("address family length", len(value), "RFC 8656 §18.6")
    return 4 if value[0] == 1 else 6 if value[0] == 2 else None


def address_error_code(family: int, code: int, reason: str) -> Attribute:
    """Why there is no relayed address of `family` in a success answer."""
    if not 300 <= code <= 699:
        raise ValueError(f"error code {code} is outside 300 to 699")
    head = bytes((_ON_WIRE[family], 0, code // 100, code % 100))
    return Attribute(AttributeType.ADDRESS_ERROR_CODE, head + reason.encode())


def decode_address_error_code(value: bytes) -> tuple[int, int, str]:
    """Family (4, 6), code, reason. Raises `StunError`."""
    if len(value) < 4:
        raise StunError("ADDRESS-ERROR-CODE cut short", len(value), "RFC 8656 §18.12")
    family = decode_address_family(value[:4])
    hundreds, number = value[2] & 0x07, value[3]
    if family is None or not 3 <= hundreds <= 6 or number > 99:
        raise StunError("ADDRESS-ERROR-CODE", 0, "RFC 8656 §18.12")
    return family, hundreds * 100 + number, value[4:].decode("utf-8", "replace")
