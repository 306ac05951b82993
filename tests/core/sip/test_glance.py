"""The glance agrees with the parser wherever it says anything."""

from __future__ import annotations

import pytest

from seaway.core.sip.glance import BUSY_TAG, glance
from seaway.core.sip.topvia import read_top_via
from tests.support.messages import as_request, as_response, flow, header, request
from tests.wire.sip.torture import CASES

SOURCE = ("192.0.2.10", 5060)


def test_what_it_sees() -> None:
    seen = glance(
        request("INVITE", headers=("Route: <sip:n.0123@198.51.100.1:5060;lr>", "Proxy-Authorization: Digest"))
    )
    assert seen is not None
    assert (seen.method, seen.uri, seen.call_id) == (b"INVITE", b"sip:bob@example.test", b"call-1")
    assert (seen.in_dialog, seen.credentials, seen.token, seen.port) == (False, True, b"n.0123", None)
    inside = glance(request("BYE", to='"B <;tag=x>" <sip:bob@example.test;tag=no> ;tag=b1'))
    assert inside is not None and inside.in_dialog and not inside.credentials and inside.token == b""
    outside = glance(request("BYE", to="<sip:bob@example.test;tag=no>"))
    assert outside is not None and not outside.in_dialog


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa;rport", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa",
        "SIP/2.0/UDP phone.example.test:5070;rport;branch=z9hG4bKb", "SIP / 2.0 / UDP host : 5062;branch=z9hG4bKc",
        "SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKd, SIP/2.0/UDP b;branch=z9hG4bKe",
        "SIP/2.0/UDP 192.0.2.10:5061;rport=7;branch=z9hG4bKf",
    ],
)  # fmt: skip
def test_key_and_port_are_those_of_the_parser(via: str) -> None:
    data = request("INVITE", via=via)
    seen, parsed = glance(data), as_request(data)
    assert seen is not None
    key, port = read_top_via(parsed, flow(remote=("192.0.2.10", 4321)))
    assert (seen.key, 4321 if seen.port is None else seen.port) == (key, port)


def test_an_old_branch_has_no_key() -> None:
    seen = glance(request("INVITE", via="SIP/2.0/UDP 192.0.2.10;branch=1"))
    assert seen is not None and seen.key == b""


def test_the_503_is_a_response_to_it() -> None:
    data = request("INVITE", via=["SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKa;rport", "SIP/2.0/TCP b;branch=z9hG4bKb"])
    seen = glance(data)
    assert seen is not None
    answer = seen.busy(b"7", 4, ("198.51.100.7", 999))
    assert as_response(answer).status == 503 and len(answer) <= 3 * len(data)
    assert header(answer, "via") == [
        "SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKa;rport=999;received=198.51.100.7", "SIP/2.0/TCP b;branch=z9hG4bKb",
    ]  # fmt: skip
    assert header(answer, "to") == ["<sip:bob@example.test>;tag=busy.7"] and BUSY_TAG in answer
    for name in ("from", "call-id", "cseq"):
        assert header(answer, name) == header(data, name)
    assert header(answer, "retry-after") == ["4"]


def test_received_without_rport() -> None:
    seen = glance(request("INVITE", via="SIP/2.0/UDP 10.1.1.1:5080;branch=z9hG4bKa"))
    assert seen is not None and seen.port == 5080
    answer = seen.busy(b"7", 4, ("198.51.100.7", 999))
    assert header(answer, "via") == ["SIP/2.0/UDP 10.1.1.1:5080;branch=z9hG4bKa;received=198.51.100.7"]


def test_a_tag_that_is_there_stays() -> None:
    seen = glance(request("INVITE", to="<sip:bob@example.test>;tag=x"))
    assert seen is not None and header(seen.busy(b"7", 4, SOURCE), "to") == ["<sip:bob@example.test>;tag=x"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"INVITE", b"\x00" * 400, b"INVITE sip:x SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        request().replace(b"Via:", b"vIa:"), request().replace(b"Call-ID:", b"Call-ID :"),
        request(headers=("Subject: folded\r\n more",)), request(via="SIP/2.0/UDP"),
        request(via='SIP/2.0/UDP h;branch=z9hG4bKa;x="q"'),
    ],
)  # fmt: skip
def test_odd_messages_give_nothing(data: bytes) -> None:
    assert glance(data) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rfc4475_messages_raise_nothing(case) -> None:  # type: ignore[no-untyped-def]
    for end in (*range(0, len(case.data), 11), len(case.data)):
        seen = glance(case.data[:end])
        if seen is not None:
            seen.busy(b"1", 1, SOURCE)
