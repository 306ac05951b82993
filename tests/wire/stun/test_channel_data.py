from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.channel_data import (
    channel_number,
    decode_channel_data,
    decode_channel_number,
    encode_channel_data,
)
from seaway.wire.stun.errors import StunError


@given(st.integers(0x4000, 0x4FFF), st.binary(max_size=100), st.booleans())
def test_round_trip(channel: int, data: bytes, stream: bool) -> None:
    frame = encode_channel_data(channel, data, stream=stream)
    assert decode_channel_data(frame) == (channel, data)
    assert len(frame) == (4 + len(data) + (-len(data) % 4 if stream else 0))


def test_octets() -> None:
    # RFC 8656 §12.4 and §12.5: the length does not count the padding, which is zero
    assert encode_channel_data(0x4001, b"abcde") == bytes.fromhex("40010005") + b"abcde"
    assert encode_channel_data(0x4001, b"abcde", stream=True) == bytes.fromhex("40010005") + b"abcde\0\0\0"
    assert encode_channel_data(0x4001, b"") == bytes.fromhex("40010000")


def test_padding_is_ignored_and_may_be_absent() -> None:
    for padding in (b"", b"1", b"12", b"123"):
        assert decode_channel_data(bytes.fromhex("40000001") + b"x" + padding) == (0x4000, b"x")


@pytest.mark.parametrize("frame", ["", "40", "400000", "40000001", "4000000501020304", "40000000ffffffff"])
def test_refused(frame: str) -> None:
    with pytest.raises(StunError):
        decode_channel_data(bytes.fromhex(frame))


def test_channel_number() -> None:
    assert channel_number(0x4ABC).value == bytes.fromhex("4abc0000")
    assert decode_channel_number(bytes.fromhex("4abcffff")) == 0x4ABC
    for octets in (0, 2, 3, 5):
        with pytest.raises(StunError):
            decode_channel_number(bytes(octets))
