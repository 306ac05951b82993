"""What `parse` remembers of earlier messages never changes what it says of the next one."""

from __future__ import annotations

import random

import pytest

from seaway.wire.sip import message as module
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse

_HEADERS = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
    b"From: <sip:a@example.test>;tag=1",
    b"To: <sip:b@example.test>",
    b"Call-ID: 1@192.0.2.1",
    b"CSeq: 1 OPTIONS",
    b"Max-Forwards: 70",
    b"Content-Length: 0",
)


def _message(
    headers: tuple[bytes, ...], start: bytes = b"OPTIONS sip:example.test SIP/2.0", body: bytes = b""
) -> bytes:
    return b"\r\n".join([start, *headers, b"", body])


def _forget() -> None:
    for cache in (module._SHAPES, module._STATUS_LINES, module._CSEQS, module._LENGTHS):
        cache.clear()


def _outcome(data: bytes) -> object:
    try:
        message = parse(data)
    except SipError as error:
        return (error.status, str(error))
    return (type(message), message.names, message.lines, message.body, message.method, message.serialise())


def test_the_same_number_of_other_headers() -> None:
    _forget()
    assert parse(_message(_HEADERS)).names[5] == b"max-forwards"
    other = (*_HEADERS[:5], b"Max-Breadth: 70", b"X-Own: 1")
    for _ in range(2):
        assert parse(_message(other)).names[5:] == [b"max-breadth", b"x-own"]
        assert parse(_message(_HEADERS)).names[5:] == [b"max-forwards", b"content-length"]


def test_a_remembered_shape_is_not_shared() -> None:
    _forget()
    first = parse(_message(_HEADERS))
    second = parse(_message(_HEADERS))
    second.remove(b"max-forwards")
    second.insert(0, b"via", b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb")
    assert parse(_message(_HEADERS)).names == first.names
    assert len(first.names) == len(_HEADERS)


@pytest.mark.parametrize("line", [b"Via", b"v", b"Subject", b"From"])
def test_a_known_name_without_a_colon_is_no_header(line: bytes) -> None:
    _forget()
    with pytest.raises(SipError, match="without a colon"):
        parse(_message((*_HEADERS, line)))


def test_folded_lines_do_not_become_a_shape() -> None:
    _forget()
    folded = (*_HEADERS[:5], b"Subject: a", b" Max-Forwards: 70")
    assert parse(_message(folded)).names == [*(b"via from to call-id cseq subject".split())]
    assert parse(_message(_HEADERS)).names[5:] == [b"max-forwards", b"content-length"]
    assert parse(_message(folded)).lines[5] == b"Subject: a\r\n Max-Forwards: 70"


def test_a_repeated_content_length_or_status_line_counts_again() -> None:
    _forget()
    answer = _message(_HEADERS, b"SIP/2.0 200 Fine")
    for _ in range(2):
        message = parse(answer)
        assert isinstance(message, Response)
        assert (message.status, message.reason, message.method) == (200, b"Fine", b"OPTIONS")
    short = (*_HEADERS[:6], b"Content-Length: 5")
    for _ in range(2):
        with pytest.raises(SipError, match="shorter"):
            parse(_message(short, body=b"1234"))
        assert parse(_message(short, body=b"12345")).body == b"12345"
        assert parse(_message(short, body=b"1234567")).body == b"12345"


def test_a_length_in_another_spelling_is_remembered_but_counts_again() -> None:
    _forget()
    for spelling in (b"l: 5", b"Content-Length:     5", b"Content-Length: 00005"):
        headers = (*_HEADERS[:6], spelling)
        for _ in range(2):
            assert parse(_message(headers, body=b"12345")).body == b"12345"
            assert spelling in module._LENGTHS
            assert parse(_message(headers, body=b"1234567")).body == b"12345"
            with pytest.raises(SipError, match="shorter"):
                parse(_message(headers, body=b"1234"))
    for number in range(5000):
        parse(_message((*_HEADERS[:6], b"Content-Length: %07d" % number), body=b"x" * number))
        assert len(module._LENGTHS) <= 2 * module._CACHE


def test_answers_of_several_kinds_keep_their_shapes() -> None:
    """A ringing and an accepted call differ in the order of headers, not in their number: neither pushes out the
    other, as each costs a long look."""
    _forget()
    order = (*_HEADERS[:3], _HEADERS[4], _HEADERS[3], *_HEADERS[5:])
    kinds = [_message(_HEADERS, b"SIP/2.0 180 Ringing"), _message(order, b"SIP/2.0 200 OK")]
    for each in kinds:
        parse(each)
    shapes = dict(module._SHAPES)
    for each in kinds * 2:
        parse(each)
    assert len(shapes) == 2 and all(module._SHAPES[kind] is shape for kind, shape in shapes.items())


def test_the_method_of_cseq_is_compared_each_time() -> None:
    _forget()
    assert isinstance(parse(_message(_HEADERS)), Request)
    with pytest.raises(SipError, match="CSeq"):
        parse(_message(_HEADERS, b"MESSAGE sip:example.test SIP/2.0"))


def test_warm_and_cold_say_the_same() -> None:
    """Messages with few changes, in an order in which each meets the shapes of others."""
    random_source = random.Random(7)
    lines = [
        *_HEADERS,
        b"Contact: <sip:a@192.0.2.1>",
        b"v: SIP/2.0/UDP 192.0.2.2",
        b" folded",
        b"Subject",
        b"CSeq: 2 BYE",
    ]
    messages = []
    for _ in range(400):
        chosen = list(_HEADERS)
        for _ in range(random_source.randrange(4)):
            chosen[random_source.randrange(len(chosen))] = random_source.choice(lines)
        start = random_source.choice([b"OPTIONS sip:example.test SIP/2.0", b"SIP/2.0 200 OK", b"SIP/2.0 200"])
        messages.append(_message(tuple(chosen), start))
    cold = []
    for data in messages:
        _forget()
        cold.append(_outcome(data))
    assert [_outcome(data) for data in messages] == cold
    assert any(isinstance(each, tuple) and each[0] is Request for each in cold)
