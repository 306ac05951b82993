"""Peers of neighbours are asked with OPTIONS; silent ones are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seaway.call.config import NeighbourZone
from seaway.call.search_record import SearchRecord
from seaway.call.zones import Zone

from ..support.messages import as_request
from .test_searching import Site, answering, rule

ZONE = NeighbourZone("cm", ("10.0.0.30", "10.0.0.31"), 5060, "udp", monitor=60.0)
PEERS = {"one": "10.0.0.30", "two": "10.0.0.31"}


def site(**changes: Any) -> Site:
    return Site(rule(10, "cm"), rule(20, "pbx"), peers={**PEERS, "pbx": "10.0.0.40"}, neighbours=(
        replace(ZONE, **changes), NeighbourZone("pbx", ("10.0.0.40",), 5060, "udp")
    ))  # fmt: skip


def mute(there: Site, *names: str) -> None:
    for name in names:
        peer = there.peers[name]
        peer.layer.receive_request = lambda *_: None  # type: ignore[method-assign]


def state(there: Site) -> dict[str, Any]:
    return next(row for row in there.core.core.snapshot("zones", there.net.now) if row["name"] == "cm")


def options(there: Site, name: str) -> int:
    return len(there.net.sent("core1", name, "OPTIONS"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_peers_that_answer_are_active(transport: str) -> None:
    there = Site(rule(10, "cm"), peers=PEERS, transport=transport, neighbours=(replace(ZONE, transport=transport),))
    assert state(there) == {
        "name": "cm", "kind": "neighbour", "state": "configured", "reason": "",
        "peer": "10.0.0.30:5060 unknown, 10.0.0.31:5060 unknown",
    }  # fmt: skip
    there.net.run(10)
    assert state(there)["state"] == "active"
    assert state(there)["peer"] == "10.0.0.30:5060 active, 10.0.0.31:5060 active"
    there.net.run(300)
    assert 5 <= options(there, "one") <= 7
    assert [each["state"] for each in there.core.events("zone.peer")] == ["active", "active"]
    request = as_request(there.net.sent("core1", "one", "OPTIONS")[0].data)
    assert request.uri == b"sip:10.0.0.30:5060;transport=" + transport.encode()


def test_a_silent_peer_is_left_out_until_it_answers_again() -> None:
    there = site()
    mute(there, "one")
    there.net.run(30)
    assert state(there)["state"] == "active" and "10.0.0.30:5060 failed" in state(there)["peer"]
    began = there.net.now
    there.call("1@example.test", 1)
    assert there.net.now - began < 3.5 and there.rings() == {"two": 1}
    del there.peers["one"].layer.receive_request
    there.net.run(30)
    assert state(there)["peer"] == "10.0.0.30:5060 active, 10.0.0.31:5060 active"
    there.call("2@example.test", 1)
    assert there.rings() == {"one": 1, "two": 1}


def test_a_zone_without_a_peer_is_passed_over_at_once() -> None:
    there = site()
    mute(there, "one", "two")
    there.net.run(30)
    assert (state(there)["state"], state(there)["reason"]) == ("failed", "no answer in time")
    dialog = there.call("1@example.test", 2)
    assert dialog.statuses[-1] == 200 and there.rings() == {"pbx": 1}
    rows = there.core.core.explaining.search(str(there.record()["search"]), there.net.now).rows
    assert rows[-3]["why"] == "no peer of zone cm answers: no answer in time"


def test_a_peer_that_says_503_is_out_of_order_and_one_that_challenges_is_not() -> None:
    there = site()
    for name, status in (("one", 503), ("two", 407)):
        peer = there.peers[name]
        peer.request_received = (  # type: ignore[method-assign]
            lambda server, request, flow, now, peer=peer, status=status: peer._respond(server, request, status)
        )
    there.net.run(20)
    assert state(there)["peer"] == "10.0.0.30:5060 failed, 10.0.0.31:5060 active"
    assert not [each for each in there.net.wire if b"Authorization" in each.data], "R37: nobody is told a password"


def test_without_monitor_nobody_is_asked() -> None:
    there = site(monitor=0.0)
    there.net.run(300)
    assert options(there, "one") == 0 and state(there)["state"] == "configured"


def test_a_peer_is_not_asked_again_before_it_has_answered() -> None:
    there = site(monitor=1.0)
    mute(there, "one")
    there.net.run(7)
    first = {as_request(each.data).get(b"call-id") for each in there.net.sent("core1", "one", "OPTIONS")}
    assert len(first) == 1
    answering(there.peers["two"], (0.1, 200))


def test_a_search_says_why_nobody_could_be_asked() -> None:
    there = site(transport="tcp", monitor=0.0)
    there.net.unreachable |= {("10.0.0.30", 5060), ("10.0.0.31", 5060)}
    there.call("1@example.test", 2)
    rows = there.core.core.explaining.search(str(there.record()["search"]), there.net.now).rows
    (why,) = [str(each["why"]) for each in rows if each["what"] == "passed over"]
    assert "10.0.0.31:5060" in why and why.endswith("does not answer")


@pytest.mark.parametrize(("status", "why"), [(503, "connection refused"), (486, ""), (200, "")])
def test_why_a_search_ended_is_what_this_node_found_last(status: int, why: str) -> None:
    zone = Zone("local", "local")
    record = SearchRecord(1, 0.0, b"INVITE", b"sip:1@example.test", b"<sip:a@example.test>", b"c", zone, False, None)
    record.passed_over("connection refused")
    record.finish(status, 1.0)
    assert (record.status, record.why) == (status, why)
