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
