"""Addresses with parameters, and the look-ups that read no more than they must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import is_token
from seaway.wire.sip.nameaddr import (
    STAR,
    NameAddr,
    parse_contacts,
    parse_nameaddr,
    parse_nameaddrs,
    split_commas,
    split_first,
    tag_of,
    uri_of,
)
from seaway.wire.sip.params import Params


@pytest.mark.parametrize(
    ("value", "display", "uri", "tag"),
    [
        (b"<sip:a@b>", None, b"sip:a@b", None),
        (b"sip:a@b", None, b"sip:a@b", None),
        (b"sip:a@b;tag=1", None, b"sip:a@b", b"1"),
        (b"<sip:a@b;tag=x>;TAG=1", None, b"sip:a@b;tag=x", b"1"),
        (b'"A, \\"B\\" <x>;tag=9" <sip:a@b> ; x ; tag = 1', b'"A, \\"B\\" <x>;tag=9"', b"sip:a@b", b"1"),
        (b"Alice Smith <sip:a@b>;x=1;tag=2", b"Alice Smith", b"sip:a@b", b"2"),
        (b'<sip:a@b>;x=">";tag=1', None, b"sip:a@b", b"1"),
        (b'<sip:a@b>;x=";tag=7";tag=1', None, b"sip:a@b", b"1"),
        (b'\r"<" <sip:a@b>;tag=1 ', b'"<"', b"sip:a@b", b"1"),
        (b"<tel:+1>;tag=1", None, b"tel:+1", b"1"),
        (b"<sip:a@b>;tag", None, b"sip:a@b", None),
        (b"<sip:a@b>;tag=1;tag=2", None, b"sip:a@b", b"1"),
    ],
)
def test_read(value: bytes, display: bytes | None, uri: bytes, tag: bytes | None) -> None:
    address = parse_nameaddr(value)
    assert (address.display, address.uri, address.tag) == (display, uri, tag)
    assert tag_of(value) == tag
    assert uri_of(value) == uri


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"<>", b"<sip:a@b", b"sip:a@b>", b'"a', b'"a" sip:a@b', b'"a"', b"a, b <sip:a@b>", b"<sip:a@b>x",
        b"<sip:a@b>;", b"<sip:a@b>;;tag=1", b"sip:a@b?x=y", b"sip:a@b,sip:c@d", b"sip:a @b", b"<sip:a@b>,<sip:c@d>",
        b'<sip:a@b>;tag="', b"<sip:a@b>;tag=", b"\xc3\xa4 <sip:a@b>",
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    with pytest.raises(SipError):
        parse_nameaddr(value)


@pytest.mark.parametrize("value", [b'<sip:a@b>;tag="1"', b"<sip:a@b>;tag=a@b", b"<sip:a@b>;tag=", b'"a'])
def test_a_tag_is_a_token(value: bytes) -> None:
    with pytest.raises(SipError):
        tag_of(value)


def test_round_trip_and_edit() -> None:
    for value in (b'"A" <sip:a@b;lr>;tag=1', b"<sip:a@b>", b"sip:a@b;tag=1", b"Al <sip:a@b>;x"):
        assert parse_nameaddr(value).serialise() == value
    assert NameAddr(b"sip:a@b;lr", Params(((b"tag", b"1"),))).serialise() == b"<sip:a@b;lr>;tag=1"


def test_lists() -> None:
    value = b'"a, b" <sip:a@b;x=1,2>;q=1 , sip:c@d'
    assert split_commas(value) == [b'"a, b" <sip:a@b;x=1,2>;q=1', b"sip:c@d"]
    assert split_first(value) == (b'"a, b" <sip:a@b;x=1,2>;q=1', b"sip:c@d")
    assert split_first(b"a") == (b"a", b"")
    for bad in (b"", b",", b"a,,b", b"a,", b"<a,b", b'"a,b'):
        with pytest.raises(SipError):
            split_commas(bad)
    assert [each.uri for each in parse_nameaddrs([b"<sip:a;lr>,<sip:b>", b"<sip:c>"])] == [
        b"sip:a;lr",
        b"sip:b",
        b"sip:c",
    ]


def test_number_of_values_in_one_line() -> None:
    # R28
    assert len(split_commas(b",".join([b"<sip:a>"] * 64))) == 64
    for count in (65, 10_000):
        with pytest.raises(SipError) as caught:
            split_commas(b",".join([b"<sip:a>"] * count))
        assert caught.value.status == 400


def test_contacts() -> None:
    assert parse_contacts([b"*"]) == STAR
    assert parse_contacts([]) == []
    for bad in ([b"*", b"<sip:a@b>"], [b"*, <sip:a@b>"], [b"*;expires=0"]):
        with pytest.raises(SipError):
            parse_contacts(bad)


@pytest.mark.parametrize(
    ("params", "expires"),
    [
        (b"", None), (b";expires=60", 60), (b";expires=0", 0), (b";Expires=007", 7), (b';expires="30"', 30),
        (b";expires=4294967295", 2**32 - 1), (b";expires=2147483648", 2**31),
        # RFC 3261 §20.10: malformed counts as 3600
        (b";expires=4294967296", 3600), (b";expires=-1", 3600), (b";expires", 3600), (b";expires=1_0", 3600),
        (b";expires=" + b"9" * 100, 3600), (b";expires=18446744073709551616", 3600),
    ],
)  # fmt: skip
def test_expires(params: bytes, expires: int | None) -> None:
    assert parse_nameaddr(b"<sip:a@b>" + params).expires == expires


@pytest.mark.parametrize(
    ("q", "thousandths"),
    [
        (b"1", 1000),
        (b"0", 0),
        (b"0.5", 500),
        (b"0.333", 333),
        (b"1.000", 1000),
        (b"0.", 0),
        (b"1.", 1000),
        (b".5", 500),
    ],
)
def test_q(q: bytes, thousandths: int) -> None:
    assert parse_nameaddr(b"<sip:a@b>;q=" + q).q == thousandths


@pytest.mark.parametrize(
    "q", [b"2", b"1.1", b"0.3333", b"-0.5", b"+1", b"0.5e1", b"nan", b".", b"00.5", b"0.+5", b"4294967296"]
)
def test_q_refused(q: bytes) -> None:
    with pytest.raises(SipError):
        _ = parse_nameaddr(b"<sip:a@b>;q=" + q).q
    assert parse_nameaddr(b"<sip:a@b>").q == 1000


@pytest.mark.parametrize("size", [1, 100, 8_000, 60_000])
def test_tags_of_any_length(size: int) -> None:
    # R26: a long tag is a value like any other; the header limit is what bounds it.
    tag = b"t" * size
    assert tag_of(b"<sip:a@b>;tag=" + tag) == tag
    assert parse_nameaddr(b'"x" <sip:a@b>;y=1;tag=' + tag).tag == tag


PIECES = st.lists(
    st.sampled_from(
        [b"<", b">", b'"', b"\\", b";", b"=", b",", b" ", b"\t", b"tag", b"TAG", b"sip:a@b", b"x", b"1", b";tag=", b"?"]
    ),
    max_size=14,
).map(b"".join)


@given(PIECES)
def test_short_ways_agree_with_the_parser(value: bytes) -> None:
    try:
        address = parse_nameaddr(value)
    except SipError:
        return
    assert uri_of(value) == address.uri
    try:
        tag = tag_of(value)
    except SipError:
        # It also checks that the tag is a token, which the parser leaves to its reader.
        assert address.tag is not None and not is_token(address.tag)
    else:
        assert tag == address.tag


@given(PIECES)
def test_what_is_read_is_written_and_read_again(value: bytes) -> None:
    try:
        address = parse_nameaddr(value)
    except SipError:
        return
    again = parse_nameaddr(address.serialise())
    assert (again.uri, again.params, again.display) == (address.uri, address.params, address.display)
