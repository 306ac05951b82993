"""A call through the B2BUA comes up, or not: forks, early dialogs, failures, CANCEL, repeated answers."""

from __future__ import annotations

import itertools

from ...support.messages import header, sdp
from ...support.ua import values
from .bench import ALICE, BOB, Bench


def test_a_call_is_two_dialogs() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    assert came.request.get(b"call-id") != sent.request.get(b"call-id")
    bob.reply(came, 180)
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(1)
    assert sent.statuses == [180, 200]
    assert len(bob.acks) == 1
    (row,) = bench.calls()
    assert (row["mode"], row["state"], row["caller"], row["callee"]) == (
        "b2bua", "answered", "alice@example.test", "bob@example.test",
    )  # fmt: skip
    for message in (came.request, sent.request):
        assert bench.core.underway.has_dialog(message.require(b"call-id")), "overload control lets it pass"
    dialog = next(iter(sent.dialogs.values()))
    bye = alice.ask(dialog, "BYE")
    bench.net.run(1)
    assert bye.final == 200
    assert [each.request.method for each in bob.history] == [b"INVITE", b"BYE"]
    bench.over()
    assert not bench.core.underway.has_dialog(came.request.require(b"call-id"))
    assert bench.history()[-1]["reason"] == "hung up by the caller"


def test_the_callee_hangs_up() -> None:
    bench = Bench()
    alice, bob, _, other = bench.talking()
    assert bob.ask(other, "BYE", b"", 'Reason: Q.850;cause=16;text="bye"') is not None
    bench.net.run(1)
    assert alice.history[-1].request.method == b"BYE"
    assert values(alice.history[-1].request, "reason") == ['Q.850;cause=16;text="bye"']
    bench.over()


def test_nothing_of_one_side_reaches_the_other() -> None:
    """Topology: Via, Record-Route, Contact, Call-ID, User-Agent, SDP addresses, unknown headers."""
    bench = Bench()
    offer = sdp(ALICE, 30000, "a=tool:secretphone", "a=candidate:1 1 UDP 1 10.0.0.20 30000 typ host").replace(
        b"s=-", b"s=-\r\ni=alice at 10.0.0.20\r\nu=http://10.0.0.20/"
    )
    alice, bob, sent, came = bench.calling(
        offer, "User-Agent: secretphone/1", "X-Internal: 10.0.0.20", "Record-Route: <sip:10.0.0.20;lr>",
        "Alert-Info: <http://10.0.0.20/>", "Subject: hello", "Organization: secret",
    )  # fmt: skip
    bob.reply(
        came, 200, sdp(BOB, 40000, "a=tool:bobphone"), "Server: bobphone/2", "X-Internal: 10.0.0.30",
        "Warning: 399 10.0.0.30 \"hello\"",
    )  # fmt: skip
    bench.net.run(1)
    invite = came.request.serialise()
    assert ALICE.encode() not in invite and b"secret" not in invite and b"User-Agent: Seaway" in invite
    assert header(invite, "subject") == ["hello"]
    assert len(header(invite, "via")) == 1
    answer = sent.last.serialise().replace(sent.last.require(b"via"), b"").replace(b"10.0.0.20;lr", b"")
    assert BOB.encode() not in answer and b"bobphone" not in answer
    assert b"Server: Seaway" in answer
    alice.ask(next(iter(sent.dialogs.values())), "INFO", b"Signal=5\r\n", content="application/dtmf-relay")
    info = bob.take("INFO")
    assert ALICE.encode() not in info.request.serialise()


def test_max_forwards_goes_down_and_from_keeps_no_address() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    alice.start(bob.uri, sdp(ALICE, 30000))
    came = bob.take("INVITE")
    assert int(values(came.request, "max-forwards")[0]) == 15  # hop_count of the zone
    assert values(came.request, "from")[0].startswith("<sip:alice@example.test>;tag=")
    bob.reply(came, 486)
    bench.over()


