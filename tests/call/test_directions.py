"""R20: who is on hold, mute or only listens is not heard: what the relay is told, and when."""

from __future__ import annotations

import pytest

from seaway.call.directions import Directions, directions_of
from seaway.media.protocol import LegName, Pause
from seaway.wire.sdp.session import parse_sdp

from ..support.messages import sdp
from .b2bua.bench import ALICE, BOB, Bench
from .test_multipart_bodies import Anchored


def pauses(made: Directions, side: LegName, said: bytes, back: bytes) -> set[LegName]:
    """Who is paused after an offer of `side` and its answer, in a call that stands."""
    made.described("s", side, (said,), answer=False)
    made.described("s", "b" if side == "a" else "a", (back,), answer=True)
    made.settled("s", failed=False)
    return {leg for (_, leg), paused in made._paused.items() if paused}


@pytest.mark.parametrize(
    ("said", "back", "paused"),
    [
        (b"sendrecv", b"sendrecv", ""), (b"sendonly", b"recvonly", "b"), (b"recvonly", b"sendonly", "a"),
        (b"inactive", b"inactive", "ab"), (b"sendonly", b"inactive", "b"), (b"off", b"off", "ab"),
        (b"sendrecv", b"off", "ab"),
        # Answers that do not fit: only what both say counts.
        (b"sendonly", b"sendrecv", ""), (b"inactive", b"sendrecv", ""), (b"sendrecv", b"recvonly", ""),
        (b"", b"inactive", ""), (b"inactive", b"", ""),
    ],
)  # fmt: skip
def test_both_sides_decide(said: bytes, back: bytes, paused: str) -> None:
    assert pauses(Directions(), "a", said, back) == set(paused)
    assert pauses(Directions(), "b", said, back) == {"b" if each == "a" else "a" for each in paused}


def test_an_offer_counts_at_once_for_what_it_allows_only() -> None:
    made = Directions()
    assert pauses(made, "a", b"inactive", b"inactive") == {"a", "b"}
    assert made.described("s", "a", (b"sendonly",), answer=False) == [Pause("s", 0, "a", False)]
    assert made.described("s", "b", (b"recvonly",), answer=True) == []
    assert made.settled("s", failed=False) == []
    assert made.described("s", "b", (b"inactive",), answer=False) == [], "an offer pauses nobody"


def test_a_refused_offer_leaves_what_was() -> None:
    made = Directions()
    pauses(made, "a", b"sendonly", b"recvonly")
    made.described("s", "a", (b"sendrecv",), answer=False)
    made.described("s", "a", (b"sendonly",), answer=False)  # the B2BUA tells the relay what was
    assert made.settled("s", failed=True) == [Pause("s", 0, "b", True)]
    assert made.settled("s", failed=True) == [], "a refusal of what was no offer"


def test_a_call_taken_over_is_told_of_in_full() -> None:
    made = Directions(told_before=True)
    made.described("s", "a", (b"inactive",), answer=False)
    made.described("s", "b", (b"inactive",), answer=True)
    assert [each.paused for each in made.settled("s", failed=False)] == [True, True]
    again = Directions(told_before=True)
    told = again.described("s", "a", (b"sendrecv",), answer=False)
    assert told == [Pause("s", 0, "a", False), Pause("s", 0, "b", False)]


def test_what_is_not_paused() -> None:
    body = sdp() + b"m=application 5070 UDP/BFCP *\r\na=inactive\r\nm=audio 5072 RTP/SAVP 0\r\na=inactive\r\n"
    session = parse_sdp(body.replace(b"a=sendrecv", b"a=recvonly") + b"m=video 0 RTP/AVP 96\r\n")
    assert directions_of(session, sealed=True) == (b"recvonly", b"", b"", b"off")
    assert directions_of(session, sealed=False) == (b"recvonly", b"", b"inactive", b"off")


def signed(body: bytes, sign: str) -> bytes:
    return body.replace(b"a=sendrecv", b"a=" + sign.encode())


HOLDS = [("sendonly", "recvonly", {"b"}), ("inactive", "inactive", {"a", "b"}), ("recvonly", "sendonly", {"a"})]


