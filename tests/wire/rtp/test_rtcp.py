from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.rtp.packet import RtpError
from seaway.wire.rtp.rtcp import is_rtcp, split_compound

RECEIVER_REPORT = bytes.fromhex("80c90001 00000001")
SDES = bytes.fromhex("81ca0003 00000001 0104 61406200 0000")
BYE_PADDED = bytes.fromhex("a1cb0002 00000001 00000004")


def test_compound() -> None:
    parts = split_compound(RECEIVER_REPORT + SDES + BYE_PADDED)
    assert [(each.packet_type, each.count, each.padding) for each in parts] == [(201, 0, 0), (202, 1, 0), (203, 1, 4)]
    assert b"".join(each.data for each in parts) == RECEIVER_REPORT + SDES + BYE_PADDED


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (RECEIVER_REPORT[:3], "header cut short"),
        (RECEIVER_REPORT[:7], "length beyond the packet"),
        (RECEIVER_REPORT + b"\x80", "header cut short"),
        (b"\x40" + RECEIVER_REPORT[1:], "version"),
        (b"\x80\x60" + RECEIVER_REPORT[2:], "packet type"),
        (BYE_PADDED + RECEIVER_REPORT, "padding before the last packet"),
        (bytes.fromhex("a1cb0001 00000000"), "padding beyond the packet"),
        (bytes.fromhex("a1cb0001 00000008"), "padding beyond the packet"),
        (bytes.fromhex("a1cb0001 00000003"), "padding beyond the packet"),
        (RECEIVER_REPORT * 65, "too many packets in a compound"),
    ],
)
def test_refused(data: bytes, what: str) -> None:
    with pytest.raises(RtpError) as caught:
        split_compound(data)
    assert caught.value.what == what


def test_the_fast_check() -> None:
    assert is_rtcp(RECEIVER_REPORT)
    assert is_rtcp(RECEIVER_REPORT + b"\x80\x00\x00\x01" + bytes(10))  # SRTCP: index and tag behind
    assert not is_rtcp(RECEIVER_REPORT[:7])
    assert not is_rtcp(bytes.fromhex("80c90002 00000001"))
    assert not is_rtcp(bytes.fromhex("80600001 00000001"))


@given(st.binary(max_size=80))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    for candidate in (data, RECEIVER_REPORT + data):
        try:
            parts = split_compound(candidate)
        except RtpError:
            continue
        assert b"".join(each.data for each in parts) == candidate