def test_early_media_and_the_answer_again_in_200() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 183, sdp(BOB, 40000))
    bench.net.run(0.2)
    assert sent.last.status == 183 and b"m=audio 3600" in sent.last.body
    bob.reply(came, 200)  # without a description: a device that thinks it has said enough
    bench.net.run(0.2)
    assert sent.final == 200
    assert b"m=audio 3600" in sent.last.body
    assert [each.leg for each in bench.relay.remotes] == ["a", "b", "b"]


def test_an_answer_without_any_description_ends_the_call() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 200)
    bench.net.run(1)
    assert sent.final == 502
    assert [each.request.method for each in bob.history] == [b"INVITE", b"BYE"]
    assert len(bob.acks) == 1
    bench.over()


def test_failures_are_told() -> None:
    for status, seen in ((486, 486), (603, 603), (404, 404), (302, 480), (503, 500), (487, 480)):
        bench = Bench()
        _, bob, sent, came = bench.calling()
        headers = ("Contact: <sip:secret@10.0.0.99>", "Retry-After: 7") if status == 302 else ("Retry-After: 7",)
        bob.reply(came, status, b"", *headers)
        bench.net.run(1)
        assert sent.final == seen
        assert b"10.0.0.99" not in sent.last.serialise()
        assert ("7" in values(sent.last, "retry-after")) == (status != 503)
        bench.over()


def test_a_challenge_of_the_callee_is_passed_on_and_never_answered_by_us() -> None:
    """R37."""
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 407, b"", 'Proxy-Authenticate: Digest realm="elsewhere", nonce="n", qop="auth"')
    bench.net.run(1)
    assert sent.final == 407
    assert 'realm="elsewhere"' in values(sent.last, "proxy-authenticate")[0]
    assert [each.request.method for each in bob.history] == [b"INVITE"]


def test_cancel() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    bob.reply(came, 180)
    bench.net.run(0.2)
    alice.cancel_call(sent)
    bench.net.run(1)
    assert sent.final == 487
    assert came.cancelled
    bench.over()
    assert bench.history()[-1]["reason"] == "cancelled by the caller"


def test_cancel_before_the_callee_has_answered_at_all() -> None:
    """RFC 3261 §9.1: the CANCEL waits for a provisional response, the caller does not."""
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.cancel_call(sent)
    bench.net.run(0.2)
    assert sent.final == 487
    assert not came.cancelled
    bob.reply(came, 180)
    bench.net.run(0.2)
    assert came.cancelled
    bench.over()


def test_cancel_crosses_the_answer() -> None:
    """The caller has cancelled, the callee has answered: it gets ACK and BYE."""
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    bob.automatic[b"CANCEL"] = 200  # too late for it
    bob.reply(came, 180)
    bench.net.run(0.2)
    alice.cancel_call(sent)
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(1)
    assert sent.final == 487
    assert len(bob.acks) == 1
    assert bob.history[-1].request.method == b"BYE"
    bench.over()


def _forked(bench: Bench):  # type: ignore[no-untyped-def]
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    return alice, bob, sent, bob.take("INVITE")


def test_a_fork_downstream_has_dialogs_of_its_own() -> None:
    bench = Bench()
    alice, bob, sent, came = _forked(bench)
    bob.reply(came, 180, b"", tag="one")
    bob.reply(came, 180, b"", tag="two")
    bench.net.run(0.2)
    assert len(sent.dialogs) == 2, "each early dialog is shown with a tag of its own"
    bob.reply(came, 200, sdp(BOB, 40000), tag="two")
    bench.net.run(0.2)
    (winner,) = sent.acked
    assert winner == list(sent.dialogs)[1]
    alice.ask(sent.dialogs[winner], "BYE")
    bye = bob_bye = None
    bench.net.run(0.5)
    bob_bye = bob.history[-1].request
    assert bob_bye.method == b"BYE" and b"tag=two" in bob_bye.require(b"to")
    assert bye is None
    bench.over()


