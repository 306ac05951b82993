"""Parameters of URIs and header fields."""

from __future__ import annotations

import pytest

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.params import Params, parse_header_params, parse_uri_params


def test_order_spelling_and_look_up() -> None:
    params = parse_header_params(b';Tag=1 ; x ; q = 0.5;Y="a;b"')
    assert params.items == ((b"Tag", b"1"), (b"x", None), (b"q", b"0.5"), (b"Y", b'"a;b"'))
    assert params.get(b"tag") == b"1"
    assert b"x" in params and params.get(b"x") is None
    assert b"z" not in params
    assert params.text(b"y") == b"a;b"
    assert params.serialise() == b';Tag=1;x;q=0.5;Y="a;b"'


def test_the_first_of_a_repeated_name_counts() -> None:
    assert parse_header_params(b";a=1;A=2").get(b"a") == b"1"
    assert parse_uri_params(b"a=1;a=2").get(b"a") == b"1"


def test_edits_leave_the_rest() -> None:
    params = parse_header_params(b";a=1;B=2;c;b=3")
    assert params.with_(b"b", b"9").serialise() == b";a=1;B=9;c"
    assert params.with_(b"d").serialise() == b";a=1;B=2;c;b=3;d"
    assert params.without(b"b").serialise() == b";a=1;c"
    assert params.serialise() == b";a=1;B=2;c;b=3"


@pytest.mark.parametrize("data", [b";", b";;a", b";a;", b"a", b";=1", b";a=", b";a b=1", b';a="x', b';a="x"y', b";a=<"])
def test_header_params_refused(data: bytes) -> None:
    with pytest.raises(SipError):
        parse_header_params(data)


@pytest.mark.parametrize("data", [b"", b";", b"a;", b"a b", b"a=1=2", b"a=%zz", b"a=<b>", b'a="b"', b"=a", b"a=@"])
def test_uri_params_refused(data: bytes) -> None:
    with pytest.raises(SipError):
        parse_uri_params(data)


def test_an_empty_uri_value_is_kept() -> None:
    assert parse_uri_params(b"lr=;ob").serialise() == b";lr=;ob"


def test_nothing() -> None:
    assert not parse_header_params(b"  ")
    assert Params().serialise() == b""
