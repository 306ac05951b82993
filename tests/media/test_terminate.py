"""SRTP that ends at the relay: opened, sealed, and sealed anew; nothing leaves in clear by mistake."""

from __future__ import annotations

import json

import pytest

from seaway.core.srtp.suites import SUITES
from seaway.media.fast import FastFlows
from seaway.media.protocol import Latched, SetRemote

from .cases import ALICE, ALICE_RTCP, BOB, BOB_RTCP, DTLS, STUN, rtp
from .fake_table import FakeTable
from .srtp_rig import REPORT, Rig, Srtp, clear, key

GCM = "AEAD_AES_256_GCM"


def media_of(outputs: list[object]) -> list[object]:
    return [each for each in outputs if not isinstance(each, Latched)]


def ending(suite: str = GCM) -> Rig:
    """Alice has SRTP, Bob has not; both are latched."""
    rig = Rig()
    rig.secure("a", "srtp", key(1, suite), send=key(2, suite))
    rig.secure("b", "rtp")
    rig.heard("b", BOB, clear(1))
    rig.heard("a", ALICE, Srtp(1, suite).rtp(1))
    rig.heard("b", BOB_RTCP, REPORT, rtcp=True)
    rig.heard("a", ALICE_RTCP, Srtp(1, suite).rtcp(1), rtcp=True)
    return rig


@pytest.mark.parametrize("suite", SUITES)
def test_srtp_on_one_side_and_rtp_on_the_other(suite: str) -> None:
    rig, alice, to_alice = ending(suite), Srtp(1, suite), Srtp(2, suite)
    assert rig.heard("a", ALICE, alice.rtp(2)) == [("b", clear(2))]
    assert rig.heard("b", BOB, clear(2)) == [("a", to_alice.rtp(2))]
    assert rig.heard("a", ALICE_RTCP, alice.rtcp(2), rtcp=True) == [("b", REPORT)]
    ((leg, sealed),) = rig.heard("b", BOB_RTCP, REPORT, rtcp=True)  # type: ignore[misc]
    opened = to_alice.transform.open_rtcp(sealed)
    assert leg == "a" and opened is not None and opened[1] == REPORT


def test_srtp_is_sealed_anew_between_two_keys() -> None:
    rig, alice, to_bob = Rig(), Srtp(1), Srtp(4, GCM)
    rig.secure("a", "srtp", key(1), send=key(2))
    rig.secure("b", "srtp", key(3, GCM), send=key(4, GCM))
    rig.heard("b", BOB, Srtp(3, GCM).rtp(1))
    rig.heard("a", ALICE, alice.rtp(1))
    assert rig.heard("a", ALICE, alice.rtp(2)) == [("b", to_bob.rtp(2))]
    assert rig.heard("b", BOB, Srtp(3, GCM).rtp(2)) == [("a", Srtp(2).rtp(2))]


def test_r13_only_authentic_packets_count_where_srtp_ends() -> None:
    rig, alice = ending(), Srtp(1, GCM)
    before = rig.stats("a")
    for bad in (clear(2), rtp(2, b"x" * 60), alice.rtp(1), Srtp(2, GCM).rtp(2), alice.rtp(2)[:-1]):
        assert rig.heard("a", ALICE, bad) == []
    after = rig.stats("a")
    assert after.unauthenticated == before.unauthenticated + 5 and after.packets == before.packets


@pytest.mark.parametrize("mode", [None, "pass", "verify"])
def test_r17_nothing_crosses_while_only_one_side_is_known_to_end(mode: str | None) -> None:
    """The offer's side is set; the answer's is not yet. What is opened must not leave in clear, nor SRTP as RTP."""
    rig = Rig()
    rig.secure("a", "srtp", key(1), send=key(2))
    if mode is not None:
        rig.secure("b", mode, key(3))  # type: ignore[arg-type]
    rig.heard("b", BOB, Srtp(3).rtp(1) if mode == "verify" else clear(1))
    assert rig.stats("b").source == BOB
    assert media_of(rig.heard("a", ALICE, Srtp(1).rtp(1))) == []
    assert media_of(rig.heard("b", BOB, Srtp(3).rtp(2) if mode == "verify" else clear(2))) == []


