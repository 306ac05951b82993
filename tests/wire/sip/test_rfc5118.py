"""RFC 5118: every IPv6 message is read or refused as the RFC says, and the addresses in it are what they are."""

from __future__ import annotations

import pytest

from seaway.wire.sdp.session import parse_sdp
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, parse
from seaway.wire.sip.uri import SipUri, parse_uri
from seaway.wire.sip.via import parse_via

from .reading import read_all
from .torture6 import CASES, TAKEN

READ = [case for case in CASES if case.status is None]


def test_all_sections_are_here() -> None:
    assert {case.section for case in CASES} == {f"4.{number}" for number in range(1, 11)}


@pytest.mark.parametrize("case", READ, ids=lambda case: f"{case.section}-{case.name}")
def test_read_and_octet_for_octet(case) -> None:  # type: ignore[no-untyped-def]
    assert read_all(case.data).serialise() == case.data


def test_an_address_without_brackets_is_no_host() -> None:
    with pytest.raises(SipError) as caught:
        read_all(TAKEN["ipv6-bad"].data)
    assert caught.value.status == 400


def _request(name: str) -> Request:
    message = parse(TAKEN[name].data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("ipv6-good", b"[2001:db8::10]", None), ("port-ambiguous", b"[2001:db8::10:5070]", None),
        ("port-unambiguous", b"[2001:db8::10]", 5070), ("ipv6-correct-abnf-2-colons", b"[2001:db8::192.0.2.1]", None),
    ],
)  # fmt: skip
def test_host_and_port(name: str, host: bytes, port: int | None) -> None:
    uri = parse_uri(_request(name).uri)
    assert isinstance(uri, SipUri) and (uri.host, uri.port) == (host, port)


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_with_and_without_brackets(name: str) -> None:
    assert parse_via(_request(name).require(b"via")).received == b"2001:db8::9:255"


def test_both_families_in_one_message() -> None:
    vias = [parse_via(value) for value in _request("mult-ip-in-header").all(b"via")]
    assert [(via.host, via.port, via.received) for via in vias] == [
        (b"[2001:db8::9:1]", 6050, None), (b"192.0.2.1", None, None), (b"[2001:db8::9:255]", None, b"192.0.2.200"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6"])
def test_descriptions(name: str) -> None:
    body = _request(name).body
    session = parse_sdp(body)
    assert len(body) == {"ipv6-in-sdp": 251, "mult-ip-in-sdp": 189, "ipv4-mapped-ipv6": 245}[name]
    assert session.serialise() == body and len(session.media) == 2
