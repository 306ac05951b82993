"""Session timers, each leg on its own (RFC 4028)."""

from __future__ import annotations

from dataclasses import replace

from ...support.messages import sdp
from ...support.ua import values
from .bench import ALICE, BOB, SETTINGS, Bench


def test_each_leg_has_its_own() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling(None, "Supported: timer", "Session-Expires: 900")
    assert values(came.request, "session-expires") == ["1800"]
    assert values(came.request, "min-se") == ["500"]
    bob.reply(came, 200, sdp(BOB, 40000), "Session-Expires: 1200;refresher=uas", "Require: timer")
    bench.net.run(0.3)
    assert values(sent.last, "session-expires") == ["900;refresher=uac"]
    assert values(sent.last, "require") == ["timer"]


def test_too_small_is_refused() -> None:
    bench = Bench()
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000), "Supported: timer", "Session-Expires: 120")
    bench.net.run(0.5)
    assert sent.final == 422 and values(sent.last, "min-se") == ["500"]
    assert not bob.history


def test_the_callee_wants_more() -> None:
    """RFC 4028 §7.3: once more, with its Min-SE, in the same call."""
    bench = Bench()
    _, bob, sent, came = bench.calling()
    bob.reply(came, 422, b"", "Min-SE: 3600")
    again = bob.take("INVITE")
    assert values(again.request, "session-expires") == ["3600"] and values(again.request, "min-se") == ["3600"]
    assert again.request.get(b"call-id") == came.request.get(b"call-id")
    assert values(again.request, "cseq") == ["2 INVITE"]
    bob.reply(again, 422, b"", "Min-SE: 3600")
    bench.net.run(0.3)
    assert sent.final == 422, "not for ever"


def _refreshed(bench: Bench) -> Bench:
    return bench


def test_we_refresh_at_half_time_by_update() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: timer", "Session-Expires: 600;refresher=uas")
    bob.reply(came, 200, sdp(BOB, 40000), "Session-Expires: 600;refresher=uac", "Allow: INVITE, UPDATE")
    bob.automatic[b"UPDATE"] = 200
    alice.automatic[b"INVITE"] = 0
    alice.automatic.pop(b"INVITE")
    bench.net.run(299)
    assert not any(each.request.method == b"UPDATE" for each in bob.history)
    bench.net.run(3)
    update = next(each for each in bob.history if each.request.method == b"UPDATE")
    assert values(update.request, "session-expires") == ["600;refresher=uac"] and not update.body
    refresh = alice.take("INVITE")  # it has no UPDATE in Allow
    assert refresh.body == sent.last.body, "nothing is new, the version neither"
    tag = refresh.request.require(b"to").partition(b"tag=")[2].decode()
    alice.reply(refresh, 200, sdp(ALICE, 30000), "Session-Expires: 600;refresher=uac", tag=tag)
    bench.net.run(0.5)
    assert len(alice.acks) == 1
    bench.net.run(300)
    assert len(bench.calls()) == 1


def test_no_refresh_from_the_peer_ends_both_legs() -> None:
    """RFC 4028 §10: 32 seconds before the end."""
    bench = Bench()
    alice, bob, _, came = bench.calling(None, "Supported: timer", "Session-Expires: 600;refresher=uac")
    bob.reply(came, 200, sdp(BOB, 40000), "Session-Expires: 1800;refresher=uas")
    bench.net.run(566)
    assert len(bench.calls()) == 1
    bench.net.run(4)
    assert not bench.calls()
    for ua in (alice, bob):
        bye = ua.history[-1].request
        assert bye.method == b"BYE" and "Session expired" in values(bye, "reason")[0]
    bench.over()
    assert bench.history()[-1]["reason"] == "the session of the caller expired"


def test_the_peer_refreshes() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling(None, "Supported: timer", "Session-Expires: 600;refresher=uac")
    bob.reply(came, 200, sdp(BOB, 40000), "Session-Expires: 3600;refresher=uas")
    bench.net.run(300)
    dialog = sent.dialogs[next(iter(sent.acked))]
    update = alice.ask(dialog, "UPDATE", b"", "Supported: timer", "Session-Expires: 600;refresher=uac")
    bench.net.run(1)
    assert update.final == 200 and values(update.last, "session-expires") == ["600;refresher=uac"]
    assert not any(each.request.method == b"UPDATE" for each in bob.history), "a leg's timer is its own"
    bench.net.run(300)
    refresh = alice.ask(dialog, "INVITE", sdp(ALICE, 30000), "Supported: timer", "Session-Expires: 600;refresher=uac")
    bench.net.run(1)
    assert refresh.final == 200 and refresh.last.body == sent.last.body
    assert sum(each.request.method == b"INVITE" for each in bob.history) == 1
    bench.net.run(400)
    assert len(bench.calls()) == 1


def test_a_dead_peer_without_timers_is_found() -> None:
    """It knows no session timers; our refreshes are answered with nothing (or 481): the call ends."""
    bench = Bench()
    alice, bob, _, _ = bench.talking()
    bench.net.run(890)
    bob.host.core = type("Dead", (), {
        "receive": lambda *a: None, "next_deadline": lambda *a: None, "next_output": lambda *a: None,
        "handle_timeout": lambda *a: None,
    })()  # fmt: skip
    alice.automatic[b"INVITE"] = 481
    bench.net.run(60)
    assert not bench.calls()
    assert alice.history[-1].request.method == b"BYE"


def test_glare_of_a_refresh_waits_as_the_rfc_says() -> None:
    """491 to ours: 2.1 to 4 s when we made the Call-ID, 0 to 2 s else (RFC 3261 §14.1)."""
    bench = Bench()
    alice, bob, _, _ = bench.talking()
    bench.net.run(890)
    bench.net.run(15)
    one, other = alice.take("INVITE"), bob.take("INVITE")
    for ua, came in ((alice, one), (bob, other)):
        ua.reply(came, 491, tag=came.request.require(b"to").partition(b"tag=")[2].decode())
    now = bench.net.now
    bench.net.run(5)
    times = {
        name: next(
            each.time for each in bench.net.wire
            if each.target == name and each.first.startswith("INVITE") and each.time > now
        ) - now
        for name in ("alice", "bob")
    }  # fmt: skip
    assert 0 <= times["alice"] <= 2.05
    assert 2.1 <= times["bob"] <= 4.05


def test_no_timer_towards_a_zone_of_long_sessions() -> None:
    bench = Bench(replace(SETTINGS, session_refresh=86400))
    _, bob, sent, came = bench.calling(None, "Supported: timer", "Session-Expires: 7200")
    assert values(came.request, "session-expires") == ["86400"]
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert values(sent.last, "session-expires") == ["7200;refresher=uac"]