def test_two_answers_of_a_fork_first_wins() -> None:
    bench = Bench()
    _, bob, sent, came = _forked(bench)
    bob.reply(came, 200, sdp(BOB, 40000), tag="one")
    bob.reply(came, 200, sdp(BOB, 40002), tag="two")
    bench.net.run(1)
    assert [each.status for each in sent.responses if each.status >= 200] == [200]
    assert sorted(b"tag=one" in each.require(b"to") for each in bob.acks) == [False, True], "both are acknowledged"
    byes = [each.request for each in bob.history if each.request.method == b"BYE"]
    assert len(byes) == 1 and b"tag=two" in byes[0].require(b"to")
    assert len(bench.calls()) == 1


def test_two_phones_ring_one_answers() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    desk = bench.ua("carol")  # a second device of Bob: same user, other place
    desk.user, desk.password = "bob", "secret-bob"
    assert desk.register() == 200
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    one, two = bob.take("INVITE"), desk.take("INVITE")
    bob.reply(one, 180)
    desk.reply(two, 180)
    desk.reply(two, 200, sdp("10.0.0.40", 40000))
    bench.net.run(1)
    assert sent.final == 200 and one.cancelled and not two.cancelled
    alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
    bench.over()


def test_all_forks_fail_and_the_best_is_told() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    desk = bench.ua("carol")
    desk.user, desk.password = "bob", "secret-bob"
    assert desk.register() == 200
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    bob.reply(bob.take("INVITE"), 500)
    bench.net.run(0.2)
    assert sent.final == 0
    desk.reply(desk.take("INVITE"), 486)
    bench.net.run(0.2)
    assert sent.final == 486
    bench.over()


def test_our_2xx_is_repeated_until_the_ack() -> None:
    """RFC 3261 §13.3.1.4: from T1, doubled to T2; the callee's side is acknowledged at once."""
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.auto_ack = False
    bob.reply(came, 200, sdp(BOB, 40000))
    start = bench.net.now
    bench.net.run(10)
    times = [
        round(each.time - start, 1)
        for each in bench.net.sent("core1", "alice", "SIP/2.0 200") if b"INVITE" in each.data
    ]  # fmt: skip
    assert times[0] < 0.2
    assert [round(b - a, 1) for a, b in itertools.pairwise(times)] == [0.5, 1.0, 2.0, 4.0]
    alice.ack(sent)
    bench.net.run(10)
    assert len(bench.net.sent("core1", "alice", "SIP/2.0 200 OK")) - len(times) <= 3  # those of REGISTER
    assert len(bench.calls()) == 1


def test_no_ack_ends_the_call_on_both_legs() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.auto_ack = False
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(31)
    assert not any(each.request.method == b"BYE" for each in bob.history)
    bench.net.run(3)
    assert bob.history[-1].request.method == b"BYE"
    assert alice.history[-1].request.method == b"BYE"
    assert sent.final == 200
    bench.over()


def test_the_callee_hangs_up_before_the_ack() -> None:
    """RFC 3261 §15: as a UAS we may not send BYE before the ACK has come."""
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.auto_ack = False
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    bob.ask(bob.dialog(came), "BYE")
    bench.net.run(0.2)
    assert not alice.history, "no BYE yet"
    alice.ack(sent)
    bench.net.run(0.2)
    assert alice.history[-1].request.method == b"BYE"
    bench.over()


def test_the_callee_hangs_up_and_the_ack_never_comes() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.auto_ack = False
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    bob.ask(bob.dialog(came), "BYE")
    bench.net.run(33)
    assert alice.history[-1].request.method == b"BYE"
    assert sent.final == 200
    bench.over()


def test_one_fork_too_many_is_acknowledged_and_ended() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling()
    for number in range(20):
        bob.reply(came, 180, b"", tag=f"fork{number}")
    bench.net.run(0.3)
    assert len(sent.dialogs) == 17, "the rest share one that nobody is in"
    bob.reply(came, 200, sdp(BOB, 40000), tag="fork19")
    bench.net.run(0.3)
    assert sent.final == 0 and len(bob.acks) == 1 and bob.history[-1].request.method == b"BYE"
    bob.reply(came, 200, sdp(BOB, 40002), tag="fork3")
    bench.net.run(0.3)
    assert sent.final == 200


