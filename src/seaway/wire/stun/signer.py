"""Integrity with a key that is used often: the HMAC's first blocks are hashed once (RFC 2104 §4). See `integrity.py`
for the same without preparation."""

from __future__ import annotations

import hashlib
import zlib
from hmac import compare_digest

from seaway.wire.stun.view import View

__all__ = ["Signer", "seal_fingerprint"]

_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))
_FINGERPRINT_XOR = 0x5354554E


class Signer:
    """Checks and makes both integrity attributes with one `key`."""

    __slots__ = ("_inner1", "_inner256", "_outer1", "_outer256")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else b"").ljust(64, b"\0")
        if len(key) > 64:
            raise ValueError("a key of more than 64 octets would have to be hashed first, differently for each HMAC")
        inner, outer = block.translate(_INNER), block.translate(_OUTER)
        self._inner1 = hashlib.sha1(inner, usedforsecurity=False)
        self._outer1 = hashlib.sha1(outer, usedforsecurity=False)
        self._inner256 = hashlib.sha256(inner)
        self._outer256 = hashlib.sha256(outer)

    def fits(self, message: View) -> bool:
        """RFC 8489 §9.2.4: the SHA-256 attribute decides when both are there. Constant time."""
        data, at = message.data, message.sha256
        if at:
            size = data[at + 2] << 8 | data[at + 3]
            if size > 32 or size < 16 or size & 3:
                return False
            return compare_digest(data[at + 4 : at + 4 + size], self._sha256(_covered(data, at, size))[:size])
        at = message.integrity
        if not at or data[at + 2] or data[at + 3] != 20:
            return False
        return compare_digest(data[at + 4 : at + 24], self._sha1(_covered(data, at, 20)))

    def seal(self, kind: int, transaction_id: bytes, body: bytes, *, sha256: bool) -> bytes:
        """A whole message of type `kind` with `body` (encoded attributes) and its integrity."""
        size = len(body) + (36 if sha256 else 24)
        head = kind << 16 | size
        text = head.to_bytes(4, "big") + b"\x21\x12\xa4\x42" + transaction_id + body
        if sha256:
            return text + b"\x00\x1c\x00\x20" + self._sha256(text)
        return text + b"\x00\x08\x00\x14" + self._sha1(text)

    def _sha1(self, text: bytes) -> bytes:
        inner = self._inner1.copy()
        inner.update(text)
        outer = self._outer1.copy()
        outer.update(inner.digest())
        return outer.digest()

    def _sha256(self, text: bytes) -> bytes:
        inner = self._inner256.copy()
        inner.update(text)
        outer = self._outer256.copy()
        outer.update(inner.digest())
        return outer.digest()


def _covered(data: bytes, at: int, size: int) -> bytes:
    """What is before the attribute, with the length as if it were the last one (RFC 8489 §14.5)."""
    length = at + size - 16
    if data[2] << 8 | data[3] == length:
        return data[:at]
    return data[:2] + length.to_bytes(2, "big") + data[4:at]


def seal_fingerprint(message: bytes) -> bytes:
    """`message` with FINGERPRINT behind it."""
    length = len(message) - 12
    text = message[:2] + length.to_bytes(2, "big") + message[4:]
    return text + b"\x80\x28\x00\x04" + (zlib.crc32(text) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
