"""Calls through the B2BUA outlive the signalling process: the next one goes on with their dialogs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from seaway.call.b2bua.kept import MAX_LABEL
from seaway.call.control import Control
from seaway.call.record import label_shown
from seaway.core.sip.dialog import Dialog
from seaway.wire.sdp.session import parse_sdp

from ...support.messages import sdp
from ...support.ua import Ua
from .bench import ALICE, BOB, SETTINGS, Bench


def restarted(bench: Bench) -> None:
    """Another process takes over: the relay is still there, and what it kept."""
    bench.net.run(0.5)
    assert [call for call in bench.relay.log if type(call).__name__ == "Relabel"], "noted while the call was up"
    bench.core = Control(bench.core.config, __import__("random").Random(99).randbytes)
    bench.net.replace(bench.host, bench.core)
    bench.core.media_ready(bench.net.now)
    bench.net.drain(bench.host)
    bench.net.run(0.5)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hang_up_after_a_restart(who: str) -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    restarted(bench)
    (row,) = bench.calls()
    assert row["mode"] == "b2bua" and row["state"] == "answered"
    near, far, dialog = (alice, bob, one) if who == "caller" else (bob, alice, other)
    bye = near.ask(dialog, "BYE")
    bench.net.run(0.5)
    assert bye.final == 200 and far.history[-1].request.method == b"BYE"
    bench.over()


def test_a_change_after_a_restart() -> None:
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    before = bob.history[0].body
    restarted(bench)
    sent = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    came = bob.take("INVITE")
    origins = [
        next(line.split(b" ")[1:3] for line in body.split(b"\r\n") if line.startswith(b"o="))
        for body in (before, came.body)
    ]
    assert origins[0][0] == origins[1][0] and int(origins[1][1]) > int(origins[0][1])
    bob.reply(came, 200, sdp(BOB, 40010))
    bench.net.run(0.3)
    assert sent.final == 200 and len(bob.acks) == 2
    bench.core.disconnect(None, bench.net.now)
    bench.net.drain(bench.host)
    bench.over()


@pytest.mark.parametrize("authentication", ["check", "do-not-check"])
def test_who_counts_as_authenticated_does_so_after_a_restart(authentication: Any) -> None:
    """For REFER: nobody gets more rights by it."""
    bench = Bench(local_zone=replace(SETTINGS, authentication=authentication))
    bench.talking()
    restarted(bench)
    legs = [leg for found in bench.core._b2bua._legs.values() for leg in found]
    assert [leg.authenticated for leg in legs] == [authentication == "check"] * 2


def test_a_zone_that_demands_encryption_does_so_after_a_restart() -> None:
    from .test_secure import LINE, taking, zoned

    bench = zoned("force-encrypted")
    offer = sdp(ALICE, 30000, LINE).replace(b"RTP/AVP", b"RTP/SAVP")
    alice, bob, sent, came = bench.calling(offer)
    key = taking(parse_sdp(came.body))
    bob.reply(came, 200, sdp(BOB, 40000, key).replace(b"RTP/AVP", b"RTP/SAVP"))
    restarted(bench)
    one = sent.dialogs[next(iter(sent.acked))]
    clear = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    bench.net.run(0.3)
    assert clear.final == 488
    again = alice.ask(one, "INVITE", offer.replace(b"30000", b"30010"))
    came = bob.take("INVITE")
    assert b"RTP/SAVP" in came.body and LINE.split("inline:")[1].encode() not in came.body
    bob.reply(came, 200, sdp(BOB, 40000, taking(parse_sdp(came.body))).replace(b"RTP/AVP", b"RTP/SAVP"))
    bench.net.run(0.3)
    assert again.final == 200


def test_labels_for_people_have_no_tags() -> None:
    bench = Bench()
    _, _, one, _ = bench.talking()
    bench.net.run(0.5)
    ((text, _),) = bench.relay.sessions.values()
    assert one.local_tag.decode() in text
    shown = label_shown(text)
    assert '"mode": "b2bua"' in shown and "dialogs" not in shown and len(shown) < 600
    assert label_shown("[") == "[" and label_shown("[]") == "[]"


def test_session_timers_go_on() -> None:
    bench = Bench()
    _, bob, sent, came = bench.calling(None, "Supported: timer", "Session-Expires: 600;refresher=uac")
    bob.reply(came, 200, sdp(BOB, 40000), "Session-Expires: 1800;refresher=uas")
    restarted(bench)
    assert sent.final == 200
    bench.net.run(570)
    assert not bench.calls() and bob.history[-1].request.method == b"BYE"


def test_our_refresh_goes_on_with_the_description_as_it_was() -> None:
    bench = Bench()
    alice, bob, _, _ = bench.talking()
    told = bob.history[0].body
    restarted(bench)
    bench.net.run(905)
    assert bob.take("INVITE").body == told
    assert alice is not None


def test_a_transfer_is_noted() -> None:
    from .test_refer import answers, referred

    bench = Bench()
    alice, _, carol, one, _, _ = referred(bench)
    answers(bench, alice, carol)
    restarted(bench)
    alice.ask(one, "BYE")
    bench.net.run(0.5)
    assert carol.history[-1].request.method == b"BYE"
    bench.over()


def label(bench: Bench) -> dict[str, Any]:
    ((text, _),) = bench.relay.sessions.values()
    found: dict[str, Any] = json.loads(text)
    return found


def test_no_key_and_no_endless_label() -> None:
    bench = Bench()
    noise = tuple(f"a=x-{number}:{number * 7919 % 10007:x}{number * 104729 % 99991:x}" for number in range(900))
    _, bob, _, came = bench.calling(sdp(ALICE, 30000, *noise))
    bob.reply(came, 200, sdp(BOB, 40000, *noise))
    bench.net.run(0.5)
    ((text, _),) = bench.relay.sessions.values()
    assert len(text) <= MAX_LABEL and label(bench)["dialogs"][0]["sdp"] == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda legs: legs.pop(), lambda legs: legs[0].pop("target"), lambda legs: legs[0].update(zone="gone"),
        lambda legs: legs[0].update(sdp="~~~~"), lambda legs: legs[0].update(seqs=None),
        lambda legs: legs[0].update(side="c"), lambda legs: legs[0].update(side=legs[1]["side"]),
        lambda legs: legs[1].update(timer=["x", 1]),
    ],
)  # fmt: skip
def test_a_label_that_makes_no_call(spoil: Any) -> None:
    """It cannot be, but the media session is kept, and nothing raises."""
    bench = Bench()
    alice, _, one, _ = bench.talking()
    bench.net.run(0.5)
    ((name, (text, streams)),) = bench.relay.sessions.items()
    data = json.loads(text)
    spoil(data["dialogs"])
    bench.relay.sessions[name] = (json.dumps(data), streams)
    restarted(bench)
    assert len(bench.calls()) == 1 and len(bench.core._b2bua) == 0
    bye = alice.ask(one, "BYE")
    bench.net.run(0.5)
    assert bye.final == 481
    assert isinstance(alice, Ua) and isinstance(one, Dialog)
