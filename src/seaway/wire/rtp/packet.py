"""The RTP header (RFC 3550 §5.1, §5.3.1), for RTP and SRTP. The payload is never interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from seaway.wire.errors import WireError

__all__ = ["RtpError", "RtpHeader", "decode_header", "header_length", "is_rtp"]

_FIXED = Struct("!BBHII")
_SECTION = "RFC 3550 §5.1"


class RtpError(WireError):
    """A packet is not a well-formed RTP or RTCP packet. `offset` is the octet that gave it away."""

    def __init__(self, what: str, offset: int, section: str) -> None:
        super().__init__(what, offset=offset, section=section)


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """`header_length` includes CSRC list and extension; `padding` is the count of padding octets, 0 for SRTP."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    csrcs: tuple[int, ...]
    extension_profile: int | None
    header_length: int
    padding: int


def is_rtp(data: bytes) -> bool:
    """True when the header's parts lie within the packet. Right for SRTP too: no look at padding, see below."""
    size = len(data)
    if size < 12:
        return False
    first = data[0]
    if first >> 6 != 2:
        return False
    if first & 0x1F:  # extension or CSRCs
        end = 12 + 4 * (first & 0x0F)
        if first & 0x10:
            if end + 4 > size:
                return False
            end += 4 + 4 * (data[end + 2] << 8 | data[end + 3])
        return end <= size
    return True


def header_length(data: bytes) -> int:
    """Octets of header, CSRC list and extension of a packet that `is_rtp`: where the payload begins."""
    first = data[0]
    end = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        end += 4 + 4 * (data[end + 2] << 8 | data[end + 3])
    return end


def decode_header(data: bytes, *, encrypted: bool = False) -> RtpHeader:
    """Raises `RtpError` when CSRC count, extension length or padding point beyond the packet.

    `encrypted`: the packet is SRTP, where the padding count is inside the encrypted part and cannot be checked
    (RFC 3711 §3.1); header, CSRCs and the extension's length are in clear.
    """
    size = len(data)
    if size < 12:
        raise RtpError("header cut short", size, _SECTION)
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise RtpError("version", 0, _SECTION)
    end = 12 + 4 * (first & 0x0F)
    if end > size:
        raise RtpError("CSRC list beyond the packet", 12, _SECTION)
    csrcs = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(12, end, 4))
    profile = None
    if first & 0x10:
        if end + 4 > size:
            raise RtpError("extension cut short", end, "RFC 3550 §5.3.1")
        profile = data[end] << 8 | data[end + 1]
        start, end = end, end + 4 + 4 * (data[end + 2] << 8 | data[end + 3])
        if end > size:
            raise RtpError("extension beyond the packet", start + 2, "RFC 3550 §5.3.1")
    padding = 0
    if first & 0x20 and not encrypted:
        padding = data[-1]
        if not 0 < padding <= size - end:
            raise RtpError("padding beyond the payload", size - 1, _SECTION)
    return RtpHeader(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, csrcs, profile, end, padding)
