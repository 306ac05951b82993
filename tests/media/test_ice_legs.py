"""ICE lite of a leg beyond `test_ice.py` and `ice_cases.py`: DTLS, flows, RTCP on the RTP port, a later process."""

from __future__ import annotations

import json
import random

import pytest

from seaway.media.flows import FlowKey, FlowKind
from seaway.media.ice import IceLite
from seaway.media.protocol import Fingerprint, Ice, Latched, Secured, Security, SetRemote
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.methods import Method
from seaway.wire.stun.text import username

from .cases import ALICE, ALICE_RTCP, BOB, BOB_RTCP, EVIL, RTCP, rtp
from .dtls_peer import Peer
from .ice_cases import MOVED, MUX, NOMINATED, OURS, answer, check, ice
from .srtp_rig import REPORT, Rig, clear
from .test_fast import Fast
from .test_handshakes import SUITE, ciphers, shake

SELECTED = Latched("s", 0, "a", "rtp", ALICE)


def ready(*fingerprints: Fingerprint, role: str = "passive", mux: bool = True) -> Rig:
    """Leg a has ICE and DTLS, leg b RTP; both components of b are known."""
    rig = Rig(dtls=True)
    command = Security("s", 0, "a", "dtls", role=role, fingerprints=fingerprints)  # type: ignore[arg-type]
    assert rig.engine.command(command, rig.now) is None
    rig.secure("b", "rtp")
    assert rig.engine.command(Ice("s", 0, "a", *OURS, "them", mux), rig.now) is None
    rig.outputs()
    rig.heard("b", BOB, clear(1))
    rig.heard("b", BOB_RTCP, REPORT, rtcp=True)
    return rig


def nominate(rig: Rig, source: tuple[str, int] = ALICE, number: int = 1) -> list[object]:
    return rig.heard("a", source, check(number, use=True))


def test_r15_dtls_counts_only_from_a_valid_pair_and_is_media_of_the_selected_one() -> None:
    peer = Peer(client=True)
    rig = ready(peer.fingerprint())
    hello = peer.send()[0]
    assert rig.heard("a", ALICE, hello) == [], "an address in SDP is nothing"
    assert nominate(rig) == [("a", answer(1, ALICE)), SELECTED]
    assert rig.heard("a", EVIL, hello) == []
    assert _on(rig, peer, rig.heard("a", ALICE, hello)) == [Secured("s", 0, "a", "AEAD_AES_256_GCM"), SELECTED]
    theirs, ours = ciphers(peer, "AEAD_AES_256_GCM")
    assert rig.heard("a", ALICE, theirs.rtp(1)) == [("b", clear(1))]
    assert rig.heard("a", EVIL, theirs.rtp(2)) == [], "who has the keys and is no valid pair"
    assert rig.heard("b", BOB, clear(2)) == [("a", ours.rtp(2))]


def _on(rig: Rig, peer: Peer, out: list[object]) -> list[object]:
    """The rest of a handshake: its events."""
    events: list[object] = []
    while out:
        events += [each for each in out if not isinstance(each, tuple)]
        coming = [data for each in out if isinstance(each, tuple) for data in peer.send(each[1])]
        out = [each for data in coming for each in rig.heard("a", ALICE, data)]
    return events


def test_rtcp_of_a_dtls_leg_that_multiplexes_and_one_that_does_not() -> None:
    peer = Peer(client=True, profiles=b"SRTP_AES128_CM_SHA1_80")
    rig = ready(peer.fingerprint())
    nominate(rig)
    shake(rig, peer)
    theirs, ours = ciphers(peer)
    sent: list[object] = []
    rig.engine.receive(theirs.rtcp(1), rig.ports.key_of(rig.legs["a"].rtp), ALICE, rig.now)
    while (output := rig.engine.next_output()) is not None:
        sent.append((output.local, output.remote, output.data))  # type: ignore[union-attr]
    assert sent == [(rig.ports.key_of(rig.legs["b"].rtcp), BOB_RTCP, REPORT)]
    assert rig.heard("b", BOB_RTCP, REPORT, rtcp=True) == [("a", ours.rtcp(0))]


def test_an_active_handshake_begins_with_the_nomination_and_not_at_the_signalled_address() -> None:
    peer = Peer(client=False)
    rig = ready(peer.fingerprint(), role="active")
    rig.remote("a", ALICE, ALICE_RTCP)
    assert rig.outputs() == []
    found = nominate(rig)
    assert [each[1][0] for each in found if isinstance(each, tuple)][1:] == [22], "a ClientHello follows the answer"


