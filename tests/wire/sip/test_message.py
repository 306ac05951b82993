"""Whole messages: what is read, what is refused, and that edits and round trips keep every octet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.headers import COMPACT, KNOWN, canonical_name
from seaway.wire.sip.message import DEFAULT_LIMITS, Limits, Request, Response, parse, parse_lenient

LINES = [
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
    b"From: <sip:a@example.com>;tag=1",
    b"To: <sip:b@example.com>",
    b"Call-ID: c@192.0.2.1",
    b"CSeq: 1 INVITE",
    b"Max-Forwards: 70",
]


def build(
    *more: bytes, start: bytes = b"INVITE sip:b@example.com SIP/2.0", body: bytes = b"", drop: bytes = b""
) -> bytes:
    lines = [line for line in LINES if not drop or not line.startswith(drop)]
    return b"\r\n".join([start, *lines, *more, b"", body])


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def refused(data: bytes) -> int:
    with pytest.raises(SipError) as caught:
        parse(data)
    return caught.value.status


def test_request_and_response() -> None:
    message = request(build(b"Content-Length: 3", body=b"abc"))
    assert (message.method, message.uri, message.body) == (b"INVITE", b"sip:b@example.com", b"abc")
    answer = parse(build(start=b"SIP/2.0 180 Ringing it is"))
    assert isinstance(answer, Response)
    assert (answer.status, answer.reason) == (180, b"Ringing it is")


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_each_required_header(name: bytes) -> None:
    assert refused(build(drop=name)) == 400


@pytest.mark.parametrize(
    "line", [b"From: <sip:x@y>;tag=2", b"f: <sip:x@y>", b"CSEQ: 1 INVITE", b"i: x", b"Max-Forwards: 1"]
)
def test_a_single_header_twice(line: bytes) -> None:
    assert refused(build(line)) == 400


@pytest.mark.parametrize("octet", range(256))
def test_one_octet_before_and_after_a_header_name(octet: int) -> None:
    # R21: only SP and HTAB before the colon are taken off; any other octet makes another name, or a refusal.
    mark = bytes((octet,))
    for line, plain in (
        (b"P-Asserted-Identity" + mark + b": x", mark in b" \t:"),
        (mark + b"P-Asserted-Identity: x", False),
    ):
        data = build(line)
        try:
            message = parse(data)
        except SipError as error:
            assert error.status == 400
            continue
        assert message.serialise() == data
        if mark in b" \t" and line.startswith(mark):
            # A fold of the line before it: the value belongs there and no header of this name exists.
            assert message.names.count(b"p-asserted-identity") == 0
            assert message.value(len(LINES) - 1) == b"70 P-Asserted-Identity: x"
        else:
            assert (b"p-asserted-identity" in message.names) is plain
            # What a filter by name would not see must be another token, not a variant that a peer might normalise.
            assert plain or message.names[-1].strip(b"abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") == b""


@pytest.mark.parametrize("spelling", [b"Contact", b"contact", b"CONTACT", b"cOnTaCt", b"m", b"M", b"Contact \t", b"m "])
def test_every_spelling_is_one_header_and_is_removed(spelling: bytes) -> None:
    message = request(build(spelling + b": <sip:a@b>", b"Other: 1"))
    assert message.get(b"contact") == b"<sip:a@b>"
    assert message.remove(b"contact") == 1
    assert b"sip:a@b>" not in message.serialise().replace(b"<sip:a@example.com>", b"")
    assert message.names[-1] == b"other"


def test_compact_forms_are_one_letter_and_known() -> None:
    for short, long in COMPACT.items():
        assert canonical_name(short) == canonical_name(short.upper()) == canonical_name(long.title()) == long
    assert all(canonical_name(spelling) == name for spelling, name in KNOWN.items())


@pytest.mark.parametrize("name", [b"", b" ", b"a b", b"a\x00", b"a\xff", b"a(", b"x" * 257, b"\ta"])
def test_names_that_are_no_tokens(name: bytes) -> None:
    with pytest.raises(SipError):
        canonical_name(name)


def test_unknown_names_pass() -> None:
    assert canonical_name(b"X-Thing") == b"x-thing"
    assert canonical_name(b"Unknown-" + b"Long" * 20 + b"-Name") == b"unknown-" + b"long" * 20 + b"-name"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"", 400), (b"-1", 400), (b"+3", 400), (b"3 3", 400), (b"3,3", 400), (b"0x3", 400), (b"1_0", 400), (b"4", 400),
        (b"00000003", 413), (b"65537", 413), (b"9" * 100, 413), ("\u0663".encode(), 400),
    ],
)  # fmt: skip
def test_content_length_refused(value: bytes, status: int) -> None:
    assert refused(build(b"Content-Length: " + value, body=b"abc")) == status


def test_content_length_read() -> None:
    assert parse(build(b"l : 0000003", body=b"abcdef")).body == b"abc"
    assert parse(build(body=b"abc")).body == b"abc"
    assert refused(build(body=b"x" * (DEFAULT_LIMITS.body + 1))) == 413
    assert refused(build(b"Content-Length: 3", b"Content-Length: 3", body=b"abc")) == 400


@pytest.mark.parametrize(
    ("number", "good"),
    [
        (b"0", True), (b"0009", True), (b"2147483647", True), (b"2147483648", False), (b"4294967296", False),
        (b"18446744073709551616", False), (b"9" * 100, False), (b"-1", False), (b"+1", False), (b"1_0", False),
        (b"", False),
    ],
)  # fmt: skip
def test_cseq_numbers(number: bytes, good: bool) -> None:
    data = build(b"CSeq: " + number + b" INVITE", drop=b"CSeq")
    if good:
        parse(data)
    else:
        assert refused(data) == 400


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"", 400), (b"INVITE", 400), (b"INVITE sip:a@b", 400), (b"INVITE sip:a@b SIP/2.0 ", 400),
        (b" INVITE sip:a@b SIP/2.0", 400),
        (b"INVITE  sip:a@b SIP/2.0", 400), (b"INVITE sip:a@b\tSIP/2.0", 400), (b"INVITE sip:a@b SIP/3.0", 505),
        (b"INVITE sip:a@b HTTP/1.1", 400), (b"IN(ITE sip:a@b SIP/2.0", 400), (b"M" * 65 + b" sip:a@b SIP/2.0", 400),
        (b"SIP/2.0 99 x", 400), (b"SIP/2.0 700 x", 400), (b"SIP/2.0 2000 x", 400), (b"SIP/2.0 2x0 x", 400),
        (b"SIP/1.0 200 x", 505),
        (b"SIP/2.0", 400), (b"INVITE sip:a@b SIP/2.00", 505),
    ],
)  # fmt: skip
def test_start_lines_refused(start: bytes, status: int) -> None:
    assert refused(build(start=start)) == status


def test_bare_line_ends_are_refused() -> None:
    for octets in (b"\n", b"\r", b"\n\r", b"\r\r\n", b"\n\n"):
        assert refused(build(b"X: a" + octets + b"Route: <sip:evil>")) == 400


def test_number_of_headers_and_values() -> None:
    # R28: 128 lines are read, 129 and 10,000 are not.
    room = DEFAULT_LIMITS.headers - len(LINES)
    assert len(parse(build(*[b"Accept: a/b"] * room)).all(b"accept")) == room
    assert refused(build(*[b"Accept: a/b"] * (room + 1))) == 400
    assert refused(build(*[b"A: b"] * 5_000)) == 400
    assert refused(build(*[b"Accept: a/b"] * 10_000)) in (400, 413, 513)
    assert parse(build(b"Other: 1"), Limits(headers=len(LINES) + 1)).get(b"other") == b"1"


@pytest.mark.parametrize("size", [1, 1000, 30_000, 60_000])
def test_long_tags_and_branches_are_read_or_refused(size: int) -> None:
    # R26
    for line, name in (
        (b"From: <sip:a@b>;tag=" + b"t" * size, b"From"),
        (b"Via: SIP/2.0/UDP h;branch=" + b"b" * size, b"Via"),
    ):
        data = build(line, drop=name)
        if size < 32_000:
            assert parse(data).serialise() == data
        else:
            assert refused(data) == 513


def test_folds() -> None:
    data = build(b"Subject: one\r\n  two\r\n\tthree  ", b"Other:\r\n y")
    message = parse(data)
    assert message.get(b"subject") == b"one two three"
    assert message.get(b"other") == b"y"
    assert message.serialise() == data
    assert refused(b"INVITE sip:a SIP/2.0\r\n folded: x\r\n" + build()[34:]) == 400


def test_edits() -> None:
    message = request(build(b"Route: <sip:p>", b"Content-Length: 1", body=b"x"))
    twin = message.copy()
    message.insert(0, b"via", b"Via: SIP/2.0/UDP new")
    message.remove(b"route")
    message.set_body(b"hello", b"text/plain")
    assert message.all(b"via") == [b"SIP/2.0/UDP new", b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"]
    again = request(message.serialise())
    assert (again.get(b"content-length"), again.get(b"content-type"), again.body) == (b"5", b"text/plain", b"hello")
    assert again.get(b"route") is None
    assert twin.get(b"route") == b"<sip:p>" and twin.body == b"x"


def test_lenient_reads_what_an_answer_needs() -> None:
    message = parse_lenient(build(b"Content-Length: -1", drop=b"From"))
    assert message.get(b"via") is not None
    assert message.get(b"from") is None


WORDS = st.lists(
    st.sampled_from(
        [
            b"INVITE sip:a@b SIP/2.0",
            b"SIP/2.0 200 OK",
            b"\r\n",
            b"\r",
            b"\n",
            b" ",
            b"\t",
            b":",
            b"l: 1",
            b"\x00",
            b"\r\n\r\n",
            *LINES,
        ]
    ),
    max_size=20,
).map(b"".join)


@given(st.one_of(st.binary(max_size=80), WORDS))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        message = parse(data)
    except SipError as error:
        assert 400 <= error.status < 700
    else:
        assert data.startswith(message.serialise())
        assert len(message.names) == len(message.lines)


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4))
def test_mutants_are_read_or_refused(edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(build(b"Contact: <sip:a@b>", b"Content-Length: 2", body=b"hi"))
    for position, octets in edits:
        position %= len(data)
        data[position : position + 1] = octets
    try:
        message = parse(bytes(data))
    except SipError:
        return
    assert bytes(data).startswith(message.serialise())
