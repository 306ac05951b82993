"""Anchored calls: SDP through both relays, what waits for a relay, and sessions that close exactly once."""

from __future__ import annotations

import re

import pytest

from seaway.media import protocol as media

from ..support.messages import sdp
from ..support.net import Host
from ..support.nodes import CORE, EDGE, EDGE_INNER, Pair
from ..support.phone import Dialog, Phone

ICE = (
    "a=candidate:1 1 UDP 2130706431 192.168.1.5 30000 typ host", "a=ice-ufrag:8hhY", "a=ice-pwd:asd88fgpdd777uzjYhagZg",
    "a=rtcp-mux", "a=rtcp:30009", "a=mid:0", "a=x-seaway-media:1 ufrag=forged pwd=forged", "a=x-unknown:kept",
)  # fmt: skip

ANSWER = (0.1, 200, sdp("198.51.100.20", 40000))


def answering(phone: Phone, *steps: tuple[float, int, bytes]) -> None:
    phone.script = list(steps)


def couple(*steps: tuple[float, int, bytes], transport: str = "tls") -> tuple[Pair, Phone, Phone]:
    """Two nodes, alice inside, and bob outside, who answers as `steps` say."""
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob", transport)
    answering(bob, *steps)
    return pair, alice, bob


def talk(pair: Pair, caller: Phone, callee: Phone, offer: bytes = b"", seconds: float = 2.0) -> tuple[Dialog, Dialog]:
    dialog = caller.call(callee.uri, offer)
    pair.net.run(seconds)
    return dialog, callee.dialogs[dialog.call_id]


def places(body: bytes) -> list[tuple[str, int, int]]:
    """(address, RTP port, RTCP port) of each media description."""
    text = body.decode()
    address = re.findall(r"^c=IN IP[46] (\S+)", text, re.M)
    ports = [int(each) for each in re.findall(r"^m=\S+ (\d+)", text, re.M)]
    rtcp = [int(each) for each in re.findall(r"^a=rtcp:(\d+)", text, re.M)]
    assert len(set(address)) == 1
    return [(address[0], port, other) for port, other in zip(ports, rtcp, strict=True)]


def closed_once(pair: Pair, sessions: int = 1) -> None:
    pair.idle()
    for relay in (pair.core_relay, pair.edge_relay):
        assert not relay.sessions
        assert len(relay.closed) == len(set(relay.closed)) == sessions
    for host in (pair.core, pair.edge):
        assert not host.core._anchor._held
        assert not host.core._anchor._closing
        assert not host.core._anchor._calls


@pytest.mark.parametrize("direction", ["in", "out"])
def test_each_leg_has_the_addresses_of_its_relay(direction: str) -> None:
    pair, alice, bob = couple()
    caller, callee = (bob, alice) if direction == "in" else (alice, bob)
    answering(callee, (0.1, 180, b""), (0.3, 200, sdp(callee.address[0], 40000, *ICE)))
    dialog, other = talk(pair, caller, callee, sdp(caller.address[0], 41000, *ICE))
    near = {alice: CORE, bob: EDGE}
    for phone, body in ((callee, other.bodies[0]), (caller, dialog.bodies[-1])):
        ((address, rtp, rtcp),) = places(body)
        assert address == near[phone]
        assert rtp >= 36000 and rtcp == rtp + 1
        assert f"o=- 1 1 IN IP4 {address}".encode() in body
        for name in (b"candidate", b"ice-", b"rtcp-mux", b"mid", b"x-seaway-media", b"192.168.1.5", b"30009"):
            assert name not in body, f"{name!r} reached {phone.user}"
        assert b"a=x-unknown:kept\r\n" in body
        assert b"a=sendrecv\r\n" in body
    # Between the nodes the edge shows its demultiplexing ports and the credential of the core's probes.
    link = [
        each
        for each in pair.net.wire
        if each.source in ("edge1",) and each.target == "core1" and b"m=audio" in each.data
    ]
    assert link
    for crossing in link:
        body = crossing.data.partition(b"\r\n\r\n")[2]
        assert places(body) == [(EDGE_INNER, 2776, 2777)]
        assert body.count(b"a=x-seaway-media:1 ufrag=") == 1
        assert b"forged" not in body
    back = [
        each for each in pair.net.wire if each.source == "core1" and each.target == "edge1" and b"m=audio" in each.data
    ]
    assert back and all(b"x-seaway-media" not in each.data for each in back)
    caller.bye(dialog)
    pair.net.run(1)
    closed_once(pair)


