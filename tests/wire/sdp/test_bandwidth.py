"""Rates in session descriptions (RFC 8866 §5.8)."""

from __future__ import annotations

import pytest

from seaway.wire.sdp.bandwidth import limit_rate, rate_of
from seaway.wire.sdp.session import parse_sdp

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 0\r\n"
VIDEO = b"m=video 4002 RTP/AVP 96\r\n"


@pytest.mark.parametrize(
    ("session", "media", "rate"),
    [
        (b"", AUDIO, 64),
        (b"", AUDIO + b"b=AS:80\r\n", 80),
        (b"", AUDIO + b"b=TIAS:24001\r\n", 25),
        (b"", AUDIO + VIDEO, None),
        (b"", AUDIO + VIDEO + b"b=AS:960\r\n", 1024),
        (b"", AUDIO + b"m=video 0 RTP/AVP 96\r\n", 64),
        (b"", AUDIO + b"m=application 5000 UDP/BFCP *\r\n", 64),
        (b"b=CT:1920\r\n", AUDIO + VIDEO, 1920),
        (b"b=AS:512\r\n", AUDIO + VIDEO + b"b=AS:960\r\n", 512),
        (b"b=AS:+512\r\n", AUDIO + VIDEO + b"b=AS:x\r\n", None),
        (b"", b"m=application 5000 UDP/BFCP *\r\n", None),
    ],
)
def test_rate(session: bytes, media: bytes, rate: int | None) -> None:
    assert rate_of(parse_sdp(HEAD + session + b"t=0 0\r\n" + media)) == rate


def test_limit() -> None:
    text = HEAD + b"t=0 0\r\n" + AUDIO + b"a=x\r\n" + VIDEO + b"b=AS:960\r\nb=TIAS:900000\r\na=y\r\n"
    session = parse_sdp(text)
    assert limit_rate(session, 384)
    wanted = HEAD + b"b=AS:384\r\nt=0 0\r\n" + AUDIO + b"a=x\r\n" + VIDEO + b"b=AS:320\r\nb=TIAS:320000\r\na=y\r\n"
    assert session.serialise() == wanted
    assert rate_of(parse_sdp(wanted)) == 384


def test_two_videos_share_what_audio_leaves() -> None:
    text = HEAD + b"b=CT:2000\r\nt=0 0\r\n" + AUDIO + VIDEO + b"b=AS:1500\r\n" + VIDEO + b"b=AS:500\r\n"
    session = parse_sdp(text)
    assert limit_rate(session, 464)
    assert session.values(b"b") == [b"CT:464"]
    assert [each.values(b"b") for each in session.media] == [[], [b"AS:300"], [b"AS:100"]]


def test_what_is_below_stays_as_it_is() -> None:
    text = HEAD + b"b=AS:300\r\nt=0 0\r\n" + AUDIO + VIDEO + b"b=AS:200\r\n"
    session = parse_sdp(text)
    assert not limit_rate(session, 384)
    assert session.serialise() == text


def test_audio_alone_above_the_limit() -> None:
    session = parse_sdp(HEAD + b"t=0 0\r\n" + AUDIO + b"b=AS:80\r\n")
    assert limit_rate(session, 32)
    assert session.media[0].values(b"b") == [b"AS:32"]
