from __future__ import annotations

import pytest

from seaway.wire.stun.error_code import (
    ErrorCode,
    decode_error_code,
    decode_unknown_attributes,
    error_code,
    unknown_attributes,
)
from seaway.wire.stun.errors import StunError


@pytest.mark.parametrize(
    ("code", "octets"), [(300, "00000300"), (420, "00000414"), (438, "00000426"), (699, "00000663")]
)
def test_round_trip(code: int, octets: str) -> None:
    attribute = error_code(code, "why")
    assert attribute.value == bytes.fromhex(octets) + b"why"
    assert decode_error_code(attribute.value) == ErrorCode(code, "why")


def test_reserved_bits_are_ignored() -> None:
    assert decode_error_code(bytes.fromhex("fffffc14")).code == 420


@pytest.mark.parametrize("value", ["", "000004", "00000214", "00000714", "00000464"])
def test_refused(value: str) -> None:
    with pytest.raises(StunError):
        decode_error_code(bytes.fromhex(value))


def test_code_range() -> None:
    with pytest.raises(ValueError, match="299"):
        error_code(299, "")


def test_reason_that_is_not_utf8_is_readable() -> None:
    assert decode_error_code(bytes.fromhex("00000400ff41")).reason == "\ufffdA"


def test_unknown_attributes() -> None:
    attribute = unknown_attributes((0x0024, 0x7FFF))
    assert decode_unknown_attributes(attribute.value) == (0x0024, 0x7FFF)
    with pytest.raises(StunError, match="odd length"):
        decode_unknown_attributes(b"\0\0\0")
