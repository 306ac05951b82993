"""Quoted strings, escapes and splitting: the same answer for every parser that asks."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import check_escapes, is_host, is_token, quote, quoted_end, split_outside, unescape, unquote


@pytest.mark.parametrize(
    ("data", "end"),
    [(b'""', 2), (b'"a"b', 3), (b'"\\""', 4), (b'"\\\\"', 4), (b'"\\\\\\""', 6), (b'"a\\"b"c"', 6)],
)
def test_quoted_end(data: bytes, end: int) -> None:
    assert quoted_end(data, 0) == end


@pytest.mark.parametrize("data", [b'"', b'"a', b'"\\"', b'"\\', b'"\\\\\\"'])
def test_quoted_string_without_end(data: bytes) -> None:
    with pytest.raises(SipError):
        quoted_end(data, 0)


@given(st.binary(max_size=40))
def test_quote_and_unquote_are_inverse(data: bytes) -> None:
    quoted = quote(data)
    assert quoted_end(quoted, 0) == len(quoted)
    assert unquote(quoted) == data


def test_split_outside() -> None:
    assert split_outside(b'a, "b,c" ,<d,e>', b",", brackets=True) == [b"a", b'"b,c"', b"<d,e>"]
    assert split_outside(b'<d,e>;"x;y";z', b";", brackets=True) == [b"<d,e>", b'"x;y"', b"z"]
    assert split_outside(b"a,,b,", b",") == [b"a", b"", b"b", b""]
    assert split_outside(b'"a,b",c,d', b",", first=True) == [b'"a,b"', b"c,d"]
    with pytest.raises(SipError):
        split_outside(b"<a,b", b",", brackets=True)
    with pytest.raises(SipError):
        split_outside(b'"a,b', b",")


@given(st.lists(st.binary(max_size=8).map(lambda text: quote(text)), min_size=1, max_size=6))
def test_split_finds_what_was_joined(parts: list[bytes]) -> None:
    assert split_outside(b" , ".join(parts), b",", brackets=True) == parts


def test_escapes() -> None:
    assert unescape(b"%41%2fx%25") == b"A/x%"
    assert unescape(b"%41%3b", keep=b";") == b"A%3B"
    check_escapes(b"a%20b%7E", "x")
    for bad in (b"%", b"%4", b"a%zz", b"%4g", b"%%41", b"%+1", b"% 1"):
        with pytest.raises(SipError):
            check_escapes(bad, "x")


@pytest.mark.parametrize(
    ("host", "good"),
    [
        (b"example.com", True), (b"example.com.", True), (b"a_b.local", True), (b"192.0.2.1", True),
        (b"[2001:db8::1]", True), (b"[::ffff:192.0.2.1]", True), (b"", False), (b"[]", False), (b"[::1", False),
        (b"2001:db8::1", False), (b"a b", False), (b"-a", False), (b".a", False), (b"a" * 256, False),
        (b"[fe80::1%25eth0]", False), (b"ex\xc3\xa4mple", False), (b"a/b", False), (b"a\x00", False),
    ],
)  # fmt: skip
def test_is_host(host: bytes, good: bool) -> None:
    assert is_host(host) is good


def test_is_token() -> None:
    assert is_token(b"a-.!%*_+`'~9")
    assert not any(is_token(bad) for bad in (b"", b"a b", b"a;b", b"a@b", b"\xff", b'"a"'))


@pytest.mark.parametrize("octet", [b"a", b",", b";", b'"', b"<", b" ", b"\\", b">", b"%"])
def test_linear_on_one_hundred_thousand_of_one_octet(octet: bytes) -> None:
    # R70. A quadratic scan of this length takes minutes.
    data = b'"' + octet * 100_000
    begin = time.perf_counter()
    for separator in (b",", b";"):
        for value in (data, data + b'"', octet * 100_000):
            with contextlib.suppress(SipError):
                split_outside(value, separator, brackets=True)
    assert time.perf_counter() - begin < 3
