"""Session descriptions whole: octets kept, limits, offer and answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.section import Connection
from seaway.wire.sdp.session import SdpLimits, answers, check_answer, parse_sdp

from .samples import MIXED, RFC8866

START = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


@pytest.mark.parametrize("data", [RFC8866, MIXED, START, b"v=0", b"v=0\n", START + b"\r\n", START + b"\n\r\n"])
def test_round_trip(data: bytes) -> None:
    assert parse_sdp(data).serialise() == data


def test_values() -> None:
    session = parse_sdp(RFC8866)
    assert session.origin == b"jdoe 3724394400 3724394405 IN IP4 198.51.100.1"
    assert session.connection == Connection("IP4", "198.51.100.1")
    assert [(media.kind, media.port, media.proto, media.formats) for media in session.media] == [
        (b"audio", 49170, b"RTP/AVP", (b"0",)),
        (b"audio", 49180, b"RTP/AVP", (b"0",)),
        (b"video", 51372, b"RTP/AVP", (b"99",)),
    ]
    assert session.connection_of(0) == Connection("IP4", "198.51.100.1")
    assert session.connection_of(2) == Connection("IP6", "2001:db8::2")
    assert session.values(b"e") == [b"Jane Doe <jane@jdoe.example.com>"]
    assert session.direction_of(0) == b"sendrecv"


def test_mixed_values() -> None:
    session = parse_sdp(MIXED)
    assert session.connection == Connection("IP4", "10.0.0.1", "/127")
    audio, bfcp = session.media
    assert (audio.count, audio.formats, audio.rtcp) == (2, (b"0", b"8", b"101"), (53020, "126.16.64.4"))
    assert not bfcp.enabled
    assert session.direction_of(0) == b"sendonly"


def test_rewriting_touches_what_it_names_and_nothing_else() -> None:
    session = parse_sdp(MIXED)
    session.set_origin_address("192.0.2.9")
    session.set_connection("192.0.2.9")
    audio = session.media[0]
    audio.set_port(36002)
    audio.set_rtcp(36003)
    audio.remove_attributes({b"candidate"})
    expected = (
        MIXED.replace(b"o=- 1 1 IN IP4 10.0.0.1", b"o=- 1 1 IN IP4 192.0.2.9")
        .replace(b"c=IN IP4 10.0.0.1/127", b"c=IN IP4 192.0.2.9")
        .replace(b"4000/2 RTP", b"36002 RTP")
        .replace(b"a=rtcp:53020 IN IP4 126.16.64.4", b"a=rtcp:36003")
        .replace(b"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\n", b"")
    )
    assert session.serialise() == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"v=1\r\n",
        b"o=- 1 1 IN IP4 a\r\n",
        b"m=audio 1 RTP/AVP 0\r\n",
        b" v=0\r\n",
        b"v=0 \r\n",
        START + b"junk\r\n",
        START + b"x\r\n",
        START + b"=x\r\n",
        START + b" a=x\r\n",
        START + b"A=x\r\n",
        START + b"\r\na=x\r\n",
        START + b"a=x\x00\r\n",
        START + b"a=x\ry\r\n",
        START + b"c=IN IP4\r\n",
        START + b"c=IN IP5 192.0.2.1\r\n",
        START + b"c=IN IP4 a b\r\n",
        START + b"c=IN IP4 192.0.2.1/x\r\n",
        START + b"c=IN IP4 <a>\r\n",
        START + b"c=IN IP4 /127\r\n",
        START + b"m=audio\r\n",
        START + b"m=audio 1 RTP/AVP\r\n",
        START + b"m=audio 1 RTP/AVP \r\n",
        START + b"m=audio x RTP/AVP 0\r\n",
        START + b"m=audio -1 RTP/AVP 0\r\n",
        START + b"m=audio 65536 RTP/AVP 0\r\n",
        START + b"m=audio 1/0 RTP/AVP 0\r\n",
        START + b"m=audio 1/x RTP/AVP 0\r\n",
        START + b"m=audio " + b"9" * 100 + b" RTP/AVP 0\r\n",
        START + b"m= 1 RTP/AVP 0\r\n",
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp(data)
    assert caught.value.status == 400


def test_errors_name_the_line() -> None:
    with pytest.raises(SdpError, match="line 5") as caught:
        parse_sdp(START + b"m=audio x RTP/AVP 0\r\n")
    assert caught.value.line == 5


def test_limits() -> None:
    media = b"m=audio 1 RTP/AVP 0\r\n"
    assert len(parse_sdp(START + media * 64).media) == 64
    for data in (START + media * 65, START + b"a=x\r\n" * 2000, START + b"a=" + b"x" * 65_536):
        with pytest.raises(SdpError) as caught:
            parse_sdp(data)
        assert caught.value.status == 488
    parse_sdp(START + b"a=x\r\n" * 1996)
    with pytest.raises(SdpError):
        parse_sdp(START, SdpLimits(size=10))


@pytest.mark.parametrize("data", [RFC8866, MIXED])
def test_truncated_anywhere(data: bytes) -> None:
    for end in range(len(data)):
        try:
            session = parse_sdp(data[:end])
        except SdpError as error:
            assert error.status in (400, 488)
        else:
            assert session.serialise() == data[:end]


def test_origin_that_is_not_whole_is_left_alone() -> None:
    for data in (b"v=0\r\no=-\r\n", b"v=0\r\ns=-\r\n"):
        session = parse_sdp(data)
        session.set_origin_address("192.0.2.1")
        assert session.serialise() == data


def test_answers() -> None:
    offer = parse_sdp(START + b"m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n")
    good = parse_sdp(START + b"m=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n")
    refusal = parse_sdp(START + b"m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n")
    assert answers(offer, good) and answers(offer, refusal)
    for lines in (
        b"",
        b"m=audio 5000 RTP/AVP 0\r\n",
        b"m=video 0 RTP/AVP 99\r\nm=audio 5000 RTP/AVP 0\r\n",
        b"m=audio 5000 RTP/AVP 0\r\nm=video 6000 RTP/AVP 99\r\n",
        b"m=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\nm=audio 0 RTP/AVP 0\r\n",
    ):
        answer = parse_sdp(START + lines)
        assert not answers(offer, answer)
        with pytest.raises(SdpError) as caught:
            check_answer(offer, answer)
        assert caught.value.status == 488


PIECES = st.lists(
    st.sampled_from(
        [
            b"v=0",
            b"c=IN IP4 1.2.3.4",
            b"m=audio 1 RTP/AVP 0",
            b"m=",
            b"a=",
            b"rtcp:",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"/",
            b"9",
            b"x=",
            b"\x00",
        ]
    ),
    max_size=16,
).map(lambda parts: b"v=0\r\n" + b"".join(parts))


@given(st.one_of(st.binary(max_size=60), PIECES))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        session = parse_sdp(data)
    except SdpError as error:
        assert error.status in (400, 488)
        return
    assert session.serialise() == data
    for index, media in enumerate(session.media):
        session.connection_of(index)
        session.direction_of(index)
        media.set_port(4000)
        media.set_connection("192.0.2.1")
        media.set_rtcp(4001)
        media.add_attribute(b"sendrecv")
    session.set_connection("2001:db8::1")
    again = parse_sdp(session.serialise())
    assert [(media.port, media.rtcp) for media in again.media] == [(4000, (4001, None))] * len(session.media)
    assert again.connection == Connection("IP6", "2001:db8::1")


@given(st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=2)), min_size=1, max_size=5))
def test_mutants(edits: list[tuple[int, bytes]]) -> None:
    # R29: a mutant ends as SdpError or as itself, also when its attributes are read.
    data = bytearray(MIXED)
    for position, octets in edits:
        position %= len(data)
        data[position : position + 1] = octets
    try:
        session = parse_sdp(bytes(data))
        for media in session.media:
            _ = (media.rtcp, media.rtpmaps(), media.clock_rate())
    except SdpError:
        return
    assert session.serialise() == bytes(data)
