from __future__ import annotations

import pytest

from seaway.core.sip.tokens import RouteTokens
from seaway.wire.sip.uri import SipUri, parse_uri

SECRET = b"0123456789abcdef"


@pytest.mark.parametrize(
    "payload", [b"n", b"ztraversal", b"zname.with.dots", b"f00c0ffee-1f", b"u0-5060-3139322e302e322e31", b""]
)
def test_a_token_proves_payload_and_call(payload: bytes) -> None:
    tokens = RouteTokens(SECRET)
    token = tokens.make(payload, b"call")
    assert tokens.check(token, b"call") == payload
    assert RouteTokens(SECRET).check(token, b"call") == payload, "also in the next process"
    assert tokens.check(token, b"other call") is None
    assert RouteTokens(SECRET[::-1]).check(token, b"call") is None
    uri = parse_uri(b"sip:%b@192.0.2.1:5060;lr" % token)
    assert isinstance(uri, SipUri) and uri.user == token


def test_every_flipped_bit_is_noticed() -> None:
    tokens = RouteTokens(SECRET)
    token = tokens.make(b"f1-2", b"call")
    for index in range(len(token)):
        for bit in range(8):
            forged = token[:index] + bytes([token[index] ^ 1 << bit]) + token[index + 1 :]
            assert tokens.check(forged, b"call") is None


def test_payload_and_call_id_cannot_be_shifted() -> None:
    tokens = RouteTokens(SECRET)
    mac = tokens.make(b"n", b"1call").rpartition(b".")[2]
    assert tokens.check(b"n1." + mac, b"call") is None


@pytest.mark.parametrize("token", [b"", b".", b"n", b"n.", b".0011223344556677", b"n.00112233445566770", b"\xff.\xff"])
def test_what_is_no_token(token: bytes) -> None:
    assert RouteTokens(SECRET).check(token, b"call") is None


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 65])
def test_the_secret_has_bounds(secret: bytes) -> None:
    with pytest.raises(ValueError, match="16 to 64"):
        RouteTokens(secret)
