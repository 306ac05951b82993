"""Digest header fields: RFC 3261, RFC 7616, RFC 8760."""

from __future__ import annotations

import pytest

from seaway.wire.sip.auth import digest_parameters, parse_auth_params
from seaway.wire.sip.errors import SipError

# RFC 3261 §22.4 and §20.44, RFC 7616 §3.9.1
CHALLENGE = (
    b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CREDENTIALS = (
    b'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    b'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    b'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
    b'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def test_challenge() -> None:
    found = digest_parameters(CHALLENGE)
    assert found is not None
    assert (found["realm"], found["algorithm"], found["qop"]) == ("http-auth@example.org", "SHA-256", "auth, auth-int")
    assert found["nonce"] == "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"


def test_credentials() -> None:
    found = digest_parameters(CREDENTIALS)
    assert found is not None
    assert (found["username"], found["nc"], found["uri"]) == ("Mufasa", "00000001", "/dir/index.html")
    assert found["response"] == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_names_without_case_and_quoted_strings_with_commas_and_escapes() -> None:
    assert digest_parameters(b'digest REALM="a, \\"b\\"",Nonce=x') == {"realm": 'a, "b"', "nonce": "x"}
    assert digest_parameters(b'Digest\trealm=""') == {"realm": ""}


def test_octets_that_are_no_utf_8_survive() -> None:
    found = digest_parameters(b'Digest username="\xff"')
    assert found is not None
    assert found["username"].encode("utf-8", "surrogateescape") == b"\xff"


def test_other_schemes_are_unknown_not_malformed() -> None:
    assert digest_parameters(b"Basic QWxhZGRpbg==") is None
    assert digest_parameters(b"NTLM") is None


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"Digest", b"Digest ", b'Digest realm="a",nonce="b",',
        b'Digest realm="a",,nonce="b"', b'Digest realm="a" nonce="b"', b'Digest realm="a",nonce="b',
        b"Digest realm=a b,nonce=c",
        b'Digest realm="a",nonce="b",nonce="c"', b'Digest realm="a",nonce="b",REALM="c"', b'Digest realm="a",nonce=',
        b'Digest realm="a",nonce="b",x', b'"Digest" realm="a",nonce="b"',
        b'Digest realm="a",nonce="b", Digest realm="c",nonce="d"',
        b"Digest " + b",".join(b"p%d=1" % i for i in range(33)),
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    with pytest.raises(SipError) as caught:
        digest_parameters(value)
    assert caught.value.status == 400


def test_auth_params() -> None:
    assert parse_auth_params(b'A=1, b="x"') == {b"a": b"1", b"b": b"x"}
