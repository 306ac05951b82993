from __future__ import annotations

import pytest

from seaway.wire.rtp.classify import PacketClass, classify

# RFC 7983 §7, figure 3: both ends of each range
RANGES = [
    (0, 3, PacketClass.STUN),
    (4, 15, PacketClass.OTHER),
    (16, 19, PacketClass.OTHER),  # ZRTP: not relayed
    (20, 63, PacketClass.DTLS),
    (64, 79, PacketClass.TURN_CHANNEL),
    (80, 127, PacketClass.OTHER),
    (128, 191, PacketClass.RTP),
    (192, 255, PacketClass.OTHER),
]


@pytest.mark.parametrize(("low", "high", "kind"), RANGES)
def test_first_octet(low: int, high: int, kind: PacketClass) -> None:
    for octet in range(low, high + 1):
        assert classify(bytes((octet, 0))) is kind


def test_rtcp_by_packet_type() -> None:
    # RFC 5761 §4: 192 to 223
    for octet in range(256):
        expected = PacketClass.RTCP if 192 <= octet <= 223 else PacketClass.RTP
        assert classify(bytes((0x80, octet))) is expected


def test_too_short() -> None:
    assert classify(b"") is PacketClass.OTHER
    assert classify(b"\x80") is PacketClass.OTHER
