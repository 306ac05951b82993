"""ERROR-CODE and UNKNOWN-ATTRIBUTES (RFC 8489 §14.8, §14.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = ["ErrorCode", "decode_error_code", "decode_unknown_attributes", "error_code", "unknown_attributes"]

_SECTION = "RFC 8489 §14.8"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """`code` is 300 to 699."""

    code: int
    reason: str


def error_code(code: int, reason: str) -> Attribute:
    if not 300 <= code <= 699:
        raise ValueError(f"error code {code} is outside 300 to 699")
    return Attribute(AttributeType.ERROR_CODE, bytes((0, 0, code // 100, code % 100)) + reason.encode())


def decode_error_code(value: bytes) -> ErrorCode:
    """Raises `StunError`. A reason that is not UTF-8 is read with replacements: it is for people only."""
    if len(value) < 4:
        raise StunError("error code cut short", len(value), _SECTION)
    hundreds, number = value[2] & 0x07, value[3]
    if not 3 <= hundreds <= 6 or number > 99:
        raise StunError("error code", 2, _SECTION)
    return ErrorCode(hundreds * 100 + number, value[4:].decode("utf-8", "replace"))


def unknown_attributes(types: Sequence[int]) -> Attribute:
    return Attribute(AttributeType.UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in types))


def decode_unknown_attributes(value: bytes) -> tuple[int, ...]:
    """Raises `StunError`."""
    if len(value) % 2:
        raise StunError("odd length", len(value), "RFC 8489 §14.9")
    return tuple(int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value), 2))
