"""What kind of packet a UDP datagram on a media port is, by its first octets (RFC 7983 §7, RFC 5761 §4)."""

from __future__ import annotations

from enum import Enum

__all__ = ["PacketClass", "classify", "ssrc_of"]


class PacketClass(Enum):
    STUN = "stun"
    DTLS = "dtls"
    TURN_CHANNEL = "turn-channel"
    RTP = "rtp"
    RTCP = "rtcp"
    OTHER = "other"


_FIRST = tuple(
    PacketClass.STUN if octet < 4
    else PacketClass.DTLS if 20 <= octet <= 63
    else PacketClass.TURN_CHANNEL if 64 <= octet <= 79
    else PacketClass.RTP if 128 <= octet <= 191
    else PacketClass.OTHER
    for octet in range(256)
)  # fmt: skip


def classify(data: bytes) -> PacketClass:
    """Look at two octets only; whether the packet is well-formed is a question for `packet.py` and `rtcp.py`.

    RTP and RTCP share the first octet. The second tells them apart: RTCP packet types 192 to 223 are RTP marker bit
    plus payload types 64 to 95, which RTP does not use where both share a port (RFC 5761 §4).
    """
    if len(data) < 2:
        return PacketClass.OTHER
    kind = _FIRST[data[0]]
    if kind is PacketClass.RTP and 192 <= data[1] <= 223:
        return PacketClass.RTCP
    return kind


def ssrc_of(data: bytes) -> int | None:
    """The sender's SSRC of a well-formed RTP or RTCP packet; `None` for other packets."""
    kind = classify(data)
    if kind is PacketClass.RTP:
        return int.from_bytes(data[8:12], "big")
    return int.from_bytes(data[4:8], "big") if kind is PacketClass.RTCP else None
