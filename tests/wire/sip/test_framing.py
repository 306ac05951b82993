"""Messages out of a stream: framing, keep-alives, and streams that are not SIP (R23, R36, RFC 5626 §4.4.1)."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.framing import FramingError, Ping, Pong, StreamFramer
from seaway.wire.sip.message import Limits, parse

HEAD = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bKd\r\n"


def message(body: bytes = b"", name: bytes = b"Content-Length") -> bytes:
    return HEAD + name + b": %d\r\n\r\n" % len(body) + body


def one_by_one(data: bytes, framer: StreamFramer | None = None) -> list[bytes | Ping | Pong]:
    framer = framer or StreamFramer()
    return [item for octet in data for item in framer.feed(bytes((octet,)))]


def test_several_in_one_read() -> None:
    framer = StreamFramer()
    items = framer.feed(message(b"one") + message() + message(b"three", b"l")[:-2])
    assert items == [message(b"one"), message()]
    assert framer.feed(b"ee" + b"\r\n\r\n") == [message(b"three", b"l"), Ping()]
    assert framer.pending == 0


@given(st.lists(st.binary(max_size=30).map(message), max_size=4), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_any_cut_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    data, framer, found = b"".join(messages), StreamFramer(), []
    index = 0
    while data:
        size = cuts[index % len(cuts)]
        index += 1
        found += framer.feed(data[:size])
        data = data[size:]
    assert found == messages


def test_response_and_folded_length() -> None:
    data = b"SIP/2.0 200 OK\r\nCONTENT-LENGTH \t:\r\n  2\r\n\r\nab"
    assert StreamFramer().feed(data) == [data]
    assert one_by_one(data) == [data]


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"l", b"L", b"l \t", b"Content-Length  "]
)
def test_spellings_of_the_name(name: bytes) -> None:
    assert StreamFramer().feed(message(b"xy", name)) == [message(b"xy", name)]


def test_names_that_only_begin_alike() -> None:
    data = HEAD + b"Content-Length-X: 7\r\nLx: 9\r\nX:\r\n l: 8\r\nContent-Length: 0\r\n\r\n"
    assert StreamFramer().feed(data) == [data]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"", 400),
        (b"Content-Length:\r\n", 400),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: +1\r\n", 400),
        (b"Content-Length: 1_0\r\n", 400),
        (b"Content-Length: 0x1\r\n", 400),
        (b"Content-Length: 1 2\r\n", 400),
        (b"Content-Length: 1,1\r\n", 400),
        (b"Content-Length: 1\r\n 2\r\n", 400),
        (b"Content-Length: 1\r\nContent-Length: 1\r\n", 400),
        (b"Content-Length: 1\r\nl: 1\r\n", 400),
        (b"L: 1\r\nl: 1\r\n", 400),
        (b"Content-Length: 65537\r\n", 413),
        (b"Content-Length: 9999999\r\n", 413),
        (b"Content-Length: 10000000\r\n", 413),
        (b"Content-Length: 00000001\r\n", 413),
        (b"Content-Length: 18446744073709551616\r\n", 413),
        (b"Content-Length: " + b"9" * 100 + b"\r\n", 413),
        (b"X: a\nContent-Length: 1\r\n", 400),
        (b"X: a\rl: 1\r\nl: 1\r\n", 400),
        ("Content-Length: \u0661\r\n".encode(), 400),
    ],
)
def test_lengths_refused(lines: bytes, status: int) -> None:
    data = HEAD + lines + b"\r\n"
    for feed in (StreamFramer().feed, one_by_one):
        with pytest.raises(FramingError) as caught:
            feed(data)
        assert (caught.value.status, caught.value.close, caught.value.head) == (status, True, data)


def test_the_largest_body_and_nothing_allocated_ahead() -> None:
    framer = StreamFramer()
    assert framer.feed(HEAD + b"l: 65536\r\n\r\n") == []
    assert framer.pending < 200
    assert framer.feed(b"x" * 65535) == []
    assert len(framer.feed(b"x")) == 1


def test_what_came_before_the_error_is_not_lost() -> None:
    framer = StreamFramer()
    with pytest.raises(FramingError) as caught:
        framer.feed(b"\r\n\r\n" + message(b"x") + b"GET / HTTP/1.1\r\n")
    assert caught.value.items == [Ping(), message(b"x")]
    assert caught.value.head == b""
    with pytest.raises(FramingError):
        framer.feed(message())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n", b"EHLO example.com\r\n", b"POST /x HTTP/1.0\n",
        b"\x16\x03\x01\x02\x00",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", b"\x00", b"{", b"<stream", b"RTSP/1.0 200 OK\r\n", b"INVITE sip:a@b\r\n",
        b"x\r\n", b" \r\n", b"\x80\x46\x01\x03", b"SSH-2.0-OpenSSH_9.2\r\n", b"\n", b"\rX",
    ],
)  # fmt: skip
def test_other_protocols_are_refused_at_the_first_line(data: bytes) -> None:
    for feed in (StreamFramer().feed, one_by_one):
        with pytest.raises(SipError):
            feed(data)


def test_versions_and_spaces_are_left_to_the_parser() -> None:
    for line in (
        b"OPTIONS sip:a@b SIP/7.0",
        b"OPTIONS sip:a@b SIP/2.0  ",
        b"INVITE  sip:a@b  sip/2.0",
        b"SIP/3.0 200 OK",
    ):
        data = line + b"\r\nl: 0\r\n\r\n"
        assert StreamFramer().feed(data) == [data]


def test_limits() -> None:
    small = Limits(head=1000, body=10)
    for feed in (StreamFramer(small).feed, lambda data: one_by_one(data, StreamFramer(small))):
        with pytest.raises(FramingError) as caught:
            feed(HEAD + b"X: " + b"x" * 2000)
        assert caught.value.status == 513
    with pytest.raises(FramingError) as caught:
        StreamFramer(small).feed(HEAD + b"X: " + b"x" * 2000 + b"\r\nl: 0\r\n\r\n")
    assert caught.value.status == 513
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(b"INVITE sip:" + b"a" * 9000)
    assert caught.value.status == 414


def test_a_slow_sender_holds_no_more_than_the_limit() -> None:
    framer = StreamFramer()
    held = 0
    with pytest.raises(FramingError):
        framer.feed(HEAD)
        while True:
            framer.feed(b"X: " + b"y" * 1000 + b"\r\n")
            held = max(held, framer.pending)
    assert held < 40_000
    assert framer.pending == 0


class TestKeepAlive:
    """RFC 5626 §4.4.1."""

    def test_ping_and_pong_whole(self) -> None:
        assert StreamFramer().feed(b"\r\n\r\n") == [Ping()]
        assert StreamFramer().feed(b"\r\n") == [Pong()]
        assert StreamFramer().feed(b"\r\n\r\n\r\n\r\n") == [Ping(), Ping()]

    def test_a_ping_in_pieces_is_still_answered(self) -> None:
        assert Ping() in one_by_one(b"\r\n\r\n")
        for cut in (1, 2, 3):
            framer = StreamFramer()
            assert Ping() in framer.feed(b"\r\n\r\n"[:cut]) + framer.feed(b"\r\n\r\n"[cut:])

    def test_on_a_dialled_connection_each_lone_crlf_is_a_pong(self) -> None:
        framer = StreamFramer(dialled=True)
        assert [framer.feed(b"\r\n"), framer.feed(b"\r\n"), framer.feed(b"\r\n\r\n")] == [[Pong()], [Pong()], [Ping()]]

    def test_a_message_between_two_crlfs_makes_no_ping(self) -> None:
        framer = StreamFramer()
        assert framer.feed(b"\r\n" + message() + b"\r\n") == [Pong(), message(), Pong()]

    def test_crlf_before_a_message(self) -> None:
        assert StreamFramer().feed(b"\r\n\r\n\r\n" + message()) == [Ping(), Pong(), message()]


def test_linear_when_fed_octet_by_octet() -> None:
    # A framer that scans from the start again for each octet takes 29,000 times 14,000 steps here.
    data = HEAD + b"X: " + b"\r\n ".join([b"y"] * 7000) + b"\r\nl: 1000\r\n\r\n" + b"z" * 1000
    begin = time.perf_counter()
    assert one_by_one(data) == [data]
    assert time.perf_counter() - begin < 2


@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", HEAD, b"l: 1\r\n", b"\r\n\r\n", b"x", b"SIP/2.0 200 OK\r\n", b" "]),
        max_size=12,
    )
)
def test_pieces_in_any_order_raise_nothing_else(pieces: list[bytes]) -> None:
    whole: list[bytes | Ping | Pong] = []
    parts: list[bytes | Ping | Pong] = []
    failed = [False, False]
    try:
        whole = StreamFramer().feed(b"".join(pieces))
    except FramingError as error:
        whole, failed[0] = error.items, True
    framer = StreamFramer()
    try:
        for piece in pieces:
            for octet in piece:
                parts += framer.feed(bytes((octet,)))
    except FramingError as error:
        parts += error.items
        failed[1] = True
    assert failed[0] == failed[1]
    assert [item for item in whole if isinstance(item, bytes)] == [item for item in parts if isinstance(item, bytes)]


LENGTH_LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 3",
            b"content-length : 3",
            b"l:3",
            b"L : 1",
            b"X: 1",
            b"Content-Length:",
            b" 3",
            b"\tl: 2",
            b"Content-Length-X: 1",
            b"Lx: 9",
            b"Content-Length: 3 ",
            b"Content-Length:\t3",
            b"Content-Length: 9",
            b"l",
        ]
    ),
    max_size=4,
)


@given(LENGTH_LINES)
def test_framer_and_parser_see_the_same_length(lines: list[bytes]) -> None:
    # Two readers that disagree on where a message ends are a way to smuggle one past a filter.
    required = [b"From: <sip:a@b>;tag=1", b"To: <sip:c@d>", b"Call-ID: e", b"CSeq: 1 OPTIONS"]
    head = HEAD + b"\r\n".join([*required, *lines]) + b"\r\n\r\n"
    try:
        items = StreamFramer().feed(head + b"abc")
    except FramingError:
        # The framer refuses what the parser refuses, and a message without a length.
        with contextlib.suppress(SipError):
            assert parse(head + b"abc").get(b"content-length") is None
        return
    if not items:
        return
    item = items[0]
    assert isinstance(item, bytes)
    try:
        found = parse(item)
    except SipError:
        return
    assert head + found.body == item