def test_what_the_relays_are_told() -> None:
    pair, alice, bob = couple((0.1, 200, sdp("192.168.7.7", 40000)))
    talk(pair, alice, bob, sdp("10.0.0.20", 41000))
    (edge_a, edge_b) = sorted(pair.edge_relay.remotes, key=lambda each: each.leg)
    assert (edge_b.rtp, edge_b.rtcp) == (("192.168.7.7", 40000), ("192.168.7.7", 40001))
    assert edge_b.allowed == ("192.168.7.7", "198.51.100.20"), "the address in SDP and the one signalling came from"
    assert edge_a.rtp[0] == CORE
    assert edge_a.allowed == (CORE,)
    (core_a, core_b) = sorted(pair.core_relay.remotes, key=lambda each: each.leg)
    assert core_a.rtp == ("10.0.0.20", 41000)
    assert core_a.allowed == ("10.0.0.20",)
    assert core_b.rtp == (EDGE_INNER, 2776)
    assert core_b.ufrag is not None and core_b.password is not None
    assert core_a.ufrag is None
    kinds = {}
    for relay in (pair.core_relay, pair.edge_relay):
        opened = next(each for each in relay.log if isinstance(each, media.Open))
        kinds[relay] = [(leg.kind, leg.nic) for stream in opened.streams for leg in (stream.a, stream.b)]
    assert kinds[pair.core_relay] == [("plain", "inner"), ("probe", "inner")]
    assert kinds[pair.edge_relay] == [("demux", "inner"), ("plain", "outer")]


@pytest.mark.parametrize("delay", [0.0, 0.02, 1.0, 3.0])
def test_a_slow_relay_delays_the_call_and_nothing_else(delay: float) -> None:
    pair, alice, bob = couple(transport="udp")
    pair.core_relay.delay = pair.edge_relay.delay = delay
    answering(bob, (0.1, 183, sdp("198.51.100.20", 40000)), (0.2, 180, b""), (0.3, 200, sdp("198.51.100.20", 40000)))
    dialog, other = talk(pair, alice, bob, sdp(), 10)
    assert dialog.statuses[-1] == 200 and 183 in dialog.statuses
    assert other.acked
    for relay in (pair.core_relay, pair.edge_relay):
        assert sum(isinstance(each, media.Open) for each in relay.log) == 1
        assert [len(streams) for _, streams in relay.sessions.values()] == [1]
    bob.bye(other)
    pair.net.run(1)
    closed_once(pair)


@pytest.mark.parametrize("delay", [0.02, 1.2])
def test_late_offer(delay: float) -> None:
    """INVITE without SDP: the offer comes in 183 and 200 (and in repetitions of it), the answer in the ACK."""
    pair, alice, bob = couple(transport="udp")
    pair.core_relay.delay = pair.edge_relay.delay = delay
    alice.ack_body = sdp("10.0.0.20", 41000)
    offer = sdp("198.51.100.20", 40000)
    answering(bob, (0.1, 183, offer), (0.15, 200, offer))
    dialog, other = talk(pair, alice, bob, b"", 12)
    assert 200 in dialog.statuses
    assert places(dialog.bodies[-1])[0][0] == CORE
    assert places(other.bodies[-1])[0][0] == EDGE
    for relay in (pair.core_relay, pair.edge_relay):
        assert sum(isinstance(each, media.Open) for each in relay.log) == 1, "one session, however many messages waited"
        assert {each.leg for each in relay.remotes} == {"a", "b"}
    alice.bye(dialog)
    pair.net.run(1)
    closed_once(pair)


def test_re_invite_adds_video() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, other = talk(pair, alice, bob, sdp("10.0.0.20", 41000))
    before = places(other.bodies[-1])
    answering(alice, (0.1, 200, sdp("10.0.0.20", 41000, video=41002)))
    bob.invite(other, sdp("198.51.100.20", 40000, video=40002))
    pair.net.run(2)
    assert other.statuses == [200]
    assert len(places(dialog.bodies[-1])) == len(places(other.bodies[-1])) == 2
    assert places(other.bodies[-1])[0] == before[0], "the audio keeps its ports"
    for relay in (pair.core_relay, pair.edge_relay):
        (add,) = [each for each in relay.log if isinstance(each, media.AddStreams)]
        assert len(add.streams) == 1
        assert {(each.stream, each.leg) for each in relay.remotes} == {(0, "a"), (0, "b"), (1, "a"), (1, "b")}
    # Stop it again: port 0 asks for nothing new and ends nothing.
    answering(alice, (0.1, 200, sdp("10.0.0.20", 41000, video=0)))
    bob.invite(other, sdp("198.51.100.20", 40000, video=0))
    pair.net.run(2)
    assert b"m=video 0 " in other.bodies[-1]
    bob.bye(other)
    pair.net.run(1)
    closed_once(pair)


