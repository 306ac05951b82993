"""Messages built from others."""

from __future__ import annotations

import pytest

from seaway.core.sip.build import build_ack, build_cancel, build_response

from ...support.messages import as_request, as_response, request

VIAS = ["SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP b;branch=z9hG4bK2"]


def test_a_response_repeats_what_rfc_3261_says() -> None:
    """RFC 3261 §8.2.6.2: all Via, From, To, Call-ID, CSeq; Record-Route for what makes a dialog (§12.1.1)."""
    source = as_request(
        request(
            via=VIAS,
            headers=["Record-Route: <sip:x;lr>", "Timestamp: 5", "Subject: s", "Contact: <sip:a@b>"],
            body=b"x",
        )
    )
    for status, names in (
        (100, [b"via", b"via", b"from", b"to", b"call-id", b"cseq", b"timestamp", b"content-length"]),
        (180, [b"via", b"via", b"from", b"to", b"call-id", b"cseq", b"record-route", b"content-length"]),
        (200, [b"via", b"via", b"from", b"to", b"call-id", b"cseq", b"record-route", b"content-length"]),
        (404, [b"via", b"via", b"from", b"to", b"call-id", b"cseq", b"content-length"]),
    ):
        reply = as_response(build_response(source, status, tag=b"t").serialise())
        assert reply.names == names
        assert reply.body == b""
        assert (b";tag=t" in reply.require(b"to")) == (status > 100)


@pytest.mark.parametrize("to", ["<sip:b@c>;tag=x", "sip:b@c;tag=x", '"a;tag=no" <sip:b@c>;x=y;tag=x'])
def test_a_tag_is_added_only_once(to: str) -> None:
    reply = build_response(as_request(request(to=to)), 404, tag=b"new")
    assert reply.require(b"to") == to.encode()


@pytest.mark.parametrize("to", ["", "<", "<sip:b@c", '"', "<>;tag=", "<sip:b@c>;tag=<>", "<sip:b@c>;tag", "\x01"])
def test_a_to_that_cannot_be_read_goes_back_as_it_came(to: str) -> None:
    """So that the request can be answered at all: nothing raises."""
    reply = build_response(as_request(request(to=to)), 400, tag=b"new")
    assert reply.require(b"to").startswith(to.encode().strip())


def test_headers_and_reason() -> None:
    reply = build_response(as_request(request()), 423, headers=((b"Min-Expires", b"60"),), reason="Too Short")
    data = reply.serialise()
    assert data.startswith(b"SIP/2.0 423 Too Short\r\n")
    assert as_response(data).get(b"min-expires") == b"60"


def test_ack_and_cancel() -> None:
    source = as_request(request(via=VIAS[0], headers=["Route: <sip:x;lr>", "Contact: <sip:a@b>"], body=b"x"))
    reply = build_response(source, 404, tag=b"t")
    ack, cancel = as_request(build_ack(source, reply)), as_request(build_cancel(source))
    for message in (ack, cancel):
        assert message.uri == source.uri
        assert message.all(b"via") == [VIAS[0].encode()]
        assert message.all(b"route") == [b"<sip:x;lr>"]
        for name in (b"from", b"call-id"):
            assert message.get(name) == source.get(name)
        assert (message.body, message.get(b"content-length"), message.get(b"contact")) == (b"", b"0", None)
    assert (ack.get(b"cseq"), cancel.get(b"cseq")) == (b"1 ACK", b"1 CANCEL")
    assert ack.get(b"to") == reply.get(b"to") and cancel.get(b"to") == source.get(b"to")
