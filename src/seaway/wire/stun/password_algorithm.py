"""PASSWORD-ALGORITHM, PASSWORD-ALGORITHMS, USERHASH, and the nonce cookie that protects them (RFC 8489 §9.2, §14.4,
§14.11, §14.12, §18.5)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from struct import Struct

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError

__all__ = [
    "NONCE_COOKIE", "NONCE_COOKIE_LENGTH", "PasswordAlgorithm", "decode_password_algorithm",
    "decode_password_algorithms", "nonce_cookie", "nonce_features", "password_algorithm", "password_algorithms",
    "userhash",
]  # fmt: skip

NONCE_COOKIE = b"obMatJos2"
NONCE_COOKIE_LENGTH = 13  # the cookie and 24 bits in base64

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ENTRY = Struct("!HH")


class PasswordAlgorithm(IntEnum):
    MD5 = 1
    SHA256 = 2


def password_algorithm(algorithm: int) -> Attribute:
    return Attribute(AttributeType.PASSWORD_ALGORITHM, _ENTRY.pack(algorithm, 0))


def decode_password_algorithm(value: bytes) -> int:
    """Raises `StunError`."""
    algorithms = decode_password_algorithms(value)
    if len(algorithms) != 1:
        raise StunError("PASSWORD-ALGORITHM length", len(value), "RFC 8489 §14.12")
    return algorithms[0]


def password_algorithms(algorithms: Sequence[int]) -> Attribute:
    """In the order of preference. Neither of the two that exist has parameters."""
    return Attribute(AttributeType.PASSWORD_ALGORITHMS, b"".join(_ENTRY.pack(each, 0) for each in algorithms))


def decode_password_algorithms(value: bytes) -> tuple[int, ...]:
    """Numbers in order; parameters are skipped. Raises `StunError`."""
    found: list[int] = []
    position = 0
    while position < len(value):
        if len(value) - position < 4:
            raise StunError("password algorithm cut short", position, "RFC 8489 §14.11")
        algorithm, size = _ENTRY.unpack_from(value, position)
        end = position + 4 + size
        if end > len(value):
            raise StunError("password algorithm parameters cut short", position, "RFC 8489 §14.11")
        found.append(algorithm)
        position = end + -size % 4
    return tuple(found)


def nonce_cookie(*, algorithms: bool, anonymity: bool) -> bytes:
    """Security features of a server (RFC 8489 §18.1, bit 0: password algorithms, bit 1: user name anonymity)."""
    bits = algorithms << 23 | anonymity << 22
    return NONCE_COOKIE + bytes(_BASE64[bits >> shift & 63] for shift in (18, 12, 6, 0))


def nonce_features(nonce: bytes) -> tuple[bool, bool] | None:
    """The same two of a nonce; `None` when it has no cookie."""
    if not nonce.startswith(NONCE_COOKIE) or len(nonce) < NONCE_COOKIE_LENGTH:
        return None
    value = _BASE64.find(nonce[9:10])
    return (bool(value & 32), bool(value & 16)) if value >= 0 else None


def userhash(user: str, realm: str) -> bytes:
    """RFC 8489 §14.4: 32 octets. The caller has prepared both with OpaqueString."""
    return hashlib.sha256(f"{user}:{realm}".encode()).digest()
