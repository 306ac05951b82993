from __future__ import annotations

import pytest

from seaway.wire.stun.address_family import (
    additional_address_family,
    address_error_code,
    decode_address_error_code,
    decode_address_family,
    requested_address_family,
)
from seaway.wire.stun.errors import StunError


def test_octets() -> None:
    # RFC 8656 §18.6, §18.11, §18.12
    assert requested_address_family(4).value == bytes.fromhex("01000000")
    assert requested_address_family(6).value == additional_address_family().value == bytes.fromhex("02000000")
    assert address_error_code(6, 440, "no").value == bytes.fromhex("02000428") + b"no"


def test_reading() -> None:
    assert decode_address_family(bytes.fromhex("01ffffff")) == 4  # the reserved octets do not count
    assert decode_address_family(bytes.fromhex("02000000")) == 6
    assert decode_address_family(bytes.fromhex("03000000")) is None
    assert decode_address_error_code(address_error_code(4, 508, "full").value) == (4, 508, "full")


@pytest.mark.parametrize("value", ["", "01", "010000", "0100000000"])
def test_length(value: str) -> None:
    with pytest.raises(StunError):
        decode_address_family(bytes.fromhex(value))


@pytest.mark.parametrize("value", ["", "010004", "03000428", "01000264", "01000728"])
def test_error_code_refused(value: str) -> None:
    with pytest.raises(StunError):
        decode_address_error_code(bytes.fromhex(value))


def test_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="299"):
        address_error_code(4, 299, "")