def test_a_failing_re_invite_keeps_the_call() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp("10.0.0.20", 41000))
    pair.edge_relay.fail = "no ports left"
    alice.invite(dialog, sdp("10.0.0.20", 41000, video=41002))
    pair.net.run(2)
    assert dialog.statuses[-1] == 503
    assert pair.edge.core.snapshot("calls", pair.net.now)[0]["state"] == "answered"
    pair.edge_relay.fail = None
    alice.invite(dialog, sdp("10.0.0.20", 41000, video=41002))
    pair.net.run(2)
    assert dialog.statuses[-1] == 200
    alice.bye(dialog)
    pair.net.run(1)
    closed_once(pair)


@pytest.mark.parametrize("node", ["core", "edge"])
def test_a_relay_without_ports_is_503(node: str) -> None:
    pair, alice, bob = couple()
    (pair.core_relay if node == "core" else pair.edge_relay).fail = "no ports left"
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert dialog.statuses == [503]
    pair.idle()
    assert not pair.core_relay.sessions and not pair.edge_relay.sessions
    assert (pair.core if node == "core" else pair.edge).events("media.failed")


def test_a_relay_that_never_answers_is_503_in_time() -> None:
    pair, alice, bob = couple()
    pair.core_relay.mute = True
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(15)
    assert dialog.statuses == [503]
    pair.idle()
    assert not pair.core.core._anchor._held


def test_an_answer_that_cannot_have_ports_fails_the_call() -> None:
    """The 200 brings the first SDP and the relay is full: the caller must not wait for ever."""
    pair, alice, bob = couple(ANSWER)
    pair.edge_relay.fail = "no ports left"
    dialog = alice.call(bob.uri)
    pair.net.run(3)
    assert dialog.statuses == [503]
    pair.idle()