@pytest.mark.parametrize(("said", "back", "paused"), HOLDS)
@pytest.mark.parametrize("way", ["anchor", "b2bua"])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_r20_hold_and_resume(said: str, back: str, paused: set[str], way: str, method: str) -> None:
    if way == "anchor":
        made = Anchored()
        net, bob, relays = made.net, made.bob, (made.pair.core_relay, made.pair.edge_relay)
        alice, place = made.alice, "198.51.100.20"
        sent = alice.start(bob.uri, sdp(ALICE, 30000))
        bob.reply(bob.take("INVITE"), 200, sdp(place, 40000))
        net.run(1)
        dialog = next(iter(sent.dialogs.values()))
    else:
        bench = Bench()
        bob_allows = ("Allow: INVITE, ACK, BYE, CANCEL, UPDATE",)
        alice, bob, sent, came = bench.calling(None, *bob_allows)
        bob.reply(came, 200, sdp(BOB, 40000), *bob_allows)
        bench.net.run(0.5)
        net, relays, place = bench.net, (bench.relay,), BOB
        dialog = next(iter(sent.dialogs.values()))
    for relay in relays:
        assert not any(relay.paused.values())
    for sign, answer, wanted in ((said, back, paused), ("sendrecv", "sendrecv", set())):
        again = alice.ask(dialog, method, signed(sdp(ALICE, 30000), sign))
        came = bob.take(method)
        for relay in relays:
            held = {leg for (_, leg), on in relay.paused.items() if on}
            assert held == set(), "nobody is cut off before the answer, and the resuming offer counts at once"
        bob.reply(came, 200, signed(sdp(place, 40000), answer))
        net.run(0.5)
        assert again.final == 200
        for relay in relays:
            assert {leg for (_, leg), on in relay.paused.items() if on} == wanted


@pytest.mark.parametrize("way", ["anchor", "b2bua"])
def test_r20_a_refused_resume_leaves_the_hold(way: str) -> None:
    made = Anchored() if way == "anchor" else Bench()
    if isinstance(made, Anchored):
        alice, bob, relay, place = made.alice, made.bob, made.pair.core_relay, "198.51.100.20"
        sent = alice.start(bob.uri, sdp(ALICE, 30000))
        bob.reply(bob.take("INVITE"), 200, sdp(place, 40000))
        made.net.run(1)
        dialog = next(iter(sent.dialogs.values()))
    else:
        alice, bob, dialog, _ = made.talking()
        relay, place = made.relay, BOB
    alice.ask(dialog, "INVITE", signed(sdp(ALICE, 30000), "sendonly"))
    bob.reply(bob.take("INVITE"), 200, signed(sdp(place, 40000), "recvonly"))
    made.net.run(0.5)
    assert relay.paused[0, "b"]
    refused = alice.ask(dialog, "INVITE", sdp(ALICE, 30000))
    bob.reply(bob.take("INVITE"), 488)
    made.net.run(0.5)
    assert refused.final == 488 and relay.paused[0, "b"]


def test_early_media_is_never_paused() -> None:
    """An answer in 183 may be that of another fork, and the caller hears nobody who has not answered."""
    made = Anchored()
    sent = made.alice.start(made.bob.uri, signed(sdp(ALICE, 30000), "recvonly"))
    came = made.bob.take("INVITE")
    made.bob.reply(came, 183, signed(sdp("198.51.100.20", 40000), "inactive"))
    made.net.run(0.5)
    assert 183 in sent.statuses and not any(made.pair.core_relay.paused.values())
    made.bob.reply(came, 200, signed(sdp("198.51.100.20", 40000), "sendonly"))
    made.net.run(0.5)
    assert sent.final == 200
    assert {leg for (_, leg), on in made.pair.core_relay.paused.items() if on} == {"a"}


def test_a_late_answer_in_the_ack_counts() -> None:
    made = Anchored()
    made.alice.auto_ack = False
    sent = made.alice.start(made.bob.uri)
    made.bob.reply(made.bob.take("INVITE"), 200, signed(sdp("198.51.100.20", 40000), "sendonly"))
    made.net.run(0.5)
    assert not any(made.pair.core_relay.paused.values())
    made.alice.ack(sent, body=signed(sdp(ALICE, 30000), "recvonly"))
    made.net.run(0.5)
    assert {leg for (_, leg), on in made.pair.core_relay.paused.items() if on} == {"a"}


def test_nothing_is_told_of_a_call_that_ended_meanwhile() -> None:
    made = Anchored()
    alice, bob, relay = made.alice, made.bob, made.pair.core_relay
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    bob.reply(bob.take("INVITE"), 200, sdp("198.51.100.20", 40000))
    made.net.run(1)
    dialog = next(iter(sent.dialogs.values()))
    alice.ask(dialog, "INVITE", signed(sdp(ALICE, 30000), "sendonly"))
    bob.reply(bob.take("INVITE"), 200, signed(sdp("198.51.100.20", 40000), "recvonly"))
    made.net.run(0.5)
    alice.ask(dialog, "INVITE", sdp(ALICE, 30000))
    came = bob.take("INVITE")
    alice.ask(dialog, "BYE")
    made.net.run(0.5)
    told = sum(isinstance(each, Pause) for each in relay.log)
    bob.reply(came, 487)
    made.net.run(0.5)
    assert not relay.sessions and sum(isinstance(each, Pause) for each in relay.log) == told
