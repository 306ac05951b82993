"""SRTP that passes: only what authenticates under a signalled key counts (rules R13, R14)."""

from __future__ import annotations

import json

import pytest

from seaway.core.srtp.suites import SUITES
from seaway.media.engine import IDLE_AFTER
from seaway.media.fast import FastFlows
from seaway.media.flows import FlowCounters, FlowKey
from seaway.media.protocol import Failed, Idle, Latched, Security

from .cases import ALICE, ALICE_RTCP, BOB, DTLS, STUN, rtp
from .fake_table import FakeTable
from .srtp_rig import SUITE, Rig, Srtp, key

THERE = ("192.0.2.10", 1025)
"""Alice's address, another port: who shares her NAT, or she herself."""


def latched(leg: str, source: tuple[str, int], component: str = "rtp") -> Latched:
    return Latched("s", 0, leg, component, source)  # type: ignore[arg-type]


def verifying() -> Rig:
    rig = Rig()
    rig.secure("a", "verify", key(1))
    rig.secure("b", "verify", key(2))
    return rig


@pytest.mark.parametrize("suite", SUITES)
def test_r13_only_authentic_packets_latch_and_they_pass_unchanged(suite: str) -> None:
    rig, alice, bob = Rig(), Srtp(1, suite), Srtp(2, suite)
    rig.secure("a", "verify", key(3, suite), key(1, suite))
    rig.secure("b", "verify", key(2, suite))
    assert rig.heard("a", THERE, rtp(1, b"x" * 40)) == []
    assert rig.heard("a", THERE, bob.rtp(1)) == []
    assert rig.heard("a", ALICE, alice.rtp(1)) == [latched("a", ALICE)]
    assert rig.heard("b", BOB, bob.rtp(500)) == [latched("b", BOB), ("a", bob.rtp(500))]
    assert rig.heard("a", ALICE, alice.rtp(2)) == [("b", alice.rtp(2))]
    assert rig.heard("a", ALICE_RTCP, alice.rtcp(1), rtcp=True) == [latched("a", ALICE_RTCP, "rtcp")]
    stats = rig.stats("a")
    assert (stats.packets, stats.refused, stats.unauthenticated) == (2, 2, 2)


def test_r13_a_packet_that_does_not_authenticate_changes_nothing() -> None:
    """No learning, no statistics, no jitter, no life sign: also from the learned source."""
    rig, alice = verifying(), Srtp(1)
    rig.heard("a", ALICE, alice.rtp(1))
    before = rig.stats("a")
    rig.now = 20.0
    good = alice.rtp(2)
    for at in range(1, len(good)):  # each octet once
        assert rig.heard("a", ALICE, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]) == []
    after = rig.stats("a")
    assert after.refused - after.unauthenticated <= 1  # one of them became RTCP by its payload type
    assert (after.packets, after.jitter_ms, after.lost, after.max_gap_ms, after.source) == (
        before.packets, before.jitter_ms, before.lost, before.max_gap_ms, ALICE,
    )  # fmt: skip
    rig.engine.handle_timeout(1.0 + IDLE_AFTER)
    assert rig.outputs() == [Idle("s", IDLE_AFTER)]


def test_r13_what_was_heard_before_does_not_move_the_source() -> None:
    rig, alice = verifying(), Srtp(1)
    rig.heard("a", ALICE, alice.rtp(1))
    rig.now += 6.0  # silence: another port of this address may take over
    assert rig.heard("a", THERE, alice.rtp(1)) == []
    assert rig.heard("a", THERE, Srtp(4).rtp(2)) == []
    assert rig.heard("a", THERE, alice.rtp(2)) == [latched("a", THERE)]


def test_r13_stun_and_dtls_of_a_stranger_open_no_way_when_keys_are_known() -> None:
    rig, alice = verifying(), Srtp(1)
    assert rig.heard("a", ALICE, STUN) == rig.heard("a", ALICE, DTLS) == []
    assert rig.stats("a").source is None
    rig.heard("a", ALICE, alice.rtp(1))
    refused = rig.stats("a").refused
    assert rig.heard("a", ALICE, STUN) == []
    assert rig.stats("a").refused == refused  # a keep-alive of the learned source


def test_r12_an_authentic_packet_from_elsewhere_is_refused() -> None:
    rig = verifying()
    assert rig.heard("a", ("203.0.113.66", 6666), Srtp(1).rtp(1)) == []
    assert rig.stats("a").source is None