@pytest.mark.parametrize("body", [b"v=0\r\nm=audio x RTP/AVP 0\r\n", b"garbage", b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"])
def test_sdp_that_cannot_be_read(body: bytes) -> None:
    """R29: 488 or 400 for this call only, whether it is the offer or the answer."""
    pair, alice, bob = couple()
    dialog = alice.call(bob.uri, body)
    pair.net.run(2)
    assert len(dialog.statuses) == 1 and dialog.statuses[0] in (400, 488)
    answering(bob, (0.1, 200, body))
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert len(dialog.statuses) == 1 and dialog.statuses[0] in (400, 488)
    pair.idle()
    assert not pair.core_relay.sessions and not pair.edge_relay.sessions


@pytest.mark.parametrize("when", [0.0, 0.5, 1.0, 1.5, 2.5, 3.5])
def test_cancel_at_any_time(when: float) -> None:
    """Also while the relay of either node is being asked."""
    pair, alice, bob = couple()
    pair.core_relay.delay = pair.edge_relay.delay = 1.0
    answering(bob, (0.5, 180, b""), (3.0, 200, sdp("198.51.100.20", 40000)))
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(0.05 + when)
    alice.cancel(dialog)
    pair.net.run(10)
    assert dialog.statuses[-1] == 487
    pair.idle()
    for relay in (pair.core_relay, pair.edge_relay):
        assert not relay.sessions
        assert len(relay.closed) == len(set(relay.closed))


@pytest.mark.parametrize("status", [404, 486, 503, 603])
def test_a_refused_call_closes_its_session(status: int) -> None:
    pair, alice, bob = couple((0.1, 180, b""), (0.2, status, b""))
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert dialog.statuses == [180, status]
    closed_once(pair)
    (call,) = pair.edge.core.snapshot("history", pair.net.now)
    assert call["reason"] == f"refused with {status}"


def test_both_hang_up_at_once() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, other = talk(pair, alice, bob, sdp())
    alice.bye(dialog)
    bob.bye(other)
    pair.net.run(2)
    closed_once(pair)


@pytest.mark.parametrize("leg", ["caller", "callee"])
def test_the_phone_came_back_on_another_connection(leg: str) -> None:
    """Its TLS connection breaks mid-call; after it has registered again, requests reach it there."""
    pair, alice, bob = couple()
    caller, callee = (bob, alice) if leg == "caller" else (alice, bob)
    answering(callee, (0.1, 200, sdp(callee.address[0], 40000)))
    dialog, other = talk(pair, caller, callee, sdp(caller.address[0], 41000))
    mine, its = (other, dialog) if leg == "caller" else (dialog, other)
    assert bob.flow is not None
    pair.net.cut(bob.host, bob.flow)
    pair.net.run(1)
    bob.host.reuse.clear()
    assert bob.register() == 200
    alice.bye(mine)
    pair.net.run(2)
    assert its.ended == "bye received"
    assert alice.results[-1] == ("BYE", 200)
    closed_once(pair)


def test_a_phone_that_is_gone_does_not_keep_the_session() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    assert bob.flow is not None
    pair.net.cut(bob.host, bob.flow)
    alice.bye(dialog)
    pair.net.run(40)
    assert alice.results[-1] == ("BYE", 480)
    closed_once(pair)


def test_a_lost_relay_refuses_new_calls_until_it_is_back() -> None:
    pair, alice, bob = couple(ANSWER)
    pair.core_relay.delay = 1.0
    waiting = alice.call(bob.uri, sdp())
    pair.net.run(0.3)
    pair.media(pair.core, lambda core: core.media_lost(pair.net.now))
    pair.net.run(0.2)
    assert waiting.statuses == [503], "what waited is refused at once"
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(0.5)
    assert dialog.statuses == [503]
    pair.core_relay.sessions.clear()
    pair.media(pair.core, lambda core: core.media_ready(pair.net.now))
    pair.net.run(2)
    dialog, _ = talk(pair, alice, bob, sdp(), 5)
    assert dialog.statuses == [200]
    alice.bye(dialog)
    pair.idle()


def test_an_offer_never_passes_without_its_media_session() -> None:
    """What the relay has lost cannot be rewritten: unchanged, the SDP would lead the media past the relay."""
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    pair.media(pair.core, lambda core: core.media_lost(pair.net.now))
    pair.net.run(0.5)
    alice.invite(dialog, sdp())
    pair.net.run(1)
    assert dialog.statuses[-1] == 503, "it may come back"
    pair.net.run(12)
    alice.invite(dialog, sdp())
    pair.net.run(1)
    assert dialog.statuses[-1] == 481, "it did not"
    alice.bye(dialog)
    pair.net.run(2)
    assert alice.results[-1] == ("BYE", 200), "the dialog itself can still be ended"


def test_a_relay_that_comes_back_with_its_sessions_keeps_the_calls() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    pair.media(pair.core, lambda core: core.media_lost(pair.net.now))
    pair.net.run(0.5)
    pair.media(pair.core, lambda core: core.media_ready(pair.net.now))
    pair.net.run(12)
    alice.invite(dialog, sdp())
    pair.net.run(1)
    assert dialog.statuses[-1] == 200
    alice.bye(dialog)
    pair.idle()


def test_a_relay_that_comes_back_empty_ends_the_calls_it_had() -> None:
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    pair.media(pair.core, lambda core: core.media_lost(pair.net.now))
    pair.core_relay.sessions.clear()
    pair.media(pair.core, lambda core: core.media_ready(pair.net.now))
    pair.net.run(0.5)
    alice.invite(dialog, sdp())
    pair.net.run(1)
    assert dialog.statuses[-1] == 481
    alice.bye(dialog)
    pair.net.run(2)


def test_idle_media_ends_the_session() -> None:
    pair, alice, bob = couple(ANSWER)
    talk(pair, alice, bob, sdp())
    (session,) = pair.edge_relay.sessions
    idle = pair.edge_config.media_idle
    for seconds in (10.0, idle - 1):
        pair.edge.core.media_reply(media.Idle(session, seconds), pair.net.now)
        assert pair.edge_relay.sessions
    pair.edge.core.media_reply(media.Idle(session, idle), pair.net.now)
    pair.edge.core.media_reply(media.Idle(session, idle + 30), pair.net.now)
    pair.net.drain(pair.edge)
    assert pair.edge_relay.closed == [session]


def restart(pair: Pair, host: Host) -> None:
    """The signalling process of `host` dies and starts again; its relay lives on."""
    import random

    from seaway.call.control import Control

    config = pair.edge_config if host is pair.edge else pair.core_config
    pair.net.replace(host, Control(config, random.Random(99).randbytes))
    pair.media(host, lambda core: core.media_ready(pair.net.now))
    pair.net.run(5)


@pytest.mark.parametrize("who", ["core", "edge"])
def test_a_call_is_taken_over_after_a_restart(who: str) -> None:
    """Media outlives signalling: the new process knows the call, and its BYE closes the session."""
    pair, alice, bob = couple(ANSWER, transport="udp")
    dialog, other = talk(pair, alice, bob, sdp())
    host = pair.core if who == "core" else pair.edge
    restart(pair, host)
    assert pair.zones() == ("active", "active")
    (call,) = host.core.snapshot("calls", pair.net.now)
    assert (call["state"], call["caller"]) == ("answered", "alice@example.test")
    assert host.events("call.taken_over")
    answering(bob, ANSWER)
    alice.invite(dialog, sdp())  # a re-INVITE keeps its ports
    pair.net.run(2)
    assert dialog.statuses[-1] == 200
    assert places(dialog.bodies[-1]) == places(dialog.bodies[0])
    bob.bye(other)
    pair.net.run(2)
    assert dialog.ended == "bye received"
    closed_once(pair)


def test_after_a_restart_a_token_never_leads_to_another_phone() -> None:
    """Stream numbers begin again in the new process: an old token must not name somebody else's connection."""
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    restart(pair, pair.edge)
    dave = pair.outside("dave", address="198.51.100.30")
    (token,) = re.findall(r"sip:(f\S*?)\.[0-9a-f]{16}@", " ".join(dialog.routes)) or [""]
    assert token, "the callee is on a stream"
    # Dave's connection gets the number that Bob's had.
    number = int(token.rpartition("-")[2], 16)
    assert dave.flow is not None
    stream = dave.host.streams[dave.flow.id]
    _, theirs = stream.other(dave.flow)
    pair.edge.core._flows[number] = theirs
    received = len(dave.received)
    alice.bye(dialog)
    pair.net.run(2)
    assert len(dave.received) == received
    assert alice.results[-1] == ("BYE", 480)


def test_sessions_of_nobody_are_closed() -> None:
    pair = Pair()
    for label in ("not json", "{}", "[]", '{"call_id": 5}'):
        pair.core_relay.sessions[f"orphan {label}"] = (label, [])
    pair.media(pair.core, lambda core: core.media_ready(pair.net.now))
    pair.net.run(1)
    assert sorted(pair.core_relay.closed) == sorted(
        f"orphan {each}" for each in ("not json", "{}", "[]", '{"call_id": 5}')
    )
    assert not pair.core.core.snapshot("calls", pair.net.now)


def test_the_bye_of_an_unwanted_fork_keeps_the_call() -> None:
    """Two phones of one user answer at once: the caller hangs up one of them (RFC 3261 §13.2.2.4)."""
    pair = Pair()
    alice = pair.inside("alice")
    first = pair.outside("bob", "udp")
    second = pair.outside("bob", "udp", address="198.51.100.21")
    for phone in (first, second):
        answering(phone, (0.2, 200, sdp(phone.address[0], 40000)))
    dialog = alice.call(first.uri, sdp())
    pair.net.run(3)
    assert all(phone.dialogs[dialog.call_id].ended == "" for phone in (first, second)), "both answered"
    unwanted = first if first.tag not in dialog.remote else second
    assert unwanted.tag not in dialog.remote
    other = Dialog(
        dialog.call_id, dialog.local, f"<{first.uri}>;tag={unwanted.tag}", unwanted.contact_uri, dialog.routes
    )
    other.cseq = 50
    alice.request("BYE", other)
    pair.net.run(1)
    assert unwanted.dialogs[dialog.call_id].ended == "bye received"
    for host in (pair.core, pair.edge):
        assert [each["state"] for each in host.core.snapshot("calls", pair.net.now)] == ["answered"]
    alice.bye(dialog)
    pair.net.run(1)
    closed_once(pair)


def test_hanging_up_while_the_relay_is_asked_for_video() -> None:
    """The answer to AddStreams comes after the end: the session is not closed a second time."""
    pair, alice, bob = couple(ANSWER)
    dialog, other = talk(pair, alice, bob, sdp())
    pair.core_relay.delay = 1.0
    alice.invite(dialog, sdp(video=41002))
    pair.net.run(0.2)
    bob.bye(other)
    pair.net.run(3)
    assert dialog.statuses[-1] == 487
    closed_once(pair)


def test_a_relay_that_has_lost_the_session() -> None:
    """Close is answered with Failed: nothing is kept of the call but its history."""
    pair, alice, bob = couple(ANSWER)
    dialog, _ = talk(pair, alice, bob, sdp())
    pair.core_relay.sessions.clear()
    alice.bye(dialog)
    pair.net.run(1)
    closed_once(pair)
    assert pair.core.events("media.failed")
    assert len(pair.core.core.snapshot("history", pair.net.now)) == 1
