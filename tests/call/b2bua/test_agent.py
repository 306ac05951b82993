"""Which calls go through the B2BUA, how an operator clears them, and what is left after strange messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seaway.call.b2bua.agent import differ
from seaway.call.config import NeighbourZone
from seaway.call.zones import Zone
from seaway.policy.zone_settings import ZoneSettings

from ...support.messages import sdp
from ...support.ua import values
from .bench import ALICE, BOB, SETTINGS, Bench


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ({}, {}, False),
        ({"b2bua": "always"}, {}, True),
        ({}, {"b2bua": "always"}, True),
        ({"b2bua": "always"}, {"b2bua": "never"}, False),
        ({"media_encryption": "force-encrypted"}, {}, True),
        ({"media_encryption": "force-encrypted"}, {"media_encryption": "force-encrypted"}, True),
        ({"media_encryption": "force-encrypted"}, {"b2bua": "never"}, False),
        ({}, {"ice": True}, True),
        ({"ice": True}, {"ice": True}, True),
    ],
)  # fmt: skip
def test_when(one: dict[str, object], other: dict[str, object], wanted: bool) -> None:
    zones = [Zone("x", "neighbour", ZoneSettings(**each)) for each in (one, other)]  # type: ignore[arg-type]
    assert differ(*zones) is wanted


def test_proxy_mode_is_untouched() -> None:
    bench = Bench(replace(SETTINGS, b2bua="auto"))
    _, bob, sent, came = bench.calling()
    assert came.request.get(b"call-id") == sent.request.get(b"call-id")
    assert values(came.request, "record-route")
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert sent.final == 200 and len(bench.core._b2bua) == 0


def test_disconnect_one_call() -> None:
    bench = Bench()
    alice, bob, _, _ = bench.talking()
    counters = {row["name"]: row["value"] for row in bench.core.snapshot("counters", bench.net.now)}
    assert counters["b2bua.calls"] == 1
    with pytest.raises(KeyError):
        bench.core.disconnect("0000", bench.net.now)
    session = str(bench.calls()[0]["session"])
    assert bench.core.disconnect(session, bench.net.now) == [session]
    bench.net.drain(bench.host)
    bench.net.run(0.5)
    for ua in (alice, bob):
        bye = ua.history[-1].request
        assert bye.method == b"BYE" and "Cleared by the operator" in values(bye, "reason")[0]
    bench.over()
    assert bench.history()[-1]["reason"] == "cleared by the operator"


def test_disconnect_all_also_what_rings() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 180)
    bench.net.run(0.2)
    assert len(bench.core.disconnect(None, bench.net.now)) == 1
    bench.net.drain(bench.host)
    bench.net.run(0.5)
    assert sent.final == 480 and came.cancelled
    assert bench.core.disconnect(None, bench.net.now) == []
    bench.over()


def test_a_caller_on_tls_who_is_gone() -> None:
    """Its connection breaks: the BYE has nowhere to go, the rest ends all the same."""
    bench = Bench()
    alice, bob = bench.ua("alice", "tls"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    came = bob.take("INVITE")
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.5)
    assert sent.final == 200
    assert alice.flow is not None
    bench.net.cut(alice.host, alice.flow)
    bench.net.run(0.5)
    bob.ask(bob.dialog(came), "BYE")
    bench.net.run(0.5)
    bench.over()


def test_a_from_that_cannot_be_shown_is_refused_at_once() -> None:
    bench = Bench(neighbours=(NeighbourZone("x", ("10.0.0.90",), 5060, "udp"),))
    bob = bench.ua("bob")
    for name in ("From", "To"):
        values_ = {"From": "<sip:alice@example.test>;tag=1", "To": "<sip:bob@example.test>"}
        values_[name] = "J\xf6rg " + values_[name]
        lines = [
            f"INVITE {bob.uri} SIP/2.0", f"Via: SIP/2.0/UDP 10.0.0.90:5060;branch=z9hG4bK{name}", "Max-Forwards: 70",
            *(f"{key}: {value}" for key, value in values_.items()), f"Call-ID: {name}", "CSeq: 1 INVITE",
            "Contact: <sip:x@10.0.0.90>", "Content-Length: 0", "", "",
        ]  # fmt: skip
        bench.net.datagram("x", ("10.0.0.90", 5060), ("10.0.0.1", 5060), "\r\n".join(lines).encode("latin-1"))
        bench.net.run(0.5)
        assert any(each.first.startswith("SIP/2.0 400") for each in bench.net.sent("core1", "('10.0.0.90', 5060)"))
    assert not bob.history


@pytest.mark.parametrize("header", ["Session-Expires: x", "Min-SE: -1", "Replaces: nonsense", "Contact: <tel:1>"])
def test_headers_that_cannot_be_read(header: str) -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000), header)
    bench.net.run(3)
    for came in list(bob.inbox):
        bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(3)
    assert sent.final >= 400
    bench.over(140)


@pytest.mark.parametrize(
    "lines",
    [
        ("Contact: nonsense",), ("Record-Route: <",), ("Session-Expires: many",), ("Require: 100rel", "RSeq: x"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_read(lines: tuple[str, ...]) -> None:
    for status in (183, 200):
        bench = Bench()
        _, bob, sent, came = bench.calling()
        bob.reply(came, status, sdp(BOB, 40000), *lines, contact="Contact" not in lines[0])
        bench.net.run(1)
        if status == 183:
            assert sent.final == 0
            bob.reply(came, 486)
            bench.net.run(1)
        assert sent.final in (200, 486, 502)
        assert not any(each.event == "defect" for each in bench.host.log)