def test_a_client_hello_in_fragments_is_taken_from_a_valid_pair_and_from_nobody_else() -> None:
    """Browsers send one that is longer than a datagram; ICE has proved the address, so there is no cookie."""
    peer = Peer(client=True)
    peer.connection.set_ciphertext_mtu(256)
    (flight,) = peer.send()
    parts, rest = [], flight
    while rest:
        size = 13 + int.from_bytes(rest[11:13], "big")
        parts.append(rest[:size])
        rest = rest[size:]
    assert len(parts) > 1
    rig = ready(peer.fingerprint())
    nominate(rig)
    assert [each for part in parts for each in rig.heard("a", EVIL, part)] == []
    out = [each for part in parts[::-1] for each in rig.heard("a", ALICE, part)]
    assert Secured("s", 0, "a", "AEAD_AES_256_GCM") in _on(rig, peer, out)
    plain = ready(peer.fingerprint())
    assert plain.engine.command(Ice("s", 0, "a"), plain.now) is None
    plain.remote("a", ALICE, ALICE_RTCP)
    assert [each for part in parts for each in plain.heard("a", ALICE, part)] == [], "without ICE there is a cookie"


def test_only_a_client_hello_begins_an_association() -> None:
    rig = ready(Peer(client=True).fingerprint())
    nominate(rig)
    for data in (b"\x16\xfe\xfd" + bytes(10), b"\x17\xfe\xfd" + bytes(10), b"\x14\xfe\xfd" + bytes(8) + b"\0\1\1"):
        assert rig.heard("a", ALICE, data) == []
    association = rig.engine._owners[rig.ports.key_of(rig.legs["a"].rtp)].shield.association  # type: ignore[union-attr]
    assert association is not None and association._connection is None


def test_an_association_goes_where_ice_goes() -> None:
    peer = Peer(client=True, profiles=b"SRTP_AES128_CM_SHA1_80")
    rig = ready(peer.fingerprint())
    nominate(rig)
    (first, *_) = rig.heard("a", ALICE, peer.send()[0])
    nominate(rig, MOVED, 2)
    out = [each for data in peer.send(first[1]) for each in rig.heard("a", MOVED, data)]  # type: ignore[index]
    assert Secured("s", 0, "a", SUITE) in out, "the handshake goes on at the new pair"
    peer = Peer(client=True, profiles=b"SRTP_AES128_CM_SHA1_80")
    rig = ready(peer.fingerprint())
    nominate(rig)
    shake(rig, peer)
    nominate(rig, MOVED, 2)
    theirs, ours = ciphers(peer)
    assert rig.heard("a", MOVED, theirs.rtp(1)) == [("b", clear(1))]
    rig.engine.receive(clear(2), rig.ports.key_of(rig.legs["b"].rtp), BOB, rig.now)
    output = rig.engine.next_output()
    assert (output.remote, output.data) == (MOVED, ours.rtp(2))  # type: ignore[union-attr]


def test_no_datagram_of_a_handshake_goes_to_the_signalled_address_of_a_leg_with_ice() -> None:
    rig = Rig()
    assert rig.engine.command(Ice("s", 0, "a", *OURS, "them"), rig.now) is None
    hello = Peer(client=True).send()[0]
    assert [each for each in rig.heard("b", BOB, hello) if isinstance(each, tuple)] == []


def test_a_flow_for_the_selected_pair_alone_and_rtcp_by_the_way_it_needs() -> None:
    runner = Fast().after(*NOMINATED)
    a, b, b_rtcp = (runner.address(name) for name in ("0.a.rtp", "0.b.rtp", "0.b.rtcp"))
    assert runner.flows() == {FlowKey(a, ALICE): (b, BOB), FlowKey(b, BOB): (a, ALICE)}
    assert {flow.kind for flow in runner.table.flows.values()} == {FlowKind.MEDIA}
    runner = Fast().after(*MUX)
    assert runner.flows() == {
        FlowKey(a, ALICE): (b, BOB), FlowKey(b, BOB): (a, ALICE), FlowKey(b_rtcp, BOB_RTCP): (a, ALICE),
    }  # fmt: skip
    assert runner.table.flows[FlowKey(a, ALICE)].kind is FlowKind.RTP
    assert runner.engine.command(Ice("s", 0, "a", *OURS, "them"), 2.0) is None  # not multiplexed any more
    assert set(runner.flows()) == {FlowKey(a, ALICE), FlowKey(b, BOB)}
    assert runner.table.flows[FlowKey(a, ALICE)].kind is FlowKind.MEDIA


