"""ChannelData: channel number, length, application data (RFC 8656 §12.4, §12.5); and CHANNEL-NUMBER (§18.1)."""

from __future__ import annotations

from struct import Struct

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = [
    "MAX_CHANNEL", "MIN_CHANNEL", "channel_number", "decode_channel_data", "decode_channel_number",
    "encode_channel_data",
]  # fmt: skip

MIN_CHANNEL = 0x4000
MAX_CHANNEL = 0x7FFF
"""RFC 8656 §12.2 has servers answer 400 above 0x4FFF; we accept all numbers of RFC 5766 §11, in the core and in every
engine. Clients of RFC 5766 (coturn's is one) pick at random among them, and a 400 does not tell them which are good.
Those above are reserved because RFC 7983 needs their first octets for DTLS and RTP on one socket: that is the client's
socket, and the client's choice. To a TURN server's port neither ever comes."""

_HEAD = Struct("!HH")


def encode_channel_data(channel: int, data: bytes, *, stream: bool = False) -> bytes:
    """Over a stream padded with zeros to a multiple of 4; the length field does not count the padding (§12.5)."""
    size = len(data)
    if stream and size & 3:
        return _HEAD.pack(channel, size) + data + bytes(-size & 3)
    return _HEAD.pack(channel, size) + data


def decode_channel_data(data: bytes) -> tuple[int, bytes]:
    """Channel and application data. Octets behind the data are padding and ignored, as UDP may have some (§12.5).

    Raises `StunError` when the length is more than there is, or more than 3 octets short of it.
    """
    if len(data) < 4:
        raise StunError("ChannelData cut short", len(data), "RFC 8656 §12.4")
    channel, size = _HEAD.unpack_from(data)
    if not 0 <= len(data) - 4 - size <= 3:
        raise StunError("ChannelData length", 2, "RFC 8656 §12.6")
    return channel, data[4 : 4 + size]


def channel_number(channel: int) -> Attribute:
    return Attribute(AttributeType.CHANNEL_NUMBER, _HEAD.pack(channel, 0))


def decode_channel_number(value: bytes) -> int:
    """The two octets behind the number are ignored (RFC 8656 §18.1). Raises `StunError` for their length only: which
    numbers are good is the server's question."""
    if len(value) != 4:
        raise StunError("CHANNEL-NUMBER length", len(value), "RFC 8656 §18.1")
    return value[0] << 8 | value[1]
