"""RTCP compound packets: length checks (RFC 3550 §6.1, §A.2). Report contents are not decoded."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.rtp.packet import RtpError

__all__ = ["RtcpPart", "has_app", "is_rtcp", "split_compound"]

_SECTION = "RFC 3550 §6.4.1"
_APP = 204  # RFC 3550 §6.7


@dataclass(frozen=True, slots=True)
class RtcpPart:
    """One packet of a compound; `data` includes its header."""

    packet_type: int
    count: int
    padding: int
    data: bytes


def is_rtcp(data: bytes) -> bool:
    """True when the first packet's header is right and it lies within the datagram. Holds for SRTCP too, where only
    the first 8 octets are in clear (RFC 3711 §3.4)."""
    return (
        len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223 and 4 + 4 * (data[2] << 8 | data[3]) <= len(data)
    )


def has_app(data: bytes) -> bool:
    """Whether an APP packet is among those of a compound in clear, as far as its lengths lead."""
    position = 0
    while position + 4 <= len(data):
        if data[position + 1] == _APP:
            return True
        position += 4 + 4 * (data[position + 2] << 8 | data[position + 3])
    return False


def split_compound(data: bytes, *, max_parts: int = 64) -> tuple[RtcpPart, ...]:
    """The packets of an unencrypted compound. Reduced-size RTCP (RFC 5506) is allowed: the first packet need not be
    a report. Raises `RtpError` unless the lengths add up to the datagram and only the last packet is padded.
    """
    parts: list[RtcpPart] = []
    position, size = 0, len(data)
    if not size:
        raise RtpError("empty", 0, _SECTION)
    while position < size:
        if len(parts) == max_parts:
            raise RtpError("too many packets in a compound", position, "RFC 3550 §6.1")
        if size - position < 4:
            raise RtpError("header cut short", position, _SECTION)
        if data[position] >> 6 != 2:
            raise RtpError("version", position, _SECTION)
        if not 192 <= data[position + 1] <= 223:
            raise RtpError("packet type", position + 1, "RFC 5761 §4")
        end = position + 4 + 4 * (data[position + 2] << 8 | data[position + 3])
        if end > size:
            raise RtpError("length beyond the packet", position + 2, _SECTION)
        padding = 0
        if data[position] & 0x20:
            padding = data[end - 1]
            if end != size:
                raise RtpError("padding before the last packet", position, "RFC 3550 §6.1")
            if not 0 < padding <= end - position - 4 or padding % 4:
                raise RtpError("padding beyond the packet", end - 1, _SECTION)
        parts.append(RtcpPart(data[position + 1], data[position] & 0x1F, padding, data[position:end]))
        position = end
    return tuple(parts)