def test_r14_very_many_bad_packets_never_end_a_call() -> None:
    """FreeSWITCH CVE-2021-41105. A million on a fast path are in interop/test_injection.py."""
    rig, alice, bob = verifying(), Srtp(1), Srtp(2)
    rig.heard("a", ALICE, alice.rtp(1))
    rig.heard("b", BOB, bob.rtp(1))
    bad = alice.rtp(2)[:-1] + b"?"
    port = rig.ports.key_of(rig.legs["a"].rtp)
    for _ in range(30_000):
        rig.engine.receive(bad, port, ALICE, rig.now)
        rig.engine.receive(bad, port, THERE, rig.now)
    assert rig.outputs() == []
    assert rig.heard("a", ALICE, alice.rtp(3)) == [("b", alice.rtp(3))]
    assert rig.heard("b", BOB, bob.rtp(2)) == [("a", bob.rtp(2))]
    assert rig.stats("a").packets == 2 and rig.stats("a").unauthenticated == 30_000
    assert rig.close().streams[0].from_a.refused == 60_000


def test_a_key_that_goes_on_keeps_its_indexes_and_a_new_one_continues_the_counter() -> None:
    rig, alice = verifying(), Srtp(1)
    for index in (1, 30_000, 60_000, 70_000, 100_000, 130_000, 160_000, 190_000, 220_000, 250_000, 280_000, 310_000):
        rig.heard("a", ALICE, alice.rtp(index))
    assert rig.stats("a").unauthenticated == 0
    rig.secure("a", "verify", key(1), key(5))
    assert rig.heard("a", ALICE, alice.rtp(310_000)) == []
    again = Srtp(5)
    rig.heard("a", ALICE, again.rtp(310_001))
    assert rig.stats("a").unauthenticated == 1  # the repetition


def test_what_a_fast_path_passed_is_counted_in_when_the_source_moves() -> None:
    table = FakeTable()
    rig, alice, bob = Rig(FastFlows(table)), Srtp(1), Srtp(2)
    rig.secure("a", "verify", key(1))
    rig.secure("b", "verify", key(2))
    rig.heard("a", ALICE, alice.rtp(1))
    rig.heard("b", BOB, bob.rtp(1))
    flow = FlowKey(rig.legs["a"].rtp, ALICE)
    table.counters[flow] = FlowCounters(400_000, 0, 0, 2.0, lost=1000)
    rig.now = 60.0
    assert rig.heard("a", THERE, alice.rtp(8 * 65536 + 9)) == []  # further than what passed
    assert rig.heard("a", THERE, alice.rtp(401_010))[0] == latched("a", THERE)
    assert FlowKey(rig.legs["a"].rtp, THERE) in table.flows


def test_a_later_process_knows_the_keys_and_the_indexes() -> None:
    rig, alice, bob = verifying(), Srtp(1), Srtp(2)
    rig.heard("a", ALICE, alice.rtp(9))
    rig.heard("b", BOB, bob.rtp(9))
    noted = json.loads(json.dumps(rig.engine.take_changed()["s"]))
    later = Rig(opened=False)
    assert later.engine.restore(noted, 2.0) is None
    later.legs, later.now = rig.legs, 2.0
    assert later.heard("a", ALICE, alice.rtp(9)) == []
    assert later.heard("a", ALICE, alice.rtp(10)) == [("b", alice.rtp(10))]
    assert later.heard("b", BOB, bob.rtp(3 * 65536)) == [("a", bob.rtp(3 * 65536))]  # a while went by
    assert later.heard("b", BOB, rtp(10)) == []


def test_the_journal_is_told_of_each_rollover() -> None:
    rig, alice = verifying(), Srtp(1)
    rig.heard("a", ALICE, alice.rtp(65_000))
    rig.engine.take_changed()
    rig.heard("a", ALICE, alice.rtp(65_001))
    assert rig.engine.take_changed() == {}
    rig.heard("a", ALICE, alice.rtp(65_536))
    assert "s" in rig.engine.take_changed()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (Security("x", 0, "a", "verify"), "no-session"),
        (Security("s", 1, "a", "verify"), "no-stream"),
        (Security("s", -1, "a", "verify"), "no-stream"),
        (Security("s", 0, "a", "verify", (key(1),) * 17), "bad-key"),
        (Security("s", 0, "a", "verify", (key(1, "AEAD_AES_128_GCM", "xy"),)), "bad-key"),
        (Security("s", 0, "a", "srtp", (key(1),), key(1)), "bad-key"),
    ],
)
def test_a_security_that_cannot_be(command: Security, what: str) -> None:
    reply = Rig().engine.command(command, 1.0)
    assert isinstance(reply, Failed) and reply.what == what and reply.request == 0
    assert key(1).key not in repr(reply)


def test_no_key_in_what_is_told_of_sessions() -> None:
    rig = verifying()
    rig.heard("a", ALICE, Srtp(1).rtp(1))
    shown = repr(rig.stats("a")) + repr(rig.engine._table._info(rig.engine._table.sessions["s"]))
    assert key(1).key not in shown and f"verify {SUITE}" in shown
