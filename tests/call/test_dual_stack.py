"""IPv6 phones at a pair: addresses in Via, Record-Route and SDP, legs of each family, and what cannot be."""

from __future__ import annotations

import re

import pytest

from seaway.call.legs import media_family
from seaway.media import protocol as media
from seaway.wire.sdp.session import parse_sdp

from ..support.messages import sdp
from ..support.nodes import CORE, EDGE, EDGE_INNER, SIX, FakeRelay, Pair
from ..support.phone import Phone
from .test_anchor import answering, closed_once, places, talk

IN4, IN6, OUT4, OUT6 = "10.0.0.20", "fd00::20", "198.51.100.20", "2001:db8:ff::20"
FAMILIES = [(4, 4), (4, 6), (6, 4), (6, 6)]


def inside(pair: Pair, user: str, family: int, transport: str = "udp") -> Phone:
    address, node = (IN6, SIX[CORE]) if family == 6 else (IN4, CORE)
    return pair._phone(user, transport, address, node, 5060, {})


def outside(pair: Pair, user: str, family: int, transport: str = "tls") -> Phone:
    address, node = (OUT6, SIX[EDGE]) if family == 6 else (OUT4, EDGE)
    return pair._phone(user, transport, address, node, 5061 if transport == "tls" else 5060, {})


def legs_of(relay: FakeRelay) -> list[tuple[str, int | None]]:
    opened = next(each for each in relay.log if isinstance(each, media.Open))
    return [(leg.kind, leg.family) for stream in opened.streams for leg in (stream.a, stream.b)]


@pytest.mark.parametrize("link", [4, 6])
@pytest.mark.parametrize(("within", "without"), FAMILIES)
@pytest.mark.parametrize("direction", ["in", "out"])
def test_each_phone_gets_media_addresses_of_its_family(direction: str, within: int, without: int, link: int) -> None:
    pair = Pair(dual=True, zone={"host": SIX[EDGE_INNER] if link == 6 else EDGE_INNER})
    alice, bob = inside(pair, "alice", within), outside(pair, "bob", without)
    caller, callee = (bob, alice) if direction == "in" else (alice, bob)
    answering(callee, (0.1, 180, b""), (0.3, 200, sdp(callee.address[0], 40000)))
    dialog, other = talk(pair, caller, callee, sdp(caller.address[0], 41000))
    near = {alice: SIX[CORE] if within == 6 else CORE, bob: SIX[EDGE] if without == 6 else EDGE}
    for phone, body in ((callee, other.bodies[0]), (caller, dialog.bodies[-1])):
        ((address, rtp, rtcp),) = places(body)
        assert address == near[phone] and rtcp == rtp + 1
        kind = b"IP6" if ":" in address else b"IP4"
        assert b"o=- 1 1 IN %b %b\r\n" % (kind, address.encode()) in body
        assert b"c=IN %b %b\r\n" % (kind, address.encode()) in body
    core, edge = legs_of(pair.core_relay), legs_of(pair.edge_relay)
    assert sorted(core) == sorted([("plain", within), ("probe", link)])
    assert sorted(edge) == sorted([("plain", without), ("demux", link)])
    assert dialog.statuses[-1] == 200
    caller.bye(dialog)
    pair.net.run(1)
    assert other.ended
    closed_once(pair)


@pytest.mark.parametrize(("within", "transport"), [(4, "udp"), (6, "udp"), (6, "tcp")])
def test_via_and_record_route_have_the_family_of_the_side(within: int, transport: str) -> None:
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", within, transport), outside(pair, "bob", 6)
    answering(bob, (0.3, 200, sdp(OUT6, 40000)))
    dialog, _ = talk(pair, alice, bob, sdp(alice.address[0], 41000))
    invite = next(each for each in bob.received if each.method == b"INVITE")
    assert invite.require(b"via").startswith(b"SIP/2.0/TLS [2001:db8:3::1]:5061;rport")
    routes = re.findall(rb"(?m)^Record-Route: <sip:[^@>]+@([^;>]+)", b"\r\n".join(invite.lines))
    assert routes[0] == b"[2001:db8:3::1]:5061", "where bob sends to"
    assert routes[-1] == (b"[fd00::1]:5060" if within == 6 else b"10.0.0.1:5060"), "where alice sends to"
    bob.bye(bob.dialogs[dialog.call_id])
    pair.net.run(1)
    assert dialog.ended
    closed_once(pair)


