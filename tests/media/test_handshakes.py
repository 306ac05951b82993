"""DTLS-SRTP at the relay's ports (rules R15, R16), from the first ClientHello to media."""

from __future__ import annotations

import json

import pytest

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import transform_of
from seaway.media.protocol import Failed, Fingerprint, Latched, LegName, Secured, Security, SecurityFailed

from .cases import ALICE, ALICE_RTCP, BOB
from .dtls_peer import Peer
from .srtp_rig import REPORT, Rig, Srtp, clear

THERE = ("192.0.2.10", 1025)
EVIL = ("203.0.113.66", 6666)
SUITE = "AES_CM_128_HMAC_SHA1_80"


def dtls(rig: Rig, *fingerprints: Fingerprint, leg: LegName = "a", role: str = "passive") -> None:
    command = Security("s", 0, leg, "dtls", role=role, fingerprints=fingerprints)  # type: ignore[arg-type]
    assert rig.engine.command(command, rig.now) is None


def ready(*fingerprints: Fingerprint, role: str = "passive") -> Rig:
    rig = Rig(dtls=True)
    dtls(rig, *fingerprints, role=role)
    rig.secure("b", "rtp")
    rig.heard("b", BOB, clear(1))
    return rig


def shake(
    rig: Rig, peer: Peer, source: tuple[str, int] = ALICE, *, rtcp: bool = False, unasked: bool = True
) -> list[object]:
    """The events of a whole handshake on leg a."""
    events: list[object] = []
    coming = peer.send() if unasked else []
    while coming:
        out = [each for data in coming for each in rig.heard("a", source, data, rtcp=rtcp)]
        events += [each for each in out if not isinstance(each, tuple)]
        coming = [answer for each in out if isinstance(each, tuple) for answer in peer.send(each[1])]
    return events


def ciphers(peer: Peer, suite: str = SUITE) -> tuple[Srtp, Srtp]:
    """What the peer seals with, and what we seal with."""
    found = []
    for octets in peer.keys(SUITES[suite].key, SUITES[suite].salt):
        it = Srtp(1, suite)
        it.transform = transform_of(MasterKey.joined(suite, octets))
        found.append(it)
    return found[0], found[1]


def test_a_handshake_then_media_both_ways() -> None:
    peer = Peer(client=True, profiles=b"SRTP_AES128_CM_SHA1_80")
    rig = ready(peer.fingerprint())
    assert shake(rig, peer, THERE) == [Secured("s", 0, "a", SUITE), Latched("s", 0, "a", "rtp", THERE)]
    theirs, ours = ciphers(peer)
    assert rig.heard("a", THERE, theirs.rtp(1)) == [("b", clear(1))]
    assert rig.heard("b", BOB, clear(2)) == [("a", ours.rtp(2))]
    (sealed,) = [theirs.transform.seal_rtcp(REPORT, 1)]
    assert rig.heard("a", THERE, sealed) == [("b", REPORT)]  # multiplexed with RTP
    assert rig.stats("a").packets == 1 and rig.stats("a").refused == 0
    assert (rig.stats("a").security, rig.stats("b").security) == (f"dtls {SUITE}", "rtp")


def test_the_rtcp_port_has_a_handshake_of_its_own() -> None:
    peer, other = Peer(client=True), Peer(client=True)
    rig = ready(peer.fingerprint(), other.fingerprint())
    assert len(shake(rig, peer)) == 2
    assert shake(rig, other, ALICE_RTCP, rtcp=True) == [Latched("s", 0, "a", "rtcp", ALICE_RTCP)]


def test_r16_a_wrong_fingerprint_is_told_at_once_and_no_media_passes() -> None:
    peer, other = Peer(client=True), Peer(client=True)
    rig = ready(other.fingerprint())
    (failed,) = shake(rig, peer)
    assert isinstance(failed, SecurityFailed) and (failed.what, failed.leg) == ("fingerprint", "a")
    assert rig.heard("a", ALICE, clear(1)) == rig.heard("b", BOB, clear(2)) == []
    assert rig.stats("a").source is None
    assert shake(rig, Peer(client=True)) == []  # told once, and nothing begins anew


def test_r16_without_a_fingerprint_nobody_matches() -> None:
    (failed,) = shake(ready(), Peer(client=True))
    assert isinstance(failed, SecurityFailed) and failed.what == "fingerprint"


def test_r15_dtls_from_an_address_that_was_not_signalled_is_dropped() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    assert shake(rig, peer, EVIL) == []
    assert rig.stats("a").refused == 1


def test_r15_no_handshake_moves_a_secured_leg() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    shake(rig, peer)
    rig.now += 60.0
    assert shake(rig, Peer(client=True), THERE) == []
    assert rig.stats("a").source == ALICE


def test_a_handshake_is_no_sign_of_life_and_opens_no_way() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    rig.now = 20.0
    rig.heard("a", ALICE, peer.send()[0])
    assert rig.stats("a").source is None
    rig.engine.handle_timeout(31.0)
    assert [type(each).__name__ for each in rig.outputs()] == ["Idle"]


def test_media_before_the_handshake_is_dropped() -> None:
    rig = ready(Peer(client=True).fingerprint())
    assert rig.heard("a", ALICE, clear(1)) == rig.heard("b", BOB, clear(2)) == []
    assert rig.stats("a").unauthenticated == 1


