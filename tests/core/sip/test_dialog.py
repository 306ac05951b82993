"""Dialog state and the requests built from it (RFC 3261 §12)."""

from __future__ import annotations

import pytest

from seaway.core.sip.dialog import Dialog, DialogState, option_tags
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import parse

from ...support.messages import as_request, as_response, request, response

ROUTES = ("Record-Route: <sip:p2.example.test;lr>", "Record-Route: <sip:p1.example.test;lr>")


def invite(*headers: str) -> bytes:
    return request(headers=["Contact: <sip:alice@192.0.2.10>", *headers])


def uac(*headers: str, status: int = 200, tag: str = "b1") -> Dialog:
    answer = response(invite(), status, tag=tag, headers=("Contact: <sip:bob@192.0.2.20>", *headers))
    return Dialog.as_uac(as_request(invite()), as_response(answer))


def test_uas_keeps_the_order_of_the_route_set_uac_turns_it_round() -> None:
    """RFC 3261 §12.1.1, §12.1.2."""
    server = Dialog.as_uas(as_request(invite(*ROUTES)), b"tag")
    assert server.routes == [b"<sip:p2.example.test;lr>", b"<sip:p1.example.test;lr>"]
    assert uac(*ROUTES).routes == [b"<sip:p1.example.test;lr>", b"<sip:p2.example.test;lr>"]


def test_uas_side() -> None:
    dialog = Dialog.as_uas(as_request(invite()), b"mine")
    sent = dialog.request(b"BYE")
    assert sent.uri == b"sip:alice@192.0.2.10"
    assert sent.require(b"from") == b"<sip:bob@example.test>;tag=mine"
    assert sent.require(b"to") == b"<sip:alice@example.test>;tag=a1"
    assert sent.require(b"cseq") == b"1 BYE"
    assert dialog.names(b"call-1", b"mine", b"a1") and not dialog.names(b"call-1", b"a1", b"mine")


def test_uac_side_counts_cseq_on() -> None:
    dialog = uac()
    assert [dialog.request(b"INFO").require(b"cseq") for _ in range(2)] == [b"2 INFO", b"3 INFO"]
    ack = dialog.ack(1)
    assert ack.require(b"cseq") == b"1 ACK" and ack.require(b"to").endswith(b";tag=b1")
    assert dialog.request(b"BYE").require(b"cseq") == b"4 BYE"


def test_strict_router() -> None:
    """RFC 3261 §12.2.1.1: a first route without lr becomes the Request-URI, the target goes to the end."""
    dialog = uac("Record-Route: <sip:old.example.test>")
    sent = dialog.request(b"BYE")
    assert sent.uri == b"sip:old.example.test"
    assert sent.all(b"route") == [b"<sip:bob@192.0.2.20>"]


def test_loose_router() -> None:
    sent = uac(*ROUTES).request(b"BYE", ((b"Reason", b"SIP;cause=200"),), max_forwards=9)
    assert sent.uri == b"sip:bob@192.0.2.20"
    assert sent.all(b"route") == [b"<sip:p1.example.test;lr>", b"<sip:p2.example.test;lr>"]
    assert sent.require(b"max-forwards") == b"9" and sent.require(b"reason") == b"SIP;cause=200"
    sent.insert(0, b"via", b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    sent.set_body(b"")
    assert parse(sent.serialise()).serialise() == sent.serialise()


def test_the_2xx_gives_the_route_set_anew_once() -> None:
    """RFC 3261 §13.2.2.4, §12.2: not by later requests."""
    dialog = uac(*ROUTES, status=180)
    assert dialog.state is DialogState.EARLY
    answer = response(invite(), 200, headers=("Contact: <sip:bob@192.0.2.99>", "Record-Route: <sip:p3;lr>"))
    dialog.confirm(as_response(answer))
    assert dialog.state is DialogState.CONFIRMED  # type: ignore[comparison-overlap]
    assert dialog.routes == [b"<sip:p3;lr>"] and dialog.target == b"sip:bob@192.0.2.99"  # type: ignore[unreachable]
    dialog.confirm(as_response(response(invite(), 200, headers=("Contact: <sip:bob@192.0.2.98>", *ROUTES))))
    assert dialog.routes == [b"<sip:p3;lr>"] and dialog.target == b"sip:bob@192.0.2.98"


def test_forks_are_dialogs_of_their_own() -> None:
    one, two = uac(status=180, tag="one"), uac(status=180, tag="two")
    one.request(b"UPDATE")
    assert (one.local_seq, two.local_seq) == (2, 1)
    assert one.remote_tag != two.remote_tag and one.local_tag == two.local_tag


def test_requests_out_of_order() -> None:
    dialog = Dialog.as_uas(as_request(invite()), b"mine")
    assert dialog.in_order(as_request(request("INFO", cseq=5)))
    assert not dialog.in_order(as_request(request("INFO", cseq=4)))
    assert dialog.in_order(as_request(request("INFO", cseq=5)))
    assert dialog.in_order(as_request(request("INFO", cseq=900)))  # gaps are no matter (RFC 3261 §12.2.2)


@pytest.mark.parametrize(
    "headers",
    [
        (), ("Contact: <tel:1>",), ("Contact: <sip:a@b>, <sip:c@d>",), ("Contact: <sip:a@b>", "Contact: <sip:c@d>"),
        ("Contact: *",), ("Contact: <sip:a@b>", "Record-Route: <"),
        ("Contact: <sip:a@b>", *["Record-Route: <sip:p;lr>"] * 33),
    ],
)  # fmt: skip
def test_what_makes_no_dialog(headers: tuple[str, ...]) -> None:
    with pytest.raises(SipError):
        Dialog.as_uas(as_request(request(headers=list(headers))), b"mine")


def test_option_tags() -> None:
    message = as_request(request(headers=["Supported: timer, 100rel", "Supported:replaces,,"]))
    assert option_tags(message, b"supported") == {b"timer", b"100rel", b"replaces"}
    assert option_tags(message, b"require") == frozenset()
