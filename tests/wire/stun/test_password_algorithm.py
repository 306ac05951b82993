from __future__ import annotations

import hashlib

import pytest

from seaway.wire.stun.errors import StunError
from seaway.wire.stun.password_algorithm import (
    PasswordAlgorithm,
    decode_password_algorithm,
    decode_password_algorithms,
    nonce_cookie,
    nonce_features,
    password_algorithm,
    password_algorithms,
    userhash,
)


def test_octets() -> None:
    # RFC 8489 §14.11, §18.5.1
    assert password_algorithms([2, 1]).value == bytes.fromhex("0002000000010000")
    assert password_algorithm(PasswordAlgorithm.SHA256).value == bytes.fromhex("00020000")
    assert decode_password_algorithms(bytes.fromhex("0002000000010000")) == (2, 1)
    assert decode_password_algorithm(bytes.fromhex("00010000")) == 1


def test_parameters_are_skipped() -> None:
    assert decode_password_algorithms(bytes.fromhex("00090003aabbcc00 00010000")) == (9, 1)


@pytest.mark.parametrize("value", ["00", "000100", "00010001", "0001000400000000 0002"])
def test_cut_short(value: str) -> None:
    with pytest.raises(StunError):
        decode_password_algorithms(bytes.fromhex(value))


@pytest.mark.parametrize("value", ["", "0001000000020000"])
def test_one_is_one(value: str) -> None:
    with pytest.raises(StunError):
        decode_password_algorithm(bytes.fromhex(value))


@pytest.mark.parametrize("algorithms", [True, False])
@pytest.mark.parametrize("anonymity", [True, False])
def test_nonce_cookie(algorithms: bool, anonymity: bool) -> None:
    cookie = nonce_cookie(algorithms=algorithms, anonymity=anonymity)
    assert len(cookie) == 13 and cookie.startswith(b"obMatJos2")
    assert nonce_features(cookie + b"rest") == (algorithms, anonymity)


def test_nonce_cookie_octets() -> None:
    # RFC 8489 §9.2 with bit 0 the leftmost of 24: 0x800000 and 0xc00000 in base64
    assert nonce_cookie(algorithms=True, anonymity=False) == b"obMatJos2gAAA"
    assert nonce_cookie(algorithms=True, anonymity=True) == b"obMatJos2wAAA"


@pytest.mark.parametrize("nonce", [b"", b"obMatJos", b"obMatJos2", b"obMatJos2AAA", b"xbMatJos2AAAA", b"obMatJos2!AAA"])
def test_no_cookie(nonce: bytes) -> None:
    assert nonce_features(nonce) is None


def test_userhash() -> None:
    # RFC 8489 §14.4
    assert userhash("foo", "bar") == hashlib.sha256(b"foo:bar").digest()
