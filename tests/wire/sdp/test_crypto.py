"""`a=crypto` lines as they come, and as they must not."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.errors import WireError
from seaway.wire.sdp.crypto import CryptoLine, InlineKey, parse_crypto

KEY = bytes(range(30))
TEXT = b64encode(KEY)


def test_the_usual_line() -> None:
    assert parse_crypto(b"1 AES_CM_128_HMAC_SHA1_80 inline:" + TEXT) == CryptoLine(
        1, b"AES_CM_128_HMAC_SHA1_80", (InlineKey(KEY),)
    )


def test_rfc4568_6_1_lifetime_mki_and_parameters() -> None:
    line = parse_crypto(b"12 aes_cm_128_hmac_sha1_32  INLINE:" + TEXT + b"|2^20|1:4 FEC_ORDER=FEC_SRTP wsh=64")
    assert line == CryptoLine(
        12, b"AES_CM_128_HMAC_SHA1_32", (InlineKey(KEY, b"\0\0\0\x01"),), (b"FEC_ORDER=FEC_SRTP", b"WSH=64")
    )
    two = parse_crypto(b"1 X inline:%b|1048576|7:1;inline:%b|2^10|8:1" % (TEXT, TEXT))
    assert [each.mki for each in two.keys] == [b"\x07", b"\x08"]


def test_padding_may_be_left_out() -> None:
    key = bytes(28)
    assert parse_crypto(b"1 AEAD_AES_128_GCM inline:" + b64encode(key).rstrip(b"=")).keys == (InlineKey(key),)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"1", b"1 AES_CM_128_HMAC_SHA1_80", b"x AES_CM_128_HMAC_SHA1_80 inline:" + TEXT,
        b"+1 X inline:" + TEXT, b"1 X clear:" + TEXT, b"1 X inline", b"1 X inline:se~cret!",
        b"1 X inline:" + TEXT + b"|300:1",
        b"1 X inline:" + TEXT + b"|1:0", b"1 X inline:" + TEXT + b"|1:129", b"1 X inline:" + TEXT + b"|x:1",
        b"1 X " + b";".join([b"inline:" + TEXT] * 5), b"1 X inline:" + TEXT + b" P" * 17, b"1 X inline:\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_the_key(value: bytes) -> None:
    with pytest.raises(WireError) as caught:
        parse_crypto(value)
    assert TEXT.decode() not in str(caught.value) and "cret" not in str(caught.value)


def test_no_key_in_the_repr() -> None:
    assert repr(KEY) not in repr(parse_crypto(b"1 X inline:" + TEXT))


@given(st.binary(max_size=200))
def test_any_octets_are_a_line_or_a_wire_error(data: bytes) -> None:
    for value in (data, b"1 AES_CM_128_HMAC_SHA1_80 inline:" + data, b"1 X inline:" + TEXT + b"|" + data):
        with suppress(WireError):
            parse_crypto(value)
