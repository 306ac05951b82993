from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.attribute import Attribute, encode_attribute
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.signer import Signer, seal_fingerprint
from seaway.wire.stun.view import view

from .vectors import LONG_TERM, LONG_TERM_USER, PASSWORD, REQUEST, RESPONSE_IPV4, RESPONSE_IPV6


@pytest.mark.parametrize("vector", [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6])
def test_short_term_vectors(vector: bytes) -> None:
    # RFC 5769 §2.1 to §2.3
    assert Signer(PASSWORD).fits(view(vector))
    assert not Signer(PASSWORD + b"x").fits(view(vector))


def test_long_term_vector() -> None:
    # RFC 5769 §2.4
    key = hashlib.md5(f"{LONG_TERM_USER}:example.org:TheMatrIX".encode()).digest()
    assert Signer(key).fits(view(LONG_TERM))


@given(st.binary(max_size=64), st.booleans(), st.booleans())
def test_agrees_with_the_plain_way(key: bytes, sha256: bool, fingerprint: bool) -> None:
    attributes = (Attribute(0x13, b"data!"), Attribute(0x8077, b""))
    plain = encode(
        MessageClass.SUCCESS, BINDING, bytes(12), attributes, key=key, sha256=sha256, fingerprint=fingerprint
    )
    body = b"".join(map(encode_attribute, attributes))
    sealed = Signer(key).seal(0x0101, bytes(12), body, sha256=sha256)
    assert (seal_fingerprint(sealed) if fingerprint else sealed) == plain
    assert Signer(key).fits(view(plain)) and not Signer(key + b"x" if len(key) < 64 else b"x").fits(view(plain))


@pytest.mark.parametrize("octets", [12, 16, 18, 20, 32, 36])
def test_sha256_may_be_cut(octets: int) -> None:
    text = bytes.fromhex("00010000 2112a442") + bytes(12)
    whole = Signer(b"key")._sha256(text[:2] + (4 + octets).to_bytes(2, "big") + text[4:])
    value = (whole + bytes(8))[:octets]
    data = text[:2] + (4 + octets + -octets % 4).to_bytes(2, "big") + text[4:]
    data += encode_attribute(Attribute(0x1C, value))
    assert Signer(b"key").fits(view(data)) is decode(data).has_integrity(b"key") is (octets in (16, 20, 32))


def test_every_flipped_bit_is_noticed() -> None:
    signer = Signer(PASSWORD)
    for position in range(20 * 8, (len(RESPONSE_IPV4) - 8) * 8):
        changed = bytearray(RESPONSE_IPV4[:-8])
        changed[2:4] = (len(changed) - 20).to_bytes(2, "big")
        changed[position // 8] ^= 1 << position % 8
        try:
            message = view(bytes(changed))
        except ValueError:
            continue  # a length field
        assert not signer.fits(message), position


def test_a_long_key_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        Signer(bytes(65))
