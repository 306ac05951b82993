"""Media outlives Python: `kill -9` of signalling, relay, worker or supervisor during a call (invariant 5)."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from interop.conftest import lab_name
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.dns import DOMAIN
from seaway.lab.pair import NODES
from seaway.lab.session import CallReport
from seaway.lab.stage import Stage

_ENGINES = ("xdp-native", "tc", "userspace")


@pytest.fixture
def restarting(request: pytest.FixtureRequest) -> Iterator[Stage]:
    engine, _, variant = request.param.partition(" ")
    with Stage.in_namespaces(lab_name("restart"), variant or "dual", engine=engine) as stage:
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        yield stage
        stage.pair.stop()


def _pid(stage: Stage, node: str, child: str) -> int:
    """Of a child of the node's supervisor, as its ready file says."""
    found: dict[str, int] = json.loads((stage.pair.dir / "run" / node / "ready").read_text())
    return found[child]


def _kill(stage: Stage, node: str, child: str, patience: float = 5.0) -> float:
    """Kill -9; returns the seconds until there is a new one that is ready."""
    pid, killed = _pid(stage, node, child), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while _pid(stage, node, child) == pid:
        assert time.monotonic() - killed < patience, f"{child} of {node} does not come back"
        time.sleep(0.02)
    return time.monotonic() - killed


def _call_with(stage: Stage, what: list[tuple[str, str]]) -> CallReport:
    """A call of some seconds, in which processes are killed one after the other."""
    session = stage.session()
    try:
        session.launch()
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=3.0 + 1.5 * len(what))))
        call.start()
        time.sleep(2.0)
        for node, child in what:
            assert _kill(stage, node, child) < 2.0
            time.sleep(0.5)
        assert stage.pair.wait_zone(5.0), stage.pair.crash_report()
        call.join(30)
        (report,) = reports
        return report
    finally:
        session.close()


def _media_was_whole(report: CallReport, *, gap: float) -> None:
    """Nothing lost on the way, and the second node of each way saw no longer pause than the first, but for `gap` ms."""
    assert report.good, report.problem()
    edge, core = (report.nodes[each]["media"][0] for each in NODES)
    for first, second in ((edge["from_a"], core["from_a"]), (core["from_b"], edge["from_b"])):
        assert second["packets"] > 150 and second["lost"] == 0, (first, second)
        assert second["max_gap_ms"] <= first["max_gap_ms"] + gap, (first, second)


# In the dual-stack lab one phone and the link have IPv6: the worker relays between the families.
@pytest.mark.parametrize("restarting", [*_ENGINES, "userspace dual-stack"], indirect=True)
def test_a_killed_process_does_not_interrupt_the_call(restarting: Stage) -> None:
    engines = {restarting.pair.status(node, "relay")[0]["engine"] for node in NODES}
    assert len(engines) == 1
    report = _call_with(restarting, [(node, child) for node in NODES for child in ("relay", "signal")])
    _media_was_whole(report, gap=20.0)
    for node in NODES:
        assert not restarting.pair.status(node, "calls"), "the BYE found its call"
        (relay,) = restarting.pair.status(node, "relay")
        assert (relay["sessions"], relay["flows"]) == (0, 0), "the successor of the relay ended the session"


@pytest.mark.parametrize("restarting", ["userspace"], indirect=True)
def test_a_killed_worker_is_started_again_and_media_comes_back(restarting: Stage) -> None:
    session = restarting.session()
    try:
        session.launch()
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=5.0)))
        call.start()
        time.sleep(2.0)
        _kill(restarting, "edge1", "worker")
        call.join(30)
        (report,) = reports
        assert report.good, report.problem()
        assert report.nodes["edge1"]["media"][0]["from_a"]["packets"] > 100
        assert report.nodes["core1"]["media"][0]["from_a"]["max_gap_ms"] < 1500
    finally:
        session.close()


@pytest.mark.parametrize("restarting", ["xdp-native"], indirect=True)
def test_media_in_the_kernel_outlives_even_the_supervisor_and_a_new_one_cleans_up(restarting: Stage) -> None:
    session = restarting.session()
    try:
        session.launch()
        assert session.registered("alice") and session.registered("bob")
        near, far = session.phones["alice"], session.phones["bob"]
        mark = near.mark()
        near.dial(f"sip:bob@{DOMAIN}")
        event = near.wait("CALL_ESTABLISHED", "CALL_CLOSED", "GONE", since=mark, patience=8.0)
        assert event is not None and event["type"] == "CALL_ESTABLISHED"
        time.sleep(1.0)
        os.kill(restarting.pair.pid("edge1"), signal.SIGKILL)
        time.sleep(0.5)
        before = far.stats()
        time.sleep(1.5)
        after = far.stats()
        assert before is not None and after is not None
        assert after.received - before.received > 50, "nothing of the edge runs, and media goes on"
        restarting.pair.stop()
        session.close()
        restarting.pair.start()
        assert restarting.pair.wait_zone(10.0), restarting.pair.crash_report()
        (relay,) = restarting.pair.status("edge1", "relay")
        assert (relay["engine"], relay["flows"]) == ("xdp-native", 0)
        again = restarting.session()
        try:
            again.launch()
            assert again.registered("alice") and again.registered("bob")
            report = again.call(ALICE, BOB, talk=3.0)
            assert report.good, report.problem()
        finally:
            again.close()
    finally:
        session.close()
