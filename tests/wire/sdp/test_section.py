"""Lines of one section: attributes and connections, edited one by one."""

from __future__ import annotations

import pytest

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.section import Connection, Section, address_type, parse_connection


def test_attributes() -> None:
    section = Section([b"a=mid:1\r\n", b"a=mid\n", b"a=midx:2\r\n", b"b=AS:1\r\n", b"a=MID:3\r\n"])
    assert section.attributes(b"mid") == [b"1", b""]
    assert section.attribute(b"mid") == b"1"
    assert section.attribute(b"none") is None
    assert section.has(b"midx") and not section.has(b"mi")
    assert section.remove_attributes([b"mid"]) == 2
    assert section.lines == [b"a=midx:2\r\n", b"b=AS:1\r\n", b"a=MID:3\r\n"]
    assert section.remove_attributes([b"mid"]) == 0


def test_added_lines_end_like_their_neighbour() -> None:
    section = Section([b"v=0\n", b"s=-\n"])
    section.add_attribute(b"group", b"BUNDLE 1")
    section.set_connection("192.0.2.1")
    assert section.lines == [b"v=0\n", b"s=-\n", b"c=IN IP4 192.0.2.1\n", b"a=group:BUNDLE 1\n"]


def test_a_last_line_without_end_gets_one() -> None:
    section = Section([b"v=0\r\n", b"s=-"])
    section.add_attribute(b"x")
    assert b"".join(section.lines) == b"v=0\r\ns=-\r\na=x\r\n"


def test_blank_lines_stay_last() -> None:
    section = Section([b"v=0\r\n", b"\r\n"])
    section.add_attribute(b"x")
    assert section.lines == [b"v=0\r\n", b"a=x\r\n", b"\r\n"]


def test_connection_is_exchanged_in_place_and_single() -> None:
    section = Section([b"v=0\r\n", b"c=IN IP4 224.2.1.1/127\n", b"c=IN IP4 224.2.1.2/127\r\n", b"t=0 0\r\n"])
    section.set_connection("2001:db8::1")
    assert section.lines == [b"v=0\r\n", b"c=IN IP6 2001:db8::1\n", b"t=0 0\r\n"]


@pytest.mark.parametrize("value", [b"x\r\na=evil", b"x\n", b"\r"])
def test_no_line_can_be_smuggled_in(value: bytes) -> None:
    with pytest.raises(SdpError):
        Section([b"v=0\r\n"]).add_attribute(b"x", value)


@pytest.mark.parametrize(
    ("value", "connection"),
    [
        (b"IN IP4 192.0.2.1", Connection("IP4", "192.0.2.1")),
        (b"in ip6 ff15::101/3", Connection("IP6", "ff15::101", "/3")),
        (b"IN IP4 224.2.1.1/127/3", Connection("IP4", "224.2.1.1", "/127/3")),
        (b"IN IP4 host.example.com ", Connection("IP4", "host.example.com")),
    ],
)
def test_connection_values(value: bytes, connection: Connection) -> None:
    assert parse_connection(value) == connection


@pytest.mark.parametrize(
    "value", [b"", b"IN", b"IN IP4", b"XX IP4 a", b"IN IP4 a/", b"IN IP4 a/-1", b"IN IP4 " + b"a" * 256]
)
def test_connection_refused(value: bytes) -> None:
    with pytest.raises(SdpError):
        parse_connection(value)


def test_address_type() -> None:
    assert (address_type("192.0.2.1"), address_type("::1")) == (b"IP4", b"IP6")
