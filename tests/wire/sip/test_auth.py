"""Digest header fields: RFC 3261, RFC 7616, RFC 8760."""

from __future__ import annotations

import pytest

from seaway.wire.sip.auth import (
    Challenge,
    Credentials,
    OtherAuth,
    nonce_count_text,
    parse_auth_params,
    parse_challenge,
    parse_challenges,
    parse_credentials,
    parse_nextnonce,
)
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


def challenge(value: bytes) -> Challenge:
    found = parse_challenge(value)
    assert isinstance(found, Challenge)
    return found


def credentials(value: bytes) -> Credentials:
    found = parse_credentials(value)
    assert isinstance(found, Credentials)
    return found


def test_challenge() -> None:
    found = challenge(CHALLENGE)
    assert (found.realm, found.algorithm, found.qop) == (b"http-auth@example.org", b"SHA-256", (b"auth", b"auth-int"))
    assert found.nonce == b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    assert not found.stale and not found.userhash
    assert challenge(found.serialise()) == found


def test_challenge_defaults_and_flags() -> None:
    found = challenge(b'digest realm="",nonce="x",stale=TRUE,userhash=true,domain="sip:a",extra="y\\"z"')
    assert (found.realm, found.algorithm, found.qop, found.opaque) == (b"", b"MD5", (), None)
    assert found.stale and found.userhash
    assert (found.domain, found.other) == (b"sip:a", ((b"extra", b'y"z'),))
    assert challenge(found.serialise()) == found
    assert not challenge(b'Digest realm="a",nonce="x",stale=false').stale


def test_quoted_strings_hold_commas_and_escapes() -> None:
    found = challenge(b'Digest realm="a, nonce=\\"b\\"", nonce="c\\\\"')
    assert (found.realm, found.nonce) == (b'a, nonce="b"', b"c\\")
    assert challenge(found.serialise()) == found


def test_several_challenges_are_several_lines() -> None:
    # RFC 8760 §2.4: the order is the server's preference; one bad or foreign line hides none.
    lines = [
        b'Digest realm="a",nonce="1",algorithm=SHA-256',
        b"Digest realm",
        b"Basic realm=x",
        b'Digest realm="a",nonce="2"',
    ]
    assert [(each.algorithm, each.nonce) for each in parse_challenges(lines)] == [(b"SHA-256", b"1"), (b"MD5", b"2")]


def test_credentials() -> None:
    found = credentials(CREDENTIALS)
    assert (found.username, found.uri, found.qop, found.nc) == (b"Mufasa", b"/dir/index.html", b"auth", b"00000001")
    assert found.nonce_count() == 1
    assert found.response == b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    assert credentials(found.serialise()) == found


def test_credentials_without_qop() -> None:
    found = credentials(b'Digest username="a",realm="b",nonce="c",uri="sip:d",response="0AF9"')
    assert (found.qop, found.nc, found.nonce_count(), found.algorithm) == (None, None, 0, None)
    assert found.response == b"0af9"
    assert credentials(found.serialise()) == found


@pytest.mark.parametrize(("nc", "count"), [(b"00000001", 1), (b"FFFFFFFF", 2**32 - 1), (b"1a", 26), (b"0", 0)])
def test_nonce_count(nc: bytes, count: int) -> None:
    assert credentials(b'Digest username="a",realm="b",nonce="c",uri="d",response="0",nc=' + nc).nonce_count() == count


def test_nonce_count_text() -> None:
    assert nonce_count_text(26) == b"0000001a"


def test_other_schemes_are_kept() -> None:
    assert parse_credentials(b"Basic QWxhZGRpbg==") == OtherAuth(b"Basic", b"QWxhZGRpbg==")
    assert parse_challenge(b"NTLM") == OtherAuth(b"NTLM", b"")


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"Digest", b"Digest ", b'Digest realm="a"', b'Digest nonce="a"', b'Digest realm="a",nonce="b",',
        b'Digest realm="a",,nonce="b"', b'Digest realm="a" nonce="b"', b'Digest realm="a",nonce="b',
        b"Digest realm=a b,nonce=c",
        b'Digest realm="a",nonce="b",nonce="c"', b'Digest realm="a",nonce="b",REALM="c"', b'Digest realm="a",nonce=',
        b'Digest realm="a",nonce="b",x', b'Digest realm="a",nonce="b",algorithm="a b"', b'"Digest" realm="a",nonce="b"',
        b'Digest realm="a",nonce="b",qop="auth;int"', b'Digest realm="a",nonce="b", Digest realm="c",nonce="d"',
        b"Digest " + b",".join(b"p%d=1" % i for i in range(33)),
    ],
)  # fmt: skip
def test_challenge_refused(value: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse_challenge(value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "more",
    [
        b',response="xyz"', b',response=""', b"", b',response="0",nc=000000001', b',response="0",nc=-1',
        b',response="0",nc=""', b',response="0",qop="a b"', b',response="0",uri="e"',
        b',response="' + b"0" * 129 + b'"',
    ],
)  # fmt: skip
def test_credentials_refused(more: bytes) -> None:
    with pytest.raises(SipError):
        parse_credentials(b'Digest username="a",realm="b",nonce="c",uri="d"' + more)


def test_auth_params_and_nextnonce() -> None:
    assert parse_auth_params(b'A=1, b="x"') == {b"a": b"1", b"b": b"x"}
    assert parse_nextnonce(b'qop=auth, nextnonce="n"') == b"n"
    assert parse_nextnonce(b"qop=auth") is None
    assert parse_nextnonce(b"rubbish") is None
