"""Reliable provisional responses on one leg, on both, with offers and answers in PRACK (RFC 3262), UPDATE before the
answer (RFC 3311)."""

from __future__ import annotations

import itertools

from ...support.messages import sdp
from ...support.ua import Came, Ua, values
from .bench import ALICE, BOB, Bench


def reliable(bob: Ua, came: Came, status: int = 183, rseq: int = 71, body: bytes = b"", **more: str) -> None:
    bob.reply(came, status, body, "Require: 100rel", f"RSeq: {rseq}", **more)  # type: ignore[arg-type]


def test_reliable_on_both_legs_end_to_end() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: 100rel")
    reliable(bob, came, body=sdp(BOB, 40000))
    bench.net.run(0.2)
    assert values(sent.last, "require") == ["100rel"] and b"m=audio 360" in sent.last.body
    assert not bob.inbox, "the callee's PRACK waits for the caller's"
    prack = alice.prack(sent, sent.last)
    onward = bob.take("PRACK")
    assert values(onward.request, "rack") == ["71 1 INVITE"]
    assert prack.final == 0
    bob.reply(onward, 200)
    bench.net.run(0.2)
    assert prack.final == 200
    bob.reply(came, 200)
    bench.net.run(0.2)
    assert sent.final == 200 and not sent.last.body, "it was answered in the reliable 183 (RFC 6337 §3.1.1)"
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_reliable_on_the_callees_leg_only() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    assert "100rel" in values(came.request, "supported")[0]
    reliable(bob, came, body=sdp(BOB, 40000))
    onward = bob.take("PRACK")
    bob.reply(onward, 200)
    assert sent.last.status == 183 and not values(sent.last, "require")
    bob.reply(came, 200)
    bench.net.run(0.2)
    assert sent.final == 200 and b"m=audio 360" in sent.last.body, "this caller has no answer yet"
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_reliable_on_the_callers_leg_only() -> None:
    """The caller requires it, the callee knows nothing of it."""
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Require: 100rel", "Supported: 100rel")
    bob.reply(came, 180)
    bench.net.run(0.2)
    assert values(sent.last, "require") == ["100rel"]
    prack = alice.prack(sent, sent.last)
    bench.net.run(0.2)
    assert prack.final == 200 and not bob.inbox
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    assert sent.final == 200 and sent.last.body
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_a_reliable_response_is_repeated_and_given_up() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling(None, "Require: 100rel", "Supported: 100rel")
    bob.reply(came, 180)
    bench.net.run(10)
    times = [each.time for each in bench.net.sent("core1", "alice", "SIP/2.0 180")]
    assert [round(b - a, 1) for a, b in itertools.pairwise(times)] == [0.5, 1.0, 2.0, 4.0]
    assert sent.final == 0
    bench.net.run(25)
    assert sent.final == 504 and came.cancelled
    bench.over()


def test_the_second_reliable_response_waits_for_the_first_prack() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Require: 100rel", "Supported: 100rel")
    bob.reply(came, 180)
    bob.reply(came, 183, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert sent.statuses == [180]
    first = sent.last
    assert alice.prack(sent, first) is not None
    bench.net.run(0.3)
    assert sent.last.status == 183
    numbers = [int(values(each, "rseq")[0]) for each in (first, sent.last)]
    assert numbers[1] == numbers[0] + 1
    alice.prack(sent, sent.last)
    bench.net.run(0.2)
    assert alice.prack(sent, first) is not None
    wrong = alice.prack(sent, first)
    bench.net.run(0.2)
    assert wrong.final == 481, "it was acknowledged before"


def test_a_repeated_reliable_response_is_not_shown_twice() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    reliable(bob, came, status=180)
    reliable(bob, came, status=180)
    reliable(bob, came, status=183, rseq=73, body=sdp(BOB, 40000))  # 72 is missing: RFC 3262 §4
    bench.net.run(0.2)
    assert [each.status for each in sent.responses if each.status > 100] == [180]
    assert sum(each.request.method == b"PRACK" for each in bob.history) == 1


def test_late_offer_in_a_reliable_response() -> None:
    """RFC 3262 §5: INVITE without an offer, the offer in 183, the answer in PRACK."""
    bench = Bench()
    alice, bob, sent, came = bench.calling(b"", "Supported: 100rel")
    assert "100rel" in values(came.request, "supported")[0]
    reliable(bob, came, body=sdp(BOB, 40000))
    bench.net.run(0.2)
    assert b"m=audio 360" in sent.last.body
    prack = alice.prack(sent, sent.last, sdp(ALICE, 30000))
    onward = bob.take("PRACK")
    assert b"m=audio 360" in onward.body
    bob.reply(onward, 200)
    bench.net.run(0.2)
    assert prack.final == 200
    bob.reply(came, 200)
    bench.net.run(0.3)
    assert sent.final == 200 and not sent.last.body
    assert len(bob.acks) == 1 and not bob.acks[0].body
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_an_offer_in_prack() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: 100rel")
    reliable(bob, came, body=sdp(BOB, 40000))
    bench.net.run(0.2)
    prack = alice.prack(sent, sent.last, sdp(ALICE, 30002))
    onward = bob.take("PRACK")
    assert b"m=audio 360" in onward.body
    bob.reply(onward, 200, sdp(BOB, 40002))
    bench.net.run(0.2)
    assert prack.final == 200 and b"m=audio 360" in prack.last.body
    assert [each.rtp for each in bench.relay.remotes][-2:] == [(ALICE, 30002), (BOB, 40002)]


def test_update_before_the_answer() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: 100rel", "Allow: INVITE, UPDATE, PRACK")
    bob.extra = ["Allow: INVITE, UPDATE, PRACK"]
    reliable(bob, came, body=sdp(BOB, 40000))
    bench.net.run(0.2)
    alice.prack(sent, sent.last)
    bob.reply(bob.take("PRACK"), 200)
    bench.net.run(0.2)
    early = next(iter(sent.dialogs.values()))
    update = alice.ask(early, "UPDATE", sdp(ALICE, 30004))
    onward = bob.take("UPDATE")
    bob.reply(onward, 200, sdp(BOB, 40004))
    bench.net.run(0.2)
    assert update.final == 200 and b"m=audio 360" in update.last.body
    back = bob.ask(bob.dialog(came), "UPDATE", sdp(BOB, 40006))
    alice.reply(alice.take("UPDATE"), 200, sdp(ALICE, 30006), tag=early.local_tag.decode())
    bench.net.run(0.2)
    assert back.final == 200
    bob.reply(came, 200)
    bench.net.run(0.2)
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_update_before_the_first_answer_is_refused() -> None:
    """RFC 3311 §5.2: our offer on its leg, or its own, is still open."""
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Allow: INVITE, UPDATE")
    bob.extra = ["Allow: INVITE, UPDATE"]
    bob.reply(came, 180)
    bench.net.run(0.2)
    own = alice.ask(next(iter(sent.dialogs.values())), "UPDATE", sdp(ALICE, 30004))
    theirs = bob.ask(bob.dialog(came), "UPDATE", sdp(BOB, 40004))
    bench.net.run(0.2)
    assert own.final == 500 and 0 <= int(values(own.last, "retry-after")[0]) <= 10
    assert theirs.final == 491
