"""MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 §14.5 to §14.7).

All three cover the message before them with the header's length set as if they were the last attribute.
"""

from __future__ import annotations

import hmac
import zlib

from seaway.wire.stun.attribute import Attribute, AttributeType, encode_attribute

__all__ = [
    "append_fingerprint",
    "append_integrity",
    "append_integrity_sha256",
    "fingerprint_fits",
    "integrity_fits",
]

_FINGERPRINT_XOR = 0x5354554E


def append_integrity(message: bytes, key: bytes) -> bytes:
    return _append(message, AttributeType.MESSAGE_INTEGRITY, _hmac_sha1(_with_room(message, 24), key))


def append_integrity_sha256(message: bytes, key: bytes) -> bytes:
    return _append(message, AttributeType.MESSAGE_INTEGRITY_SHA256, _hmac_sha256(_with_room(message, 36), key))


def append_fingerprint(message: bytes) -> bytes:
    return _append(message, AttributeType.FINGERPRINT, _crc(_with_room(message, 8)))


def integrity_fits(message: bytes, attribute: Attribute, key: bytes) -> bool:
    """True when `attribute` (one of the two integrity types, as decoded from `message`) was made with `key`.

    Compares in constant time. A SHA-256 value may be cut to 16 octets or more in steps of 4 (RFC 8489 §14.6).
    """
    value = attribute.value
    covered = _with_room(message[: attribute.offset], 4 + len(value))
    if attribute.type == AttributeType.MESSAGE_INTEGRITY:
        return len(value) == 20 and hmac.compare_digest(value, _hmac_sha1(covered, key))
    if attribute.type == AttributeType.MESSAGE_INTEGRITY_SHA256:
        if not 16 <= len(value) <= 32 or len(value) % 4:
            return False
        return hmac.compare_digest(value, _hmac_sha256(covered, key)[: len(value)])
    raise ValueError(f"attribute {attribute.type:#06x} is no integrity attribute")


def fingerprint_fits(message: bytes, attribute: Attribute) -> bool:
    """True when the FINGERPRINT is right and the last attribute (RFC 8489 §14.7)."""
    if len(attribute.value) != 4 or attribute.offset + 8 != len(message):
        return False
    return attribute.value == _crc(_with_room(message[: attribute.offset], 8))


def _append(message: bytes, kind: AttributeType, value: bytes) -> bytes:
    attribute = encode_attribute(Attribute(kind, value))
    return _with_room(message, len(attribute)) + attribute


def _with_room(message: bytes, octets: int) -> bytes:
    length = len(message) - 20 + octets
    if length > 0xFFFF:
        raise ValueError("a STUN message has at most 65535 octets after its header")
    return message[:2] + length.to_bytes(2, "big") + message[4:]


def _hmac_sha1(message: bytes, key: bytes) -> bytes:
    return hmac.digest(key, message, "sha1")


def _hmac_sha256(message: bytes, key: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _crc(message: bytes) -> bytes:
    return (zlib.crc32(message) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
