"""SIP URIs: parts, comparison (RFC 3261 §19.1.4), and the registrar's key."""

from __future__ import annotations

import pytest

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.uri import OtherUri, SipUri, parse_request_uri, parse_uri, same_uri


def sip(data: bytes) -> SipUri:
    uri = parse_uri(data)
    assert isinstance(uri, SipUri)
    return uri


def test_parts() -> None:
    uri = sip(b"SIPS:Al%69ce:pw@Example.COM:5061;transport=TCP;lr?Subject=a%20b&x=")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        b"sips",
        b"Al%69ce",
        b"pw",
        b"Example.COM",
        5061,
    )
    assert uri.secure
    assert uri.address == "example.com"
    assert uri.transport == "tcp"
    assert b"lr" in uri.params
    assert uri.header_items() == [(b"Subject", b"a%20b"), (b"x", b"")]
    assert uri.aor() == b"Alice@example.com"


@pytest.mark.parametrize(
    "data",
    [
        b"sip:example.com", b"sip:alice@example.com", b"sip:alice:@h", b"sip:+1-212;ext=7@gw;user=phone",
        b"sip:[2001:db8::1]:5070;lr", b"sip:a@[::1]", b"sips:a@b?x=y", b"sip:*21#@pbx", b"sip:a@b;lr=;x=%41",
        b"sip:a/b?c@d", b"sip:192.0.2.1:5060;transport=udp",
    ],
)  # fmt: skip
def test_round_trip(data: bytes) -> None:
    assert parse_uri(data).serialise() == data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"sip", b"sip:", b"sip:@h", b"sip:a@", b"sip:a@b@c", b"sip:a b@c", b"sip: a@b", b"sip:a@b ", b"sip:a@b;",
        b"sip:a@b;;c", b"sip:a@b;x=1=2", b"sip:a@b?", b"sip:a@b:", b"sip:a@b:x", b"sip:a@b:65536", b"sip:a@b:0",
        b"sip:a@b:+1", b"sip:a@b:1_0", b"sip:a@b:5060 ", b"sip:a%@b", b"sip:a%4@b", b"sip:a@[::1", b"sip:a@[::1]x",
        b"sip:a@2001:db8::1", b"sip:a\x00@b", b"sip:\xc3\xa4@b", b"<sip:a@b>", b"sip:a@b>", b'sip:"a"@b', b"1sip:a@b",
        b"tel:", b"te l:1", b"x:\x00", b"sip:a@b:" + b"0" * 30, b"http:a b",
    ],
)  # fmt: skip
def test_refused(data: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse_uri(data)
    assert caught.value.status == 400


def test_port_numbers() -> None:
    # R27: leading zeros are digits; the value counts.
    assert sip(b"sip:h:00005060").port == 5060
    assert sip(b"sip:h:65535").port == 65535


def test_too_long_is_414() -> None:
    with pytest.raises(SipError) as caught:
        parse_uri(b"sip:" + b"a" * 9000 + b"@b")
    assert caught.value.status == 414


def test_other_schemes_are_verbatim() -> None:
    uri = parse_uri(b"TEL:+1-201-555-0123;phone-context=x")
    assert uri == OtherUri(b"tel", b"TEL:+1-201-555-0123;phone-context=x")
    assert uri.serialise() == b"TEL:+1-201-555-0123;phone-context=x"


def test_request_uri() -> None:
    assert parse_request_uri(b"sip:a@b").host == b"b"
    for data, status in ((b"tel:1", 416), (b"soap.beep://192.0.2.103:3002", 416), (b"sip:a@b?x=y", 400), (b"<a>", 400)):
        with pytest.raises(SipError) as caught:
            parse_request_uri(data)
        assert caught.value.status == status


# The examples of RFC 3261 §19.1.4.
SAME = [
    (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com;security=on"),
    (
        b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        b"sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    (b"tel:1", b"tel:1"),
]
DIFFERENT = [
    (b"SIP:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
    (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
    (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
    (b"sip:a@b", b"sips:a@b"),
    (b"sip:a@b", b"sip:a:p@b"),
    (b"sip:a%3Bb@c", b"sip:a;b@c"),
    (b"sip:a@b;maddr=192.0.2.1", b"sip:a@b"),
    (b"tel:1", b"sip:1@b"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same(one: bytes, other: bytes) -> None:
    assert same_uri(parse_uri(one), parse_uri(other))
    assert same_uri(parse_uri(other), parse_uri(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one: bytes, other: bytes) -> None:
    assert not same_uri(parse_uri(one), parse_uri(other))
    assert not same_uri(parse_uri(other), parse_uri(one))


def test_sameness_is_not_transitive() -> None:
    plain, on, off = (sip(b"sip:carol@chicago.com" + more) for more in (b"", b";security=on", b";security=off"))
    assert same_uri(plain, on) and same_uri(plain, off) and not same_uri(on, off)


def test_aor_key() -> None:
    key = sip(b"sip:bob@example.com").aor()
    for same in (b"sips:bob@EXAMPLE.com:5061", b"sip:b%6Fb:pw@example.com:5060;transport=tcp?x=y"):
        assert sip(same).aor() == key
    for other in (b"sip:Bob@example.com", b"sip:bob@example.com:5070", b"sip:example.com"):
        assert sip(other).aor() != key
