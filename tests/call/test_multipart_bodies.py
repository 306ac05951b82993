"""R25, RFC 5621: a description inside a multipart body is rewritten like any other, and nothing around it."""

from __future__ import annotations

import pytest

from seaway.call.description import description_of, has_sdp
from seaway.core.sip.io import Hop
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sip.message import Message, Request

from ..support.messages import sdp
from ..support.nodes import CORE, EDGE, Pair
from ..support.ua import Ua
from .b2bua.bench import ALICE, BOB, Bench

MIXED = 'multipart/mixed; boundary="x y"'
LOCATION = b"Content-Type: application/pidf+xml\r\nContent-ID: <a@b>\r\n\r\n<place/>\r\n"
OPTIONAL = b"Content-Type: application/x-q\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x00\xff\r\n"


def part(body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((b"Content-Type: application/sdp", *fields, b"", body))


def mixed(*parts: bytes, mark: bytes = b"x y") -> bytes:
    return b"".join(b"--" + mark + b"\r\n" + each + b"\r\n" for each in parts) + b"--" + mark + b"--\r\n"


def message(body: bytes, content_type: str) -> Message:
    return Request(b"INVITE", b"sip:a", [b"content-type"], [b"Content-Type: " + content_type.encode()], body)


class Anchored:
    """Alice inside and Bob outside, through the pair, by the proxies."""

    def __init__(self) -> None:
        self.pair = Pair()
        self.net = self.pair.net
        self.alice = Ua(self.net, "alice", (ALICE, 5060), Hop("udp", CORE, 5060, "inner"))
        self.bob = Ua(self.net, "bob", ("198.51.100.20", 5060), Hop("tls", EDGE, 5061, "inner"))
        assert self.alice.register() == self.bob.register() == 200


def test_both_bodies_of_an_anchored_call_are_rewritten() -> None:
    net = Anchored()
    around = b"preamble\r\n", b"\r\nepilogue"
    sent = net.alice.start(
        net.bob.uri, around[0] + mixed(LOCATION, part(sdp(ALICE, 30000)), OPTIONAL) + around[1], content=MIXED
    )
    came = net.bob.take("INVITE")
    assert ALICE.encode() not in came.body
    assert f"c=IN IP4 {EDGE}".encode() in came.body
    inside = description_of(came.request)
    assert inside is not None
    told = inside.sdp
    assert came.body == around[0] + mixed(LOCATION, part(told), OPTIONAL) + around[1], "octet for octet"
    assert came.request.require(b"content-type") == MIXED.encode()
    assert came.request.require(b"content-length") == b"%d" % len(came.body)
    answer = mixed(part(sdp("192.168.7.7", 40000), b"Content-Length: 163"), mark=b"y")
    length = len(sdp("192.168.7.7", 40000))
    net.bob.reply(came, 200, answer.replace(b": 163", b": %d" % length), content="Multipart/Alternative;boundary=y")
    net.net.run(1)
    assert sent.final == 200
    body = sent.last.body
    assert b"192.168.7.7" not in body and f"c=IN IP4 {CORE}".encode() in body
    found = description_of(sent.last)
    assert found is not None and b"Content-Length: %d\r\n" % len(found.sdp) in body, "the part's own length is true"
    assert [each.rtp for each in net.pair.edge_relay.remotes if each.leg == "b"] == [("192.168.7.7", 40000)]


def test_nested_in_an_ack() -> None:
    """A late offer: the answer is in the ACK, in the second level."""
    net = Anchored()
    net.alice.auto_ack = False
    sent = net.alice.start(net.bob.uri)
    came = net.bob.take("INVITE")
    net.bob.reply(came, 200, mixed(part(sdp("192.168.7.7", 40000))), content=MIXED)
    net.net.run(1)
    assert b"192.168.7.7" not in sent.last.body and b"m=audio" in sent.last.body
    nested = b"Content-Type: multipart/alternative;boundary=n\r\n\r\n" + mixed(part(sdp(ALICE, 30000)), mark=b"n")
    dialog = next(iter(sent.dialogs.values()))
    ack = dialog.ack(int(sent.request.require(b"cseq").split()[0]))
    ack.insert(0, b"via", f"Via: SIP/2.0/UDP {ALICE}:5060;rport;branch=z9hG4bKmultiack".encode())
    ack.set_body(mixed(nested), MIXED.encode())
    net.alice.layer.send_stateless(ack.serialise(), net.alice.flow or net.alice.proxy)
    net.net.drain(net.alice.host)
    net.net.run(1)
    (got,) = net.bob.acks
    assert ALICE.encode() not in got.body and f"c=IN IP4 {EDGE}".encode() in got.body


REFUSED = {
    "two": (mixed(part(sdp(ALICE)), part(sdp(ALICE))), MIXED, 488),
    "two in two levels": (
        mixed(part(sdp()), b"Content-Type: multipart/mixed;boundary=n\r\n\r\n" + mixed(part(sdp()), mark=b"n")),
        MIXED, 488,
    ),
    "signed": (mixed(part(sdp(ALICE)), b"\r\nsignature"), 'multipart/signed;boundary="x y"', 488),
    "early session": (mixed(part(sdp(ALICE), b"Content-Disposition: early-session")), MIXED, 415),
    "base64": (mixed(part(b"dj0wDQo=", b"Content-Transfer-Encoding: base64")), MIXED, 415),
    "gzip": (mixed(part(b"\x1f\x8b", b"Content-Encoding: gzip")), MIXED, 415),
    "too deep": (
        mixed(b"Content-Type: multipart/mixed;boundary=n\r\n\r\n" + mixed(
            b"Content-Type: multipart/mixed;boundary=m\r\n\r\n" + mixed(part(sdp(ALICE)), mark=b"m"), mark=b"n")),
        MIXED, 415,
    ),
    "no boundary": (mixed(part(sdp(ALICE))), "multipart/mixed", 400),
    "another boundary": (mixed(part(sdp(ALICE))), "multipart/mixed;boundary=other", 400),
    "not closed": (mixed(part(sdp(ALICE))).replace(b"--\r\n", b""), MIXED, 400),
    "hidden behind LF": (mixed(b"\r\nx\n--x y\n" + part(sdp(ALICE)).replace(b"\r\n", b"\n")), MIXED, 400),
    "empty": (mixed(part(b"")), MIXED, 400),
    "no SDP": (mixed(part(b"hello")), MIXED, 400),
    "many": (mixed(*[b"\r\nx"] * 40, part(sdp(ALICE))), MIXED, 413),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("way", ["anchor", "b2bua"])
def test_refused(name: str, way: str) -> None:
    body, content, status = REFUSED[name]
    if way == "anchor":
        net = Anchored()
        sent, bob = net.alice.start(net.bob.uri, body, content=content), net.bob
        net.net.run(1)
    else:
        bench = Bench()
        alice, bob = bench.ua("alice"), bench.ua("bob")
        sent = alice.start(bob.uri, body, content=content)
        bench.net.run(1)
        if status == 415:
            assert sent.last.get(b"accept") == b"application/sdp"
        bench.over()
    assert sent.final == status
    assert not bob.history


def test_an_answer_that_cannot_be_read_ends_the_call() -> None:
    net = Anchored()
    sent = net.alice.start(net.bob.uri, sdp(ALICE, 30000))
    came = net.bob.take("INVITE")
    net.bob.reply(came, 200, mixed(part(sdp("192.168.7.7"))), content="multipart/mixed;boundary=other")
    net.net.run(1)
    assert sent.final >= 400
    assert b"192.168.7.7" not in sent.last.body


def test_a_multipart_without_description_passes() -> None:
    net = Anchored()
    body = mixed(LOCATION, OPTIONAL)
    net.alice.start(net.bob.uri, body, content=MIXED)
    came = net.bob.take("INVITE")
    assert came.body == body and came.request.require(b"content-type") == MIXED.encode()


def test_through_the_b2bua_a_new_call_keeps_its_other_parts() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, mixed(LOCATION, part(sdp(ALICE, 30000))), content=MIXED)
    came = bob.take("INVITE")
    found = description_of(came.request)
    assert found is not None and ALICE.encode() not in came.body
    assert came.body == mixed(LOCATION, part(found.sdp))
    assert came.request.require(b"content-length") == b"%d" % len(came.body)
    bob.reply(came, 200, mixed(OPTIONAL, part(sdp(BOB, 40000))), content=MIXED)
    bench.net.run(1)
    assert sent.final == 200
    assert sent.last.require(b"content-type") == b"application/sdp"
    assert BOB.encode() not in sent.last.body and sent.last.body.startswith(b"v=0\r\n")
    bench.host.core.disconnect(None, bench.net.now)
    bench.net.drain(bench.host)
    bench.over()


def test_inside_a_dialog_of_the_b2bua() -> None:
    bench = Bench()
    alice, bob, dialog, _ = bench.talking()
    again = alice.ask(dialog, "INVITE", mixed(OPTIONAL, part(sdp(ALICE, 30002))), content=MIXED)
    came = bob.take("INVITE")
    assert came.request.require(b"content-type") == b"application/sdp"
    assert ALICE.encode() not in came.body and b"m=audio" in came.body
    bob.reply(came, 200, mixed(part(sdp(BOB, 40002))), content=MIXED)
    bench.net.run(1)
    assert again.final == 200 and BOB.encode() not in again.last.body
    must = alice.ask(dialog, "INVITE", mixed(LOCATION, part(sdp(ALICE, 30002))), content=MIXED)
    bench.net.run(1)
    assert must.final == 415, "RFC 5621 §8: handling is required when it is not told"
    assert must.last.get(b"accept") == b"application/sdp"
    info = alice.ask(dialog, "INFO", mixed(LOCATION), content=MIXED)
    passed = bob.take("INFO")
    assert passed.body == mixed(LOCATION)
    bob.reply(passed, 200)
    bench.net.run(1)
    assert info.final == 200
    alice.ask(dialog, "BYE")
    bench.over()


def test_an_answer_through_the_b2bua_that_cannot_be_read_ends_the_call() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 200, mixed(part(sdp(BOB))), content="multipart/mixed;boundary=other")
    bench.net.run(1)
    assert sent.final >= 400 and BOB.encode() not in sent.last.serialise().replace(b"10.0.0.20", b"")
    bench.over()


def test_white_space_in_the_media_type_hides_nothing() -> None:
    assert has_sdp(message(sdp(), "Application / SDP;charset=x"))
    assert not has_sdp(message(b"x", "text/plain"))
    assert has_sdp(message(mixed(part(sdp())), MIXED))
    assert has_sdp(message(b"x", MIXED)), "what cannot be read is not let through"
    assert not has_sdp(message(mixed(LOCATION), MIXED))


def test_a_description_whose_last_line_ends_with_the_delimiter() -> None:
    found = description_of(message(mixed(part(sdp().rstrip(b"\r\n"))), MIXED))
    assert found is not None and found.sdp == sdp()


def test_the_error_says_what() -> None:
    with pytest.raises(SdpError, match="more than one description"):
        description_of(message(REFUSED["two"][0], MIXED))
