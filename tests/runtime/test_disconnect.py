"""Ending calls over the control socket."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seaway.runtime.status import StatusServer

from ..call.b2bua.bench import Bench
from ..support.nodes import Pair


def server(core: Any, net: Any) -> StatusServer:
    made = StatusServer.__new__(StatusServer)
    made._core = SimpleNamespace(snapshot=lambda kind, now: core.snapshot(kind, net.now))  # type: ignore[assignment]
    made._disconnect_calls = lambda session: core.disconnect(session, net.now)  # type: ignore[method-assign]
    return made


def test_a_call_through_the_b2bua_is_ended() -> None:
    bench = Bench()
    alice, _, _, _ = bench.talking()
    session = bench.calls()[0]["session"]
    asked = server(bench.core, bench.net)
    assert asked._disconnect(session) == {"done": "disconnect", "calls": [session]}
    bench.net.drain(bench.host)
    bench.net.run(0.5)
    assert alice.history[-1].request.method == b"BYE" and not bench.calls()
    assert asked._disconnect("all") == {"done": "disconnect", "calls": []}
    with pytest.raises(ValueError, match="none of the calls here"):
        asked._disconnect(session)
    for nonsense in (None, 7, ["all"]):
        with pytest.raises(ValueError, match="say which call"):
            asked._disconnect(nonsense)


def test_a_call_through_the_proxy_cannot_be() -> None:
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    from ..support.messages import sdp

    bob.script = [(0.1, 200, sdp("198.51.100.20", 40000))]
    alice.call(bob.uri, sdp("10.0.0.20", 30000))
    pair.net.run(2)
    core = pair.core.core
    session = core.snapshot("calls", pair.net.now)[0]["session"]
    with pytest.raises(ValueError, match="does not go through the B2BUA"):
        server(core, pair.net)._disconnect(session)
