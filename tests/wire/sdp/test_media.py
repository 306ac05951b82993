"""One media description."""

from __future__ import annotations

import pytest

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media, RtpMap


def media(*lines: bytes, head: bytes = b"m=audio 4000 RTP/AVP 0 8\r\n") -> Media:
    found = Media.parse(head, 1)
    found.lines += lines
    return found


def test_port_keeps_the_rest_of_the_line() -> None:
    found = media(head=b"m=audio 4000/2 RTP/SAVPF  0 8 x \n")
    found.set_port(5000)
    assert found.lines == [b"m=audio 5000 RTP/SAVPF  0 8 x \n"]
    assert (found.port, found.count, found.proto, found.formats) == (5000, 1, b"RTP/SAVPF", (b"0", b"8", b"x"))
    found.set_port(0)
    assert not found.enabled


def test_other_protocols() -> None:
    found = media(head=b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    assert (found.kind, found.proto, found.formats) == (b"application", b"UDP/DTLS/SCTP", (b"webrtc-datachannel",))


def test_rtcp() -> None:
    found = media(b"a=sendrecv\r\n")
    assert found.rtcp is None
    found.set_rtcp(4001)
    assert found.rtcp == (4001, None)
    found.set_rtcp(53020, "2001:db8::1")
    assert found.lines[1:] == [b"a=sendrecv\r\n", b"a=rtcp:53020 IN IP6 2001:db8::1\r\n"]
    assert found.rtcp == (53020, "2001:db8::1")
    twice = media(b"a=rtcp:1\n", b"a=rtcp-mux\r\n", b"a=rtcp:2\r\n")
    twice.set_rtcp(7)
    assert twice.lines[1:] == [b"a=rtcp:7\n", b"a=rtcp-mux\r\n"]


@pytest.mark.parametrize("value", [b"", b":", b":x", b":65536", b":1 IN", b":1 IN IP4", b":-1", b": 1"])
def test_rtcp_refused(value: bytes) -> None:
    with pytest.raises(SdpError):
        _ = media(b"a=rtcp" + value + b"\r\n").rtcp


def test_direction() -> None:
    assert media().direction is None
    assert media(b"a=inactivex\r\n", b"a=recvonly\r\n").direction == b"recvonly"


def test_rtpmaps() -> None:
    found = media(b"a=rtpmap:8 PCMA/8000\r\n", b"a=rtpmap:0 opus/48000/2\r\n")
    assert found.rtpmaps() == [RtpMap(8, b"PCMA", 8000), RtpMap(0, b"opus", 48000, b"2")]
    assert found.clock_rate() == 48000
    assert media().clock_rate() is None


@pytest.mark.parametrize(
    "value",
    [
        b"31 LPC",
        b"0",
        b"0 ",
        b"x PCMU/8000",
        b"128 PCMU/8000",
        b"0 PCMU/0",
        b"0 PCMU/-1",
        b"0 PCMU/2147483648",
        b"0 PCMU/4294967296",
        b"0 PCMU/18446744073709551616",
        b"0 PCMU/" + b"9" * 100,
        b"0 /8000",
        b"0 a/1/2/3",
        b"0 PCMU/8_000",
    ],
)
def test_rtpmap_refused(value: bytes) -> None:
    # R27
    with pytest.raises(SdpError):
        media(b"a=rtpmap:" + value + b"\r\n").rtpmaps()


@pytest.mark.parametrize("clock", [1, 8000, 90000, 2**31 - 1])
def test_clock_values(clock: int) -> None:
    assert media(b"a=rtpmap:0 x/000%d\r\n" % clock).clock_rate() == clock


def test_new_connection_goes_after_the_title() -> None:
    found = media(b"i=title\r\n", b"b=AS:64\r\n")
    found.set_connection("192.0.2.1")
    assert found.lines[1:] == [b"i=title\r\n", b"c=IN IP4 192.0.2.1\r\n", b"b=AS:64\r\n"]
