"""Addresses in SDP, in and out."""

from __future__ import annotations

import pytest

from seaway.call.sdp_anchor import RemoteMedia, read_remote, write_local
from seaway.media.protocol import LegAddress
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import parse_sdp

from ..support.messages import sdp

LOCAL = LegAddress(("203.0.113.1", 36000), ("203.0.113.1", 36001))
AUDIO = ((0, 8000),)
DEMUX = LegAddress(("172.16.0.1", 2776), ("172.16.0.1", 2777), "user1", "pass1")


def test_where_a_side_wants_its_media() -> None:
    assert read_remote(parse_sdp(sdp("192.0.2.9", 4000, video=4002))) == [
        RemoteMedia(("192.0.2.9", 4000), ("192.0.2.9", 4001), clocks=AUDIO),
        RemoteMedia(("192.0.2.9", 4002), ("192.0.2.9", 4003), clocks=((96, 90000),)),
    ]
    own = sdp("192.0.2.9", 4000, "a=rtcp:5000 IN IP4 192.0.2.8")
    assert read_remote(parse_sdp(own)) == [RemoteMedia(("192.0.2.9", 4000), ("192.0.2.8", 5000), clocks=AUDIO)]
    media_level = sdp("192.0.2.9", 4000).replace(
        b"m=audio 4000 RTP/AVP 0 101\r\n", b"m=audio 4000 RTP/AVP 0 101\r\nc=IN IP6 2001:db8::5\r\n"
    )
    assert read_remote(parse_sdp(media_level)) == [
        RemoteMedia(("2001:db8::5", 4000), ("2001:db8::5", 4001), clocks=AUDIO)
    ]
    assert read_remote(parse_sdp(sdp("192.0.2.9", 0))) == [None]
    last = RemoteMedia(("192.0.2.9", 65535), ("192.0.2.9", 65535), clocks=AUDIO)
    assert read_remote(parse_sdp(sdp("192.0.2.9", 65535))) == [last]


def test_signalled_ssrcs() -> None:
    lines = ("a=ssrc:7 cname:x", "a=ssrc:7 msid:y", "a=ssrc:4294967295 cname:x", "a=ssrc:4294967296 a:b", "a=ssrc:x y")
    (found,) = read_remote(parse_sdp(sdp("192.0.2.9", 4000, *lines)))
    assert found is not None and found.ssrcs == (7, 4294967295)


def test_a_malformed_rtpmap_costs_statistics_and_no_call() -> None:
    broken = sdp("192.0.2.9", 4000).replace(b"a=rtpmap:0 PCMU/8000", b"a=rtpmap:0 PCMU/0")
    assert broken != sdp("192.0.2.9", 4000)
    assert read_remote(parse_sdp(broken)) == [RemoteMedia(("192.0.2.9", 4000), ("192.0.2.9", 4001))]


@pytest.mark.parametrize("value", ["1 ufrag=a pwd=b", "1 pwd=b ufrag=a", "1 ufrag=a pwd=b more=c"])
def test_the_credential_of_the_edge(value: str) -> None:
    (found,) = read_remote(parse_sdp(sdp("192.0.2.9", 4000, f"a=x-seaway-media:{value}")))
    assert found is not None and (found.ufrag, found.password) == ("a", "b")


@pytest.mark.parametrize(
    "value", ["2 ufrag=a pwd=b", "1 ufrag=a", "1", "", "1 ufrag= pwd=b", "1 ufrag=a:b pwd=c", "1 ufrag=\xe9 pwd=c"]
)
def test_a_credential_that_is_none(value: str) -> None:
    body = sdp("192.0.2.9", 4000).replace(b"a=sendrecv", b"a=x-seaway-media:" + value.encode("latin-1"))
    with pytest.raises(SdpError):
        read_remote(parse_sdp(body))


def test_no_address_at_all() -> None:
    with pytest.raises(SdpError):
        read_remote(parse_sdp(sdp().replace(b"c=IN IP4 192.0.2.10\r\n", b"")))


def test_only_addresses_and_ports_change() -> None:
    body = sdp("192.0.2.9", 4000, "a=ptime:20", "a=fmtp:101 0-15", "b=AS:64")
    assert write_local(parse_sdp(body), [LOCAL]) == (
        body.replace(b"192.0.2.9", b"203.0.113.1").replace(b"m=audio 4000", b"m=audio 36000")
        .replace(b"c=IN IP4 203.0.113.1\r\nt=", b"c=IN IP4 203.0.113.1\r\nt=")
        .replace(b"RTP/AVP 0 101\r\n", b"RTP/AVP 0 101\r\nc=IN IP4 203.0.113.1\r\n") + b"a=rtcp:36001\r\n"
    )  # fmt: skip


def test_the_credential_is_written_for_the_core_only() -> None:
    assert write_local(parse_sdp(sdp()), [DEMUX]).endswith(
        b"a=rtcp:2777\r\na=x-seaway-media:1 ufrag=user1 pwd=pass1\r\n"
    )
    assert b"x-seaway" not in write_local(parse_sdp(write_local(parse_sdp(sdp()), [DEMUX])), [LOCAL])


@pytest.mark.parametrize("line", [b"m=message 4000 TCP/MSRP *", b"m=audio 4000/2 RTP/AVP 0"])
def test_what_the_relay_cannot_carry_is_refused(line: bytes) -> None:
    body = sdp() + line + b"\r\n"
    out = write_local(parse_sdp(body), [LOCAL, LOCAL])
    kind = line.partition(b" ")[0]
    assert out.split(b"\r\n")[-2].startswith(kind + b" 0 ")
    assert read_remote(parse_sdp(body))[1] is None


def test_ipv6() -> None:
    out = write_local(parse_sdp(sdp()), [LegAddress(("2001:db8::1", 36000), ("2001:db8::2", 36001))])
    assert b"o=- 1 1 IN IP6 2001:db8::1\r\n" in out
    assert out.count(b"c=IN IP6 2001:db8::1\r\n") == 2
    assert b"a=rtcp:36001 IN IP6 2001:db8::2\r\n" in out
