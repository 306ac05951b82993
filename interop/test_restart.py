"""Media outlives signalling: `kill -9` of the signalling process of either node during a call (design, invariant 5)."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.lab.accounts import ALICE, BOB
from seaway.lab.session import CallReport
from seaway.lab.stage import Stage


@pytest.fixture
def restarting() -> Iterator[Stage]:
    with Stage.in_namespaces("restart", "dual") as stage:
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        yield stage
        stage.pair.stop()


def _signalling_process(stage: Stage, node: str) -> int:
    """The child of the node's supervisor that is not the relay."""
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdecimal():
            continue
        try:
            status = (each / "status").read_text()
            command = (each / "cmdline").read_bytes() + (each / "comm").read_bytes()
        except OSError:
            continue
        if f"\nPPid:\t{stage.pair.pid(node)}\n" in status and b"relay" not in command:
            found.append(int(each.name))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("node", ["edge1", "core1"])
def test_a_killed_signalling_process_does_not_interrupt_the_call(restarting: Stage, node: str) -> None:
    session = restarting.session()
    try:
        session.launch()
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=6.0)))
        call.start()
        time.sleep(2.0)
        os.kill(_signalling_process(restarting, node), signal.SIGKILL)
        killed = time.monotonic()
        time.sleep(0.2)
        assert restarting.pair.wait_zone(5.0), restarting.pair.crash_report()
        back = time.monotonic() - killed
        call.join(20)
        (report,) = reports
        assert report.good, report.problem()
        for each in ("edge1", "core1"):
            for stream in report.nodes[each]["media"]:
                for way in (stream["from_a"], stream["from_b"]):
                    assert way["packets"] > 250, (each, way)
                    assert way["max_gap_ms"] < 200, (each, way)
        assert back < 5.0
        assert all(not restarting.pair.status(each, "calls") for each in ("edge1", "core1")), "the BYE found its call"
    finally:
        session.close()
