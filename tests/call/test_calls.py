"""Whole calls through core and edge on the virtual network."""

from __future__ import annotations

import pytest

from ..support.messages import sdp
from ..support.nodes import Pair


def test_the_link_comes_up() -> None:
    pair = Pair()
    assert pair.zones() == ("active", "active")


@pytest.mark.parametrize("outer", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("inner", ["udp", "tcp", "tls"])
def test_a_call_in_each_direction(inner: str, outer: str) -> None:
    pair = Pair()
    alice, bob = pair.inside("alice", inner), pair.outside("bob", outer)
    for caller, callee in ((alice, bob), (bob, alice)):
        for hang_up in (caller, callee):
            callee.script = [(0.1, 180, b""), (0.5, 200, sdp(callee.address[0], 40000))]
            dialog = caller.call(callee.uri, sdp(caller.address[0], 41000))
            pair.net.run(2)
            other = callee.dialogs[dialog.call_id]
            assert dialog.statuses == [180, 200]
            assert other.acked
            for host in (pair.core, pair.edge):
                (call,) = host.core.snapshot("calls", pair.net.now)
                assert call["state"] == "answered"
            hang_up.bye(dialog if hang_up is caller else other)
            pair.net.run(1)
            assert {dialog.ended, other.ended} == {"bye sent", "bye received"}
            assert hang_up.results[-1] == ("BYE", 200)
    for phone in (alice, bob):
        assert not phone.defects
    pair.idle()
    for relay in (pair.core_relay, pair.edge_relay):
        assert not relay.sessions
        assert len(relay.closed) == len(set(relay.closed)) == 4


@pytest.mark.parametrize("seed", range(8))
def test_calls_over_a_bad_network(seed: int) -> None:
    """A fifth of all datagrams is lost, some come twice, many out of order: every call is set up and ended."""
    pair = Pair(seed, loss=0.2, duplicate=0.1, jitter=0.3, latency=0.02, start=False)
    for host in (pair.edge, pair.core):
        pair.media(host, lambda core: core.media_ready(pair.net.now))
    pair.net.run(1)
    loss, pair.net.loss = pair.net.loss, 0.0
    alice, bob = pair.inside("alice"), pair.outside("bob", "udp")
    pair.net.loss = loss
    for caller, callee in ((alice, bob), (bob, alice)):
        callee.script = [(0.1, 180, b""), (0.5, 200, sdp(callee.address[0], 40000))]
        dialog = caller.call(callee.uri, sdp(caller.address[0], 41000))
        pair.net.run(30)
        assert dialog.statuses[-1] == 200
        assert callee.dialogs[dialog.call_id].acked
        caller.bye(dialog)
        pair.net.run(40)
        assert callee.dialogs[dialog.call_id].ended == "bye received"
    pair.idle()
    for relay in (pair.core_relay, pair.edge_relay):
        assert not relay.sessions
        assert len(relay.closed) == len(set(relay.closed)) == 2


def test_phones_behind_a_nat() -> None:
    """Their Contact names a private address; everything reaches them on the address they came from."""
    pair = Pair()
    pair.net.nat[("192.168.1.20", 5060)] = ("198.51.100.99", 41234)
    alice, bob = pair.inside("alice"), pair.outside("bob", "udp", "192.168.1.20")
    for caller, callee in ((alice, bob), (bob, alice)):
        callee.script = [(0.1, 200, sdp(callee.address[0], 40000))]
        dialog = caller.call(callee.uri, sdp(caller.address[0], 41000))
        pair.net.run(2)
        assert dialog.statuses == [200]
        alice.request("INFO", dialog if caller is alice else alice.dialogs[dialog.call_id])
        pair.net.run(1)
        assert alice.results[-1] == ("INFO", 200)
        alice.bye(dialog if caller is alice else alice.dialogs[dialog.call_id])
        pair.net.run(1)
        assert alice.results[-1] == ("BYE", 200)
    assert not [each for each in pair.net.wire if each.target.startswith("('192.168")]
    pair.idle()


def test_two_phones_of_one_user() -> None:
    """Both ring; who answers first gets the call, the other stops."""
    pair = Pair()
    alice = pair.inside("alice")
    desk, mobile = pair.outside("bob", "udp"), pair.outside("bob", "tls", "198.51.100.21")
    desk.script = [(0.1, 180, b""), (30.0, 200, sdp("198.51.100.20", 40000))]
    mobile.script = [(0.1, 180, b""), (1.0, 200, sdp("198.51.100.21", 40000))]
    dialog = alice.call(desk.uri, sdp())
    pair.net.run(3)
    assert dialog.statuses == [180, 180, 200]
    assert desk.dialogs[dialog.call_id].ended == "cancelled"
    alice.bye(dialog)
    pair.net.run(1)
    assert mobile.dialogs[dialog.call_id].ended == "bye received"
    pair.idle()


@pytest.mark.parametrize("side", ["alice", "bob", "link"])
@pytest.mark.parametrize("point", range(20))
def test_a_stream_closes_at_any_point_of_a_call(point: int, side: str) -> None:
    """R31: whichever connection breaks whenever, nothing is left once the time-outs have passed."""
    pair = Pair()
    pair.core_relay.delay = pair.edge_relay.delay = 0.06
    alice, bob = pair.inside("alice", "tcp"), pair.outside("bob", "tls")
    bob.script = [(0.1, 180, b""), (0.35, 200, sdp("198.51.100.20", 40000))]
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(0.04 * point)
    if point == 19:
        alice.bye(dialog)
    if side == "link":
        streams = [each for each in pair.core.streams.values() if any(flow.zone for _, flow in each.ends)]
        pair.net.cut(pair.core, streams[0].ends[0][1])
    else:
        phone = alice if side == "alice" else bob
        assert phone.flow is not None
        pair.net.cut(phone.host, phone.flow)
        phone.host.reuse.clear()
    pair.net.run(0.5)
    # What a phone would do: come back, and hang up what it believes to be a call.
    assert alice.register() == 200 and bob.register() == 200
    for phone in (alice, bob):
        each = phone.dialogs.get(dialog.call_id)
        if each is not None and (each.acked or 200 in each.statuses) and not each.ended:
            phone.bye(each)
    pair.net.run(300)
    for host in (pair.core, pair.edge):
        assert not host.core._proxy.layer._servers
        assert len(host.core._proxy.layer._clients) <= 1  # a keep-alive
        assert not host.core._anchor._held
    again = alice.call(bob.uri, sdp())
    pair.net.run(3)
    assert again.statuses[-1] == 200, "the next good call works"