def test_a_request_to_an_ipv6_address_leaves_from_ipv6() -> None:
    """RFC 3261 §16.6 step 7: the socket is of the family of the next hop, never the first that there is."""
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 6), inside(pair, "carol", 4)
    answering(bob, (0.3, 200, sdp(IN4, 40000)))
    dialog, _ = talk(pair, alice, bob, sdp(IN6, 41000))
    assert dialog.statuses[-1] == 200
    bob.bye(bob.dialogs[dialog.call_id])
    pair.net.run(1)
    bye = [each for each in pair.net.wire if each.first.startswith("BYE") and each.target == "alice"]
    assert len(bye) == 1 and b"Via: SIP/2.0/UDP [fd00::1]:5060" in bye[0].data
    assert dialog.ended


def test_an_offer_of_the_other_family_decides_for_media() -> None:
    """A phone that signals over IPv6 and wants its media over IPv4."""
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 4), outside(pair, "bob", 6)
    answering(alice, (0.3, 200, sdp(IN4, 40000)))
    dialog, _ = talk(pair, bob, alice, sdp(OUT4, 41000))
    assert places(dialog.bodies[-1])[0][0] == EDGE
    assert ("plain", 4) in legs_of(pair.edge_relay)


def test_an_answer_of_the_other_family_is_refused() -> None:
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 4), outside(pair, "bob", 6)
    answering(bob, (0.3, 200, sdp(OUT4, 40000)))
    dialog, _ = talk(pair, alice, bob, sdp(IN4, 41000))
    assert dialog.statuses[-1] == 488
    dropped = pair.edge.events("media.message_dropped")
    assert dropped and "media at an IPv4 address, but this call has IPv6 there" in str(dropped[0]["why"])
    pair.net.run(40)
    closed_once(pair)


def test_an_ipv6_offer_where_there_is_ipv4_only() -> None:
    """Refused with a reason: no relay port could reach the phone."""
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    dialog = bob.call(alice.uri, sdp(OUT6, 41000))
    pair.net.run(2)
    assert dialog.statuses[-1] == 488
    assert not alice.dialogs
    assert not pair.edge_relay.sessions and not pair.core_relay.sessions


@pytest.mark.parametrize("held", ["0.0.0.0", "::"])
def test_hold_by_the_unspecified_address_is_of_no_family(held: str) -> None:
    """RFC 3264 §8.4: older phones hold with c=IN IP4 0.0.0.0, also when they have IPv6."""
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 4), outside(pair, "bob", 6)
    answering(bob, (0.3, 200, sdp(held, 40000)))
    dialog, _ = talk(pair, alice, bob, sdp(IN4, 41000))
    assert dialog.statuses[-1] == 200


def test_the_family_of_a_description() -> None:
    assert media_family(parse_sdp(sdp(OUT6, 41000))) == 6
    assert media_family(parse_sdp(sdp(OUT4, 41000))) == 4
    assert media_family(parse_sdp(sdp(OUT6, 0))) is None
    assert media_family(parse_sdp(sdp("phone.example.test", 41000))) is None


def test_an_ipv6_address_of_ours_in_any_spelling_is_ours() -> None:
    pair = Pair(dual=True)
    alice, carol = inside(pair, "alice", 6), pair._phone("carol", "udp", "fd00::21", SIX[CORE], 5060, {})
    answering(carol, (0.3, 200, sdp(IN6, 40000)))
    dialog = alice.call("sip:carol@[FD00:0:0::1]", sdp(IN6, 41000))
    pair.net.run(2)
    assert dialog.statuses[-1] == 200


@pytest.mark.parametrize("written", ["2001:DB8:FF:0:0::20", "2001:0db8:00ff::0020", "2001:db8:ff::20"])
def test_media_may_come_from_an_address_in_any_spelling(written: str) -> None:
    """The relay compares what SDP says with the sources of packets, which the kernel prints in one way only."""
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 4), outside(pair, "bob", 6)
    answering(bob, (0.3, 200, sdp(written, 40000, f"a=rtcp:40009 IN IP6 {written}")))
    dialog, _ = talk(pair, alice, bob, sdp(IN4, 41000))
    assert dialog.statuses[-1] == 200
    told = [each for each in pair.edge_relay.remotes if each.leg == "b"]
    assert told[-1].rtp == (OUT6, 40000) and told[-1].rtcp == (OUT6, 40009)
    assert told[-1].allowed == (OUT6,)


def test_ipv4_in_the_form_of_ipv6_is_ipv4() -> None:
    pair = Pair(dual=True)
    alice, bob = inside(pair, "alice", 4), outside(pair, "bob", 4)
    answering(bob, (0.3, 200, sdp(f"::ffff:{OUT4}", 40000)))
    dialog, _ = talk(pair, alice, bob, sdp(IN4, 41000))
    assert dialog.statuses[-1] == 200
    assert pair.edge_relay.remotes[-1].rtp[0] == OUT4