def test_nothing_leaves_without_a_key_of_ours() -> None:
    rig = Rig()
    rig.secure("a", "srtp", key(1))
    rig.secure("b", "rtp")
    rig.heard("a", ALICE, Srtp(1).rtp(1))
    assert media_of(rig.heard("b", BOB, clear(1))) == []


def test_nothing_comes_in_without_a_key_of_theirs() -> None:
    rig = Rig()
    rig.secure("a", "srtp", send=key(2))
    rig.secure("b", "rtp")
    rig.heard("b", BOB, clear(1))
    assert rig.heard("a", ALICE, clear(1)) == rig.heard("a", ALICE, Srtp(1).rtp(1)) == []
    assert rig.stats("a").source is None


def test_between_two_plain_sides_that_end_here_all_is_as_ever() -> None:
    rig = Rig()
    rig.secure("a", "rtp")
    rig.secure("b", "rtp")
    rig.heard("a", ALICE, STUN)
    rig.heard("b", BOB, clear(1))
    assert rig.heard("a", ALICE, clear(1)) == [("b", clear(1))]
    assert rig.heard("a", ALICE, DTLS) == []


def test_a_repetition_of_the_plain_side_is_not_sealed_twice() -> None:
    rig = ending()
    assert media_of(rig.heard("b", BOB, clear(2)))
    assert media_of(rig.heard("b", BOB, clear(2, b"other"))) == []


def test_a_flow_of_a_fast_path_that_cannot_cipher_is_none() -> None:
    table = FakeTable()
    rig = Rig(FastFlows(table))
    rig.secure("a", "srtp", key(1), send=key(2))
    rig.heard("b", BOB, clear(1))
    rig.heard("a", ALICE, Srtp(1).rtp(1))
    assert table.flows == {}
    rig.secure("b", "rtp")
    assert table.flows == {}
    rig.secure("a", "rtp")
    assert len(table.flows) == 2
    rig.secure("a", "srtp", key(1), send=key(2))
    assert table.flows == {}


def test_a_later_process_goes_on_without_repeating_an_index() -> None:
    rig, alice = ending(), Srtp(1, GCM)
    rig.heard("a", ALICE, alice.rtp(2))
    ((_, before),) = rig.heard("b", BOB_RTCP, REPORT, rtcp=True)  # type: ignore[misc]
    noted = json.loads(json.dumps(rig.engine.take_changed()["s"]))
    later = Rig(opened=False)
    assert later.engine.restore(noted, 2.0) is None
    later.legs, later.now = rig.legs, 2.0
    assert later.heard("a", ALICE, alice.rtp(2)) == []
    assert later.heard("a", ALICE, alice.rtp(3)) == [("b", clear(3))]
    assert later.heard("b", BOB, clear(5)) == [("a", Srtp(2, GCM).rtp(5))]
    ((_, after),) = later.heard("b", BOB_RTCP, REPORT, rtcp=True)  # type: ignore[misc]
    to_alice = Srtp(2, GCM).transform
    indexes = [to_alice.open_rtcp(each) for each in (before, after)]
    assert indexes[0] is not None and indexes[1] is not None and indexes[1][0] > indexes[0][0] + 4000


@pytest.mark.parametrize("mode", ["verify", "srtp", "rtp"])
def test_a_stream_that_is_no_rtp_has_no_keys(mode: str) -> None:
    """`a=crypto` in a description of BFCP: whatever comes must not be read as SRTP."""
    rig = Rig()
    for leg, hint in (("a", ALICE), ("b", BOB)):
        command = SetRemote("s", 0, leg, hint, hint, (hint[0],), opaque=True)  # type: ignore[arg-type]
        assert rig.engine.command(command, rig.now) is None
    rig.secure("a", mode, *((key(1),) if mode != "rtp" else ()), send=key(2) if mode == "srtp" else None)  # type: ignore[arg-type]
    rig.secure("b", "rtp" if mode != "verify" else "pass")
    for data in (b"", b"\x80", b"\x9f" + bytes(11), b"\x20" + bytes(40), b"\x80\xc8", bytes(3), b"\x16" + bytes(30)):
        rig.heard("a", ALICE, data)
        rig.heard("b", BOB, data)
    assert (rig.stats("a").source is None) is (mode != "rtp")
    crossed = rig.heard("a", ALICE, b"\x20BFCP")
    assert media_of(crossed) == ([("b", b"\x20BFCP")] if mode == "rtp" else [])