def test_the_relay_hears_of_the_fork_that_won() -> None:
    """Both forks have answered in reliable responses, the one that is heard first wins."""
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: 100rel")
    for tag, port in (("one", 40000), ("two", 40100)):
        bob.reply(came, 183, sdp(BOB, port), "Require: 100rel", "RSeq: 7", tag=tag)
        bench.net.run(0.2)
        alice.prack(sent, sent.last)
        bob.reply(bob.take("PRACK"), 200, tag=tag)
        bench.net.run(0.2)
    bob.reply(came, 200, tag="one")
    bench.net.run(0.3)
    assert sent.final == 200
    assert [each.rtp for each in bench.relay.remotes if each.leg == "b"][-1] == (BOB, 40000)


def test_a_repeated_2xx_gets_its_ack_again() -> None:
    bench = Bench()
    _, bob, _, came = bench.calling()
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    assert len(bob.acks) == 2
    assert bob.acks[0].serialise() == bob.acks[1].serialise()


def test_late_offer() -> None:
    """INVITE without SDP: the offer comes in the 2xx, the answer in the ACK, the callee's ACK waits for it."""
    bench = Bench()
    alice, bob, sent, came = bench.calling(b"")
    alice.auto_ack = False
    assert b"100rel" not in came.request.require(b"supported")
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert sent.final == 200 and BOB.encode() not in sent.last.body
    assert not bob.acks
    alice.ack(sent, None, sdp(ALICE, 30000))
    bench.net.run(0.3)
    (ack,) = bob.acks
    assert b"m=audio 360" in ack.body and ALICE.encode() not in ack.body
    assert {each.leg for each in bench.relay.remotes} == {"a", "b"}
    alice.ask(next(iter(sent.dialogs.values())), "BYE")
    bench.over()


def test_late_offer_without_an_answer() -> None:
    bench = Bench()
    _, bob, _, came = bench.calling(b"")
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(1)
    assert [each.request.method for each in bob.history] == [b"INVITE", b"BYE"]
    assert len(bob.acks) == 1 and not bob.acks[0].body
    bench.over()


def test_what_we_do_not_know_and_is_required() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000), "Require: timer, precondition")
    bench.net.run(1)
    assert sent.final == 420
    assert values(sent.last, "unsupported") == ["precondition"]
    assert not bob.history
    bench.over()


def test_calls_are_bounded() -> None:
    bench = Bench(b2bua_calls=1)
    alice, _, _, _ = bench.talking()
    carol = bench.ua("carol")
    again = carol.start(alice.uri, sdp("10.0.0.40", 30000))
    bench.net.run(1)
    assert again.final == 503 and values(again.last, "retry-after")
    assert len(bench.calls()) == 1


def test_no_media_no_call() -> None:
    bench = Bench()
    bench.relay.fail = "all ports are taken"
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    bench.net.run(1)
    assert sent.final == 503 and not bob.history
    bench.over()


def test_timer_c() -> None:
    """RFC 3261 §16.8 is a proxy's, but an INVITE that rings for ever is ended here too."""
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 180)
    bench.net.run(200)
    assert came.cancelled
    assert sent.final == 480
    bench.over()


def test_media_that_ends_ends_the_call() -> None:
    from seaway.media import protocol as media

    bench = Bench()
    alice, bob, _, _ = bench.talking()
    session = bench.calls()[0]["session"]
    bench.core.media_reply(media.Idle(str(session), 2000.0), bench.net.now)
    bench.net.drain(bench.host)
    bench.net.run(1)
    assert alice.history[-1].request.method == bob.history[-1].request.method == b"BYE"
    bench.over()


def test_from_somewhere_else() -> None:
    """A request with the right tags from another zone is none of the dialog."""
    bench = Bench()
    alice, _, dialog, _ = bench.talking()
    leg = next(iter(bench.core._b2bua._legs[dialog.call_id]))
    leg.zone = type(leg.zone)("elsewhere", "neighbour")
    bye = alice.ask(dialog, "BYE")
    bench.net.run(1)
    assert bye.final == 481
    assert len(bench.calls()) == 1