def test_active_the_handshake_goes_to_the_signalled_address_and_no_media_does() -> None:
    peer = Peer(client=False)
    rig = ready(role="passive")
    dtls(rig, peer.fingerprint(), role="active")
    assert rig.outputs() == []
    rig.remote("a", ALICE, ALICE_RTCP)
    flights = rig.outputs()
    assert [each[0] for each in flights if isinstance(each, tuple)] == ["a", "a"]  # RTP and RTCP
    assert rig.heard("b", BOB, clear(2)) == []
    hello = flights[0]
    assert isinstance(hello, tuple)
    coming = peer.send(hello[1])
    events: list[object] = []
    while coming:
        out = [each for data in coming for each in rig.heard("a", ALICE, data)]
        events += [each for each in out if not isinstance(each, tuple)]
        coming = [answer for each in out if isinstance(each, tuple) for answer in peer.send(each[1])]
    assert [type(each).__name__ for each in events] == ["Secured", "Latched"]


def test_active_towards_multiplexed_ports_begins_once() -> None:
    rig = ready()
    dtls(rig, role="active")
    rig.remote("a", ALICE, ALICE)
    assert len(rig.outputs()) == 1
    rig.remote("a", ALICE, ALICE)
    assert rig.outputs() == []


@pytest.mark.parametrize(
    "hint", [("224.0.0.1", 40000), ("0.0.0.0", 40000), ("phone.example", 40000), ("192.0.2.10", 0)]
)
def test_active_no_handshake_goes_where_nothing_may_go(hint: tuple[str, int]) -> None:
    rig = ready()
    dtls(rig, role="active")
    rig.remote("a", hint, hint)
    assert rig.outputs() == []


def test_a_handshake_that_goes_nowhere_is_told() -> None:
    rig = ready()
    dtls(rig, role="active")
    rig.remote("a", ALICE, ALICE_RTCP)
    rig.outputs()
    rig.engine.handle_timeout(rig.now + 29.0)
    rig.outputs()
    rig.engine.handle_timeout(rig.now + 31.0)
    failed = [each for each in rig.outputs() if isinstance(each, SecurityFailed)]
    assert [(each.what, each.leg) for each in failed] == [("timeout", "a")]  # once, not for RTCP as well


def test_the_same_again_leaves_it_alone_and_another_fingerprint_begins_anew() -> None:
    peer, other = Peer(client=True), Peer(client=True)
    rig = ready(peer.fingerprint())
    shake(rig, peer)
    dtls(rig, peer.fingerprint())
    suite = "AEAD_AES_256_GCM"
    theirs, _ = ciphers(peer, suite)
    assert rig.heard("a", ALICE, theirs.rtp(1)) == [("b", clear(1))]
    dtls(rig, other.fingerprint())
    assert rig.heard("a", ALICE, theirs.rtp(2)) == []
    assert [type(each).__name__ for each in shake(rig, other)] == ["Secured", "Latched"]


def test_a_relay_without_a_certificate_says_so() -> None:
    reply = Rig().engine.command(Security("s", 0, "a", "dtls"), 1.0)
    assert isinstance(reply, Failed) and reply.what == "no-security"


def test_the_fingerprint_of_the_relay_is_told_when_a_session_opens() -> None:
    assert len(Rig(dtls=True).fingerprint) == 32 * 3 - 1
    assert Rig().fingerprint == ""


def test_a_later_process_goes_on_with_the_keys_of_a_handshake() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    shake(rig, peer)
    suite = "AEAD_AES_256_GCM"
    theirs, ours = ciphers(peer, suite)
    rig.heard("a", ALICE, theirs.rtp(1))
    noted = json.loads(json.dumps(rig.engine.take_changed()["s"]))
    later = Rig(dtls=True, opened=False)
    assert later.engine.restore(noted, 2.0) is None
    later.legs, later.now = rig.legs, 2.0
    assert later.heard("a", ALICE, theirs.rtp(2)) == [("b", clear(2))]
    assert later.heard("b", BOB, clear(2)) == [("a", ours.rtp(2))]
    assert shake(later, Peer(client=True)) == []
    dtls(later, peer.fingerprint())  # a refresh of the session
    assert later.heard("a", ALICE, theirs.rtp(3)) == [("b", clear(3))]


def test_a_later_process_begins_a_handshake_anew_that_had_not_ended() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    noted = json.loads(json.dumps(rig.engine.take_changed()["s"]))
    later = Rig(dtls=True, opened=False)
    assert later.engine.restore(noted, 2.0) is None
    later.legs, later.now = rig.legs, 2.0
    assert [type(each).__name__ for each in shake(later, peer)] == ["Secured", "Latched"]


def test_a_hello_that_is_faster_than_its_signalling_is_answered_when_that_comes() -> None:
    peer, late = Peer(client=True), Peer(client=True)
    for waited, there in ((0.5, 1), (1.5, 0)):
        rig = Rig(dtls=True, signalled=False)
        dtls(rig, peer.fingerprint(), late.fingerprint())
        assert rig.heard("a", ALICE, peer.send()[0] if waited < 1 else late.send()[0]) == []
        rig.now += waited
        rig.remote("a", ALICE, ALICE_RTCP)
        assert len(rig.outputs()) == there


def test_a_hello_before_it_is_known_that_there_will_be_dtls() -> None:
    peer = Peer(client=True)
    rig = Rig(dtls=True)
    rig.secure("a", "srtp")  # what was offered
    assert rig.heard("a", ALICE, peer.send()[0]) == []
    dtls(rig, peer.fingerprint())
    rig.remote("a", ALICE, ALICE_RTCP)
    assert len(rig.outputs()) == 1


def test_a_hello_from_elsewhere_stays_refused_when_signalling_comes() -> None:
    rig = Rig(dtls=True, signalled=False)
    dtls(rig)
    rig.heard("a", EVIL, Peer(client=True).send()[0])
    rig.remote("a", ALICE, ALICE_RTCP)
    assert rig.outputs() == [] and rig.stats("a").source is None
