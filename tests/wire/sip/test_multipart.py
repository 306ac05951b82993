"""Multipart bodies: parts, odd boundaries, limits, and the work that hostile ones cause."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.multipart import MAX_PARTS, Part, media_type_of, parse_multipart

TYPE = b"multipart/mixed;boundary=b"


def body(*parts: bytes, mark: bytes = b"b") -> bytes:
    return b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"


def read(data: bytes, content_type: bytes = TYPE) -> list[tuple[bytes, bytes]]:
    return [(part.media_type, data[part.start : part.end]) for part in parse_multipart(content_type, data)]


def refused(data: bytes, content_type: bytes = TYPE) -> SipError:
    with pytest.raises(SipError) as caught:
        parse_multipart(content_type, data)
    return caught.value


def test_parts_are_what_stands_between_the_delimiters() -> None:
    data = b"preamble\r\n" + body(
        b"Content-Type: application/SDP ; x=1\r\n\r\nv=0\r\n", b"\r\nno header field", b"c: text/plain\r\n\r\n"
    ) + b"epilogue --b"  # fmt: skip
    assert read(data) == [(b"application/sdp", b"v=0\r\n"), (b"", b"no header field"), (b"text/plain", b"")]


def test_padding_folds_and_quotes() -> None:
    fields = b"Content-Type:\r\n  application/sdp\r\nContent-Disposition: Session;handling=Optional\r\n"
    data = b"--a b \t\r\n" + fields + b"\r\nx\r\n--a b--"
    (part,) = parse_multipart(b'Multipart/Mixed ; boundary="a b"', data)
    assert (part.media_type, part.disposition, part.optional, data[part.start : part.end]) == (
        b"application/sdp", b"session", True, b"x",
    )  # fmt: skip


def test_handling_is_required_when_it_is_not_told() -> None:
    data = body(b"Content-Type: a/b\r\nContent-Disposition: render\r\n\r\n1", b"Content-Type: a/b\r\n\r\n2")
    assert [part.optional for part in parse_multipart(TYPE, data)] == [False, False]


def test_nested_once() -> None:
    inner = body(b"Content-Type: application/sdp\r\n\r\nv=0\r\n", b"\r\nsecond", mark=b"inner")
    data = body(b"Content-Type: multipart/alternative; boundary=inner\r\n\r\n" + inner, b"\r\nlast")
    assert read(data) == [(b"application/sdp", b"v=0\r\n"), (b"", b"second"), (b"", b"last")]
    assert parse_multipart(TYPE, data)[0].within == (b"multipart/mixed", b"multipart/alternative")
    deep = body(b"Content-Type: multipart/mixed;boundary=c\r\n\r\n" + body(b"\r\nx", mark=b"c"), mark=b"inner")
    assert refused(body(b"Content-Type: multipart/mixed;boundary=inner\r\n\r\n" + deep)).status == 415


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/mixed", b"multipart/mixed;boundary", b"multipart/mixed;boundary=", b'multipart/mixed;boundary=""',
        b"multipart/mixed;boundary=" + b"b" * 71, b'multipart/mixed;boundary="b "', b'multipart/mixed;boundary="b\xe4"',
        b"multipart/mixed;boundary=b;boundary=c", b"multipart/mixed;boundary*0=b",
        b"multipart/mixed;boundary=b;boundary*0=c", b"multipart/mixed;BOUNDARY=b;boundary=b",
    ],
)  # fmt: skip
def test_r25_boundaries_that_are_none(content_type: bytes) -> None:
    """R25: missing, empty, longer than 70 octets, told twice."""
    for mark in (b"b", b"", b"b" * 71):
        assert refused(body(b"\r\nx", mark=mark), content_type).status == 400


def test_r25_a_boundary_of_70_octets() -> None:
    mark = b"b" * 70
    assert read(body(b"\r\nx", mark=mark), b"multipart/mixed;boundary=" + mark) == [(b"", b"x")]


def test_r25_one_boundary_begins_another() -> None:
    """R25: RFC 2046 §5.1.1 lets a reader compare the begin of a line alone; others compare it all."""
    inner = body(b"\r\nhidden", mark=b"bc")
    assert "goes on" in refused(body(b"Content-Type: multipart/mixed;boundary=bc\r\n\r\n" + inner)).what
    short = body(b"\r\nx", mark=b"b")
    data = body(b"Content-Type: multipart/mixed;boundary=b\r\n\r\n" + short, mark=b"bc")
    assert read(data, b"multipart/mixed;boundary=bc") == [(b"", b"x")]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"text", b"--b", b"--b\r\n", b"--b--", b"--b--\r\n", b"--b\r\n\r\nx", b"--b\r\n\r\nx\r\n--b\r\n",
        b"--b\n\nx\n--b--\n", b"--b\r\n\r\nx\n--b\r\n\r\ny\r\n--b--", b"--b\r\n\r\nx\r--b\r\n\r\ny\r\n--b--",
        b"--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--", b"--b\r\n\r\nx\r\n--bx\r\n\r\ny\r\n--b--",
        b"--b\r\n\r\nx\r\n--b---", b"\n--b\r\n\r\nx\r\n--b--", b"--b\r\nno field\r\n\r\nx\r\n--b--",
        b"--b\r\nA: b\nContent-Type: c/d\r\n\r\nx\r\n--b--", b"--b\r\nA b: c\r\n\r\nx\r\n--b--",
        b"--b\r\nContent-Type: a/b\r\nc: c/d\r\n\r\nx\r\n--b--", b"--b\r\n: a\r\n\r\nx\r\n--b--",
        b"--b\r\nContent-Length: 2\r\n\r\nfour\r\n--b--", b"--b\r\nContent-Length: x\r\n\r\nfour\r\n--b--",
        b"--b\r\nX: " + b"y" * 5000 + b"\r\n\r\nfour\r\n--b--", b"--b" + b" " * 300 + b"\r\n\r\nx\r\n--b--",
        b"--b\r\n" + b"".join(b"X%d: y\r\n" % number for number in range(20)) + b"\r\nx\r\n--b--",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(data: bytes) -> None:
    assert refused(data).status == 400


def test_the_number_of_parts_is_bounded() -> None:
    assert len(read(body(*[b"\r\nx"] * MAX_PARTS))) == MAX_PARTS
    assert refused(body(*[b"\r\nx"] * (MAX_PARTS + 1))).status == 413
    nested = b"Content-Type: multipart/mixed;boundary=c\r\n\r\n" + body(*[b"\r\nx"] * (MAX_PARTS - 1), mark=b"c")
    assert refused(body(b"\r\nx", nested, b"\r\nx")).status == 413


def test_a_content_length_of_a_part_is_found() -> None:
    data = body(b"Content-Type: a/b\r\nContent-Length:  4 \r\n\r\nfour")
    (part,) = parse_multipart(TYPE, data)
    assert part.length is not None and data[slice(*part.length)] == b"4"


def test_white_space_around_the_slash() -> None:
    assert media_type_of(b"Application / SDP ;x") == b"application/sdp"


class Counted(bytes):
    """Octets that count how many of them are looked at or copied."""

    work = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        end = len(self) if end is None else end
        found = super().find(sub, start, end)
        Counted.work += (found if found >= 0 else end) - start + 1
        return found

    def startswith(self, prefix: Any, start: Any = 0, end: Any = None) -> bool:
        Counted.work += len(prefix)
        return super().startswith(prefix, start, end)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        Counted.work += 1 if isinstance(found, int) else len(found)
        return found


HOSTILE = {
    "hyphens": (TYPE, lambda size: b"-" * size),
    "marks": (TYPE, lambda size: b"--b" * (size // 3)),
    "delimiters": (TYPE, lambda size: b"\r\n--b" * (size // 5)),
    "lines": (TYPE, lambda size: b"--b\r\n\r\n" + b"\r\n" * (size // 2)),
    "near misses": (TYPE, lambda size: b"--b\r\n\r\n" + b"\r\n--a" * (size // 5)),
    "padding": (TYPE, lambda size: b"--b" + b" " * size + b"\r\n"),
    "header fields": (TYPE, lambda size: b"--b\r\n" + b"A: b\r\n" * (size // 6) + b"\r\nx\r\n--b--"),
    "folds": (TYPE, lambda size: b"--b\r\nA: b\r\n" + b" c\r\n" * (size // 4) + b"\r\nx\r\n--b--"),
    "nested": (
        TYPE,
        lambda size: body(
            *[b"Content-Type: multipart/mixed;boundary=c\r\n\r\n" + body(b"\r\n" + b"x" * (size // 30), mark=b"c")] * 30
        ),
    ),
    "same boundary": (TYPE, lambda size: body(*[b"Content-Type: " + TYPE + b"\r\n\r\n--b"] * (size // 50))),
    "long boundary": (b"multipart/mixed;boundary=" + b"-" * 70, lambda size: b"\n" + b"-" * size),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_r25_work_is_linear(name: str) -> None:
    """R25: counted, not timed: four times the octets are at most about four times the work."""
    content_type, make = HOSTILE[name]

    def cost(size: int) -> int:
        Counted.work = 0
        with suppress(SipError):
            parse_multipart(content_type, Counted(make(size)))
        return Counted.work

    small, large = cost(16_000), cost(64_000)
    assert large <= 4.5 * small + 200
    assert large <= 6 * 64_000


PIECES = [
    b"--b", b"--b--", b"--bc", b"--", b"\r\n", b"\n", b"\r", b" ", b"Content-Type: ", b"multipart/mixed;boundary=bc",
    b"application/sdp", b"v=0\r\n", b"Content-Disposition: session;handling=optional", b"Content-Length: 5", b"x", b";",
]  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        parts = parse_multipart(TYPE, data)
    except SipError:
        return
    assert 0 < len(parts) <= MAX_PARTS
    last = 0
    for part in parts:
        assert isinstance(part, Part)
        assert last <= part.start <= part.end <= len(data)
        assert b"\n--b" not in data[part.start : part.end]
        last = part.end


@given(
    st.lists(st.binary(max_size=60).filter(lambda each: b"--b" not in each), min_size=1, max_size=8),
    st.binary(max_size=20).filter(lambda each: b"--b" not in each),
)
def test_what_was_put_in_comes_out(contents: list[bytes], around: bytes) -> None:
    data = around + b"\r\n" + body(*[b"Content-Type: a/b\r\n\r\n" + each for each in contents]) + around
    if b"\n--b" not in around + b"\r\n--" and not around.endswith(b"-"):
        assert read(data) == [(b"a/b", each) for each in contents]
