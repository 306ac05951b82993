from __future__ import annotations

import hashlib
import hmac

import pytest

from seaway.wire.stun.attribute import Attribute, AttributeType, encode_attribute
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.integrity import fingerprint_fits, integrity_fits
from seaway.wire.stun.message import decode, encode

from .vectors import LONG_TERM, LONG_TERM_USER, PASSWORD, REQUEST, RESPONSE_IPV4, RESPONSE_IPV6


@pytest.mark.parametrize("vector", [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6])
def test_short_term_vectors(vector: bytes) -> None:
    # RFC 5769 §2.1 to §2.3
    message = decode(vector)
    assert message.has_integrity(PASSWORD)
    assert message.fingerprint_ok() is True
    assert not message.has_integrity(PASSWORD + b"x")


def test_long_term_vector() -> None:
    # RFC 5769 §2.4
    key = hashlib.md5(f"{LONG_TERM_USER}:example.org:TheMatrIX".encode()).digest()
    message = decode(LONG_TERM)
    assert message.has_integrity(key)
    assert message.fingerprint_ok() is None


def test_every_flipped_bit_is_noticed() -> None:
    integrity_end = len(REQUEST) - 8
    for position in range(20 * 8, integrity_end * 8):
        changed = bytearray(REQUEST)
        changed[position // 8] ^= 1 << position % 8
        try:
            message = decode(bytes(changed))
        except ValueError:
            continue  # a length field
        assert not message.has_integrity(PASSWORD), position
        assert message.fingerprint_ok() is not True, position


def test_sha256_covers_the_length_with_itself() -> None:
    # RFC 8489 §14.6, computed here by hand
    data = encode(MessageClass.REQUEST, BINDING, bytes(12), (), key=b"key", sha256=True, fingerprint=False)
    assert data[2:4] == (36).to_bytes(2, "big")
    assert data[24:] == hmac.digest(b"key", data[:20], "sha256")
    assert decode(data).has_integrity(b"key")


@pytest.mark.parametrize(("octets", "fits"), [(12, False), (16, True), (18, False), (20, True), (28, True), (32, True)])
def test_sha256_may_be_cut(octets: int, fits: bool) -> None:
    head = bytes.fromhex("00010000 2112a442") + bytes(12)
    covered = head[:2] + (4 + octets + -octets % 4).to_bytes(2, "big") + head[4:]
    value = hmac.digest(b"key", covered, "sha256")[:octets]
    data = covered + encode_attribute(Attribute(AttributeType.MESSAGE_INTEGRITY_SHA256, value))
    assert decode(data).has_integrity(b"key") is fits


def test_fingerprint_must_be_last() -> None:
    data = encode(MessageClass.REQUEST, BINDING, bytes(12))
    (fingerprint,) = decode(data).attributes
    assert fingerprint_fits(data, fingerprint)
    assert not fingerprint_fits(data + b"\0\0\0\0", fingerprint)


def test_only_integrity_attributes_can_be_checked() -> None:
    with pytest.raises(ValueError, match="no integrity"):
        integrity_fits(REQUEST, Attribute(AttributeType.USERNAME, b"", 20), b"")
