"""A message read for a server that answers many: one pass, the attributes that count by type. See `message.py` for the
whole picture, with order, duplicates and offsets; both read the same messages as well-formed.

Which of several counts is decided here and nowhere else (R8): the first (RFC 8489 §14), and after an integrity
attribute only those that may follow it (§14.5, §14.6).
"""

from __future__ import annotations

import zlib
from struct import Struct

from seaway.wire.stun.errors import StunError

__all__ = ["View", "view"]

_FRAME = Struct("!HH").unpack_from
_HEADER = Struct("!HHI").unpack_from
_COOKIE = 0x2112A442
_INTEGRITY, _INTEGRITY_SHA256, _FINGERPRINT, _PEER = 0x0008, 0x001C, 0x8028, 0x0012
_FINGERPRINT_XOR = 0x5354554E


class View:
    """`type`: the first two octets. `values`: type -> value of the attributes that count, without integrity and
    fingerprint. `peers`: all values of XOR-PEER-ADDRESS in order, for the one request that takes several.
    `integrity`, `sha256`: offset of the integrity attributes; 0 when there is none."""

    __slots__ = ("data", "fingerprint", "integrity", "peers", "sha256", "transaction_id", "type", "values")

    def __init__(self, data: bytes, kind: int) -> None:
        self.data = data
        self.type = kind
        self.transaction_id = data[8:20]
        self.values: dict[int, bytes] = {}
        self.peers: list[bytes] = []
        self.integrity = 0
        self.sha256 = 0
        self.fingerprint = False


def view(data: bytes, *, max_attributes: int = 96) -> View:
    """Raises `StunError`: a length that does not agree (R4), too many attributes, a FINGERPRINT that does not fit."""
    end = len(data)
    if end < 20:
        raise StunError("header cut short", end, "RFC 8489 §5")
    kind, length, cookie = _HEADER(data)
    if kind & 0xC000 or cookie != _COOKIE:
        raise StunError("no STUN message", 0, "RFC 8489 §5")
    if length & 3 or length != end - 20:
        raise StunError("length", 2, "RFC 8489 §5")
    found = View(data, kind)
    values = found.values
    position, left = 20, max_attributes
    while position < end:  # both 20 and all steps are multiples of 4, so a frame of 4 octets is there
        attribute, size = _FRAME(data, position)
        value_end = position + 4 + size
        if value_end + (-size & 3) > end:
            raise StunError("attribute longer than the message", position, "RFC 8489 §14")
        if attribute == _FINGERPRINT:
            _check_fingerprint(data, position, size, found)
        elif attribute == _INTEGRITY_SHA256:
            found.sha256 = found.sha256 or position
        elif found.integrity or found.sha256:
            pass  # not covered by the check
        elif attribute == _INTEGRITY:
            found.integrity = position
        else:
            if attribute == _PEER:
                found.peers.append(data[position + 4 : value_end])
            if attribute not in values:
                values[attribute] = data[position + 4 : value_end]
        position = value_end + (-size & 3)
        left -= 1
        if left < 0:
            raise StunError("too many attributes", position, "RFC 8489 §14")
    return found


def _check_fingerprint(data: bytes, position: int, size: int, found: View) -> None:
    """RFC 8489 §14.7: it is the last attribute."""
    if size != 4 or position + 8 != len(data):
        raise StunError("fingerprint is not the last attribute", position, "RFC 8489 §14.7")
    if int.from_bytes(data[position + 4 :], "big") != zlib.crc32(data[:position]) ^ _FINGERPRINT_XOR:
        raise StunError("fingerprint does not fit", position, "RFC 8489 §14.7")
    found.fingerprint = True
