"""The STUN header: class and method bits, magic cookie, transaction id (RFC 8489 §5), and the cheap first look.

Neighbours: `attribute.py` (what follows the header), `message.py` (both together).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from seaway.wire.stun.errors import StunError

__all__ = ["BINDING", "HEADER_LENGTH", "MAGIC_COOKIE", "Header", "MessageClass", "is_stun"]

HEADER_LENGTH = 20
MAGIC_COOKIE = 0x2112A442
BINDING = 0x001
"""The Binding method (RFC 8489 §18.1)."""

_LAYOUT = Struct("!HHI12s")
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")


class MessageClass(IntEnum):
    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


def is_stun(data: bytes) -> bool:
    """True when a datagram on a shared port is a STUN message: the checks of RFC 8489 §6.3 that need no attributes, and
    the first octet of RFC 7983 (methods up to 0x0FF).

    The length must be exactly that of the datagram, so a message with octets behind it is not one.
    """
    return (
        len(data) >= HEADER_LENGTH
        and data[0] < 4
        and data[4:8] == _COOKIE
        and (data[2] << 8 | data[3]) == len(data) - HEADER_LENGTH
        and not data[3] & 3
    )


@dataclass(frozen=True, slots=True)
class Header:
    """`length` counts the octets after the header."""

    message_class: MessageClass
    method: int
    length: int
    transaction_id: bytes

    def encode(self) -> bytes:
        """RFC 8489 §5, figure 3: the class bits sit at positions 4 and 8 among the method bits."""
        method, kind = self.method, int(self.message_class)
        if not 0 <= method <= 0xFFF or len(self.transaction_id) != 12:
            raise ValueError("method is 12 bits and the transaction id 12 octets")
        first = (method & 0xF80) << 2 | (method & 0x070) << 1 | method & 0x00F | (kind & 2) << 7 | (kind & 1) << 4
        return _LAYOUT.pack(first, self.length, MAGIC_COOKIE, self.transaction_id)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Raises `StunError`; the length must agree with the datagram and be a multiple of 4."""
        if len(data) < HEADER_LENGTH:
            raise StunError("header cut short", len(data), "RFC 8489 §5")
        first, length, cookie, transaction_id = _LAYOUT.unpack_from(data)
        if first & 0xC000:
            raise StunError("leading bits not zero", 0, "RFC 8489 §5")
        if cookie != MAGIC_COOKIE:
            raise StunError("no magic cookie", 4, "RFC 8489 §5")
        if length & 3 or length != len(data) - HEADER_LENGTH:
            raise StunError("length", 2, "RFC 8489 §5")
        kind = MessageClass((first & 0x0100) >> 7 | (first & 0x0010) >> 4)
        method = (first & 0x3E00) >> 2 | (first & 0x00E0) >> 1 | first & 0x000F
        return cls(kind, method, length, transaction_id)