def test_a_later_process_knows_the_pair_and_the_credential() -> None:
    runner = Fast().after(*MUX)
    noted = json.loads(json.dumps(runner.engine.take_changed()["s"]))
    flows = dict(runner.table.flows)
    later = Fast()
    later.table, later.fast._table = runner.table, runner.table
    assert later.engine.restore(noted, 2.0) is None
    assert later.table.flows == flows
    later.legs = runner.legs
    later.engine.receive(check(7), later.ports.key_of(later.legs["0.a"].rtp), MOVED, 2.1)
    later.engine.receive(RTCP, later.ports.key_of(later.legs["0.a"].rtp), ALICE, 2.2)
    later.engine.receive(rtp(5), later.ports.key_of(later.legs["0.a"].rtp), EVIL, 2.3)
    sent = [later.engine.next_output() for _ in range(3)]
    assert [(each.remote, each.data) for each in sent[:2]] == [(MOVED, answer(7, MOVED)), (BOB_RTCP, RTCP)]  # type: ignore[union-attr]
    assert sent[2] is None


@pytest.mark.parametrize(
    "change",
    [{"pairs": [[1, 2, "them", 3]]}, {"chosen": ["192.0.2.1", 1]}, {"pairs": 5}, {"ufrag": None, "pairs": [[]]}],
)
def test_a_note_that_makes_no_sense_is_no_session(change: dict[str, object]) -> None:
    runner = Fast().after(*NOMINATED)
    noted = json.loads(json.dumps(runner.engine.take_changed()["s"]))
    noted["streams"][0]["a"]["components"][0]["ice"] |= change
    assert "makes no sense" in str(Fast().engine.restore(noted, 2.0))


def lite(remote: str = "them") -> IceLite:
    return IceLite(*OURS, remote)


def test_a_check_with_sha256_is_answered_with_it() -> None:
    data = encode(MessageClass.REQUEST, BINDING, bytes(12), [username("ours:them")], key=OURS[1].encode(), sha256=True)
    reply = lite().receive(data, ALICE, 1.0)
    assert reply and decode(reply).first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None


def test_indications_keep_a_valid_pair_company_and_make_none() -> None:
    it = lite()
    indication = check(1, kind=MessageClass.INDICATION)
    assert it.receive(indication, ALICE, 1.0) is None
    assert it.receive(check(2), ALICE, 1.0)
    assert it.receive(indication, ALICE, 1.0) == b""


@pytest.mark.parametrize(
    "data",
    [
        check(1, kind=MessageClass.SUCCESS), check(1, kind=MessageClass.ERROR), check(1, method=Method.ALLOCATE),
        check(1, user="ours:"), check(1, user="ours"), check(1, user=":them"), b"\0\1", b"",
    ],
)  # fmt: skip
def test_r12_what_is_no_check_gets_no_answer(data: bytes) -> None:
    it = lite()
    assert it.receive(data, ALICE, 1.0) is None and not it.admits(ALICE, 1.0)


def test_a_retransmission_is_answered_and_the_same_check_from_elsewhere_is_not() -> None:
    it = lite()
    assert it.receive(check(1, use=True), ALICE, 1.0)
    assert it.receive(check(1, use=True), ALICE, 1.5)
    assert it.receive(check(1, use=True), EVIL, 1.6) is None and it.selected == ALICE


def test_what_signalling_says_again_changes_nothing_and_a_fork_that_won_does() -> None:
    runner = Fast().after(*NOMINATED, ice(2.0))
    runner.engine.command(SetRemote("s", 0, "a", ("192.0.2.99", 9), ("192.0.2.99", 9), ("192.0.2.99",)), 2.1)
    assert FlowKey(runner.address("0.a.rtp"), ALICE) in runner.flows()
    runner.engine.command(Ice("s", 0, "a", *OURS, "another"), 2.2)
    assert FlowKey(runner.address("0.a.rtp"), ALICE) not in runner.flows()
    runner.engine.receive(rtp(9), runner.ports.key_of(runner.address("0.a.rtp")), ALICE, 2.3)
    assert runner.engine.next_output() is None


def test_garbage_is_never_more_than_refused() -> None:
    """Every octet of a good check spoilt, cut short, and random octets: nothing is raised, nobody gets an answer."""
    good, octets = check(1, use=True), random.Random(5)
    spoilt = [good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :] for at in range(len(good)) for bit in (0, 7)]
    cut = [good[:size] for size in range(len(good))]
    noise = [good[:20] + octets.randbytes(4 * octets.randrange(1, 40)) for _ in range(500)]
    it = lite()
    assert {it.receive(data, EVIL, 1.0) for data in (*spoilt, *cut, *noise)} == {None}
    assert it.selected is None and not it.admits(EVIL, 1.0)
    assert it.receive(good, ALICE, 1.0) and it.selected == ALICE
