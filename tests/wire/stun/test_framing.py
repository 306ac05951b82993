from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.channel_data import encode_channel_data
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.framing import Framer

from .vectors import LONG_TERM, REQUEST

FRAMES = [
    REQUEST,
    encode_channel_data(0x4000, b"hello", stream=True),
    encode_channel_data(0x4FFF, b"", stream=True),
    LONG_TERM,
    encode_channel_data(0x4001, b"1234", stream=True),
]


@given(st.lists(st.integers(0, sum(map(len, FRAMES))), max_size=20))
def test_any_cut_gives_the_same_frames(cuts: list[int]) -> None:
    stream = b"".join(FRAMES)
    framer, found = Framer(), []
    borders = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(borders):
        found += framer.feed(stream[start:end])
    assert found == FRAMES
    assert framer.pending == 0


def test_octet_by_octet() -> None:
    framer = Framer()
    found = [frame for octet in b"".join(FRAMES) for frame in framer.feed(bytes((octet,)))]
    assert found == FRAMES


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",  # looks like ChannelData of 21536 octets
        b"\x16\x03\x01\x02",  # TLS: the length of a STUN message is a multiple of 4
        bytes.fromhex("80000000"),
        bytes.fromhex("c0000000"),
        bytes.fromhex("00010001"),
        bytes.fromhex("000100002112a443"),
        bytes.fromhex("0001000021120000"),
    ],
)
def test_r4_what_is_no_frame_ends_the_stream(data: bytes) -> None:
    with pytest.raises(StunError):
        Framer(max_frame=2000).feed(data)


def test_the_buffer_is_bounded() -> None:
    framer = Framer(max_frame=1000)
    assert framer.feed(bytes.fromhex("400003e0")) == []  # 992 + 4
    for _ in range(8):
        framer.feed(bytes(120))
    assert framer.pending == 964
    with pytest.raises(StunError):
        Framer(max_frame=1000).feed(bytes.fromhex("400003e8"))
    with pytest.raises(StunError):
        Framer(max_frame=1000).feed(bytes.fromhex("0001ffe02112a442"))


def test_the_rest_belongs_to_the_application() -> None:
    framer = Framer()
    assert framer.feed(REQUEST + b"\x00\x01") == [REQUEST]
    assert framer.take_rest() == b"\x00\x01"
    assert framer.take_rest() == b""
