from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.rtp.packet import RtpError, decode_header, is_rtp

FIXED = "80 60 0001 00000002 00000003"


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def test_fields() -> None:
    header = decode_header(octets("b1 e0 fffe 01020304 05060708 0a0b0c0d bede0001 aabbccdd 7e7e0002"))
    assert (header.payload_type, header.marker, header.sequence) == (96, True, 0xFFFE)
    assert (header.timestamp, header.ssrc) == (0x01020304, 0x05060708)
    assert (header.csrcs, header.extension_profile) == ((0x0A0B0C0D,), 0xBEDE)
    assert (header.header_length, header.padding) == (24, 2)


# RFC 3550 §5.1; R18: what points beyond the packet
MALFORMED = [
    ("", "header cut short"),
    ("80 60 0001 00000002 000000", "header cut short"),
    ("40 60 0001 00000002 00000003", "version"),
    ("8f 60 0001 00000002 00000003", "CSRC list beyond the packet"),
    ("90 60 0001 00000002 00000003", "extension cut short"),
    ("90 60 0001 00000002 00000003 bede00", "extension cut short"),
    ("90 60 0001 00000002 00000003 bede0001", "extension beyond the packet"),
    ("90 60 0001 00000002 00000003 bedeffff 00000000", "extension beyond the packet"),
]
PADDING = [
    ("a0 60 0001 00000002 00000003", "padding beyond the payload"),  # last octet is the SSRC's
    ("a0 60 0001 00000002 00000003 00000000", "padding beyond the payload"),  # zero
    ("a0 60 0001 00000002 00000003 00000005", "padding beyond the payload"),
]


@pytest.mark.parametrize(("text", "what"), MALFORMED)
def test_refused(text: str, what: str) -> None:
    with pytest.raises(RtpError) as caught:
        decode_header(octets(text))
    assert caught.value.what == what
    assert not is_rtp(octets(text))


@pytest.mark.parametrize(("text", "what"), PADDING)
def test_padding_is_checked_unless_encrypted(text: str, what: str) -> None:
    with pytest.raises(RtpError) as caught:
        decode_header(octets(text))
    assert caught.value.what == what
    assert decode_header(octets(text), encrypted=True).padding == 0
    assert is_rtp(octets(text))  # could be SRTP


@given(st.binary(max_size=100))
def test_the_fast_check_agrees_with_the_decoder(data: bytes) -> None:
    try:
        decode_header(data, encrypted=True)
        good = True
    except RtpError:
        good = False
    assert is_rtp(data) is good


@given(st.binary(max_size=60))
def test_the_fast_check_agrees_on_version_2(data: bytes) -> None:
    test_the_fast_check_agrees_with_the_decoder.hypothesis.inner_test(b"\x90" + data)  # type: ignore[attr-defined]
