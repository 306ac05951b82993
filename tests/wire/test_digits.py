"""The digit parser: ASCII digits, bounded, and nothing else that `int()` would take (R24, R27)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.digits import MAX_DIGITS, parse_digits
from seaway.wire.errors import WireError


@pytest.mark.parametrize(
    "data",
    [
        b"", b"+1", b"-1", b" 1", b"1 ", b"1_0", b"0x10", b"1.0", b"1e3", b"\t1", b"1\n", b"1\x00", b"\xb2",
        "١٢".encode(), b"1" * (MAX_DIGITS + 1), b"9" * 100, b"1" * 100_000,
    ],
)  # fmt: skip
def test_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parse_digits(data, maximum=2**64)


@pytest.mark.parametrize(("data", "value"), [(b"0", 0), (b"0009", 9), (b"65535", 65535), (b"00000000000000000001", 1)])
def test_read(data: bytes, value: int) -> None:
    assert parse_digits(data, maximum=65535) == value


@pytest.mark.parametrize("value", [2**31 - 1, 2**31, 2**32, 2**64])
def test_the_maximum_is_inclusive(value: int) -> None:
    text = b"%d" % value
    assert parse_digits(text, maximum=value) == value
    with pytest.raises(WireError, match="over the limit"):
        parse_digits(text, maximum=value - 1)


@given(st.binary(max_size=24))
def test_only_what_is_ascii_digits(data: bytes) -> None:
    wanted = 0 < len(data) <= MAX_DIGITS and all(0x30 <= octet <= 0x39 for octet in data)
    try:
        value = parse_digits(data, maximum=10**MAX_DIGITS)
    except WireError:
        assert not wanted
    else:
        assert wanted
        assert b"%d" % value == (data.lstrip(b"0") or b"0")
