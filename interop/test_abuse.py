"""Hostile clients: the nodes stay up, memory stays bounded, and the next good call works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interop.conftest import Peers
from seaway.lab.accounts import ALICE, BOB, CAROL
from seaway.lab.session import Session
from seaway.lab.stage import Stage

_SCRIPT = str(Path(__file__).with_name("hostile.py"))
_GROWTH = 60_000  # kB that a node may grow in one test
_IDLE_GROWTH = 250_000  # kB while 10,000 connections stand: 25 kB for each


def _memory(stage: Stage) -> dict[str, int]:
    """Resident memory of both nodes' signal processes in kB."""
    found = {}
    for node in ("core1", "edge1"):
        pid = stage.pair.status(node, "status")[0]["pid"]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                found[f"{node} {pid}"] = int(line.split()[1])
    return found


def _grown(before: dict[str, int], after: dict[str, int]) -> int:
    assert before.keys() == after.keys(), f"a node was restarted: {before.keys()} {after.keys()}"
    return max(after[each] - before[each] for each in before)


def _defects(stage: Stage) -> list[int]:
    return [stage.pair.status(node, "status")[0]["defects"] for node in ("core1", "edge1")]


def _targets(stage: Stage) -> list[tuple[str, str, str]]:
    """Attacking host, target address, port: from the internet, and from inside."""
    assert stage.network is not None
    plan = stage.network.plan
    edge, core = plan.edge_public, plan.host("core1").address
    return [("scanner", edge, "5060"), ("scanner", edge, "5061"), ("peer-in", core, "5060")]


def _good_call(phones: Session) -> None:
    report = phones.call(ALICE, BOB, talk=1.2)
    assert report.good, report.problem()


@pytest.mark.parametrize("kind", ["garbage", "half", "headers", "length"])
def test_bad_messages(stage: Stage, phones: Session, kind: str) -> None:
    assert stage.network is not None
    before, defects = _memory(stage), _defects(stage)
    for host, address, port in _targets(stage):
        stage.network.run(host, [sys.executable, _SCRIPT, kind, address, port])
    _good_call(phones)
    assert _grown(before, _memory(stage)) < _GROWTH
    assert _defects(stage) == defects, "a handler raised; see the node's log"


@pytest.mark.parametrize("kind", ["octets", "pipelined", "noise"])
def test_odd_streams_that_are_right_are_answered(stage: Stage, phones: Session, kind: str) -> None:
    assert stage.network is not None
    defects = _defects(stage)
    for host, address, port in _targets(stage):
        stage.network.run(host, [sys.executable, _SCRIPT, kind, address, port])
    _good_call(phones)
    assert _defects(stage) == defects, "a handler raised; see the node's log"


def test_slow_senders_do_not_stop_others(stage: Stage, phones: Session) -> None:
    assert stage.network is not None
    before = _memory(stage)
    for host, address, port in _targets(stage):
        with _standing(stage, host, ["slow", address, port]):
            _good_call(phones)
    assert _grown(before, _memory(stage)) < _GROWTH


def test_ten_thousand_idle_connections(stage: Stage, phones: Session, peers: Peers) -> None:
    network = stage.network
    assert network is not None
    sources = [f"198.51.100.{number}" for number in range(100, 160)]
    commands = "".join(f"addr add {each}/32 dev eth0\n" for each in sources)
    network.run("scanner", ["ip", "-batch", "-"], commands)
    before = _memory(stage)
    edge = network.plan.edge_public
    with _standing(stage, "scanner", ["idle", edge, "5060", "170", *sources]) as said:
        assert int(said.split()[1]) >= 10_000, said
        _good_call(phones)
        assert _grown(before, _memory(stage)) < _IDLE_GROWTH
    peers.sipp(CAROL, "tcp").call("bob", milliseconds=300)
    _good_call(phones)


class _standing:
    """A hostile client that holds its connections while the block runs; its line is the value."""

    def __init__(self, stage: Stage, host: str, arguments: list[str]) -> None:
        assert stage.network is not None
        self._command = stage.network.command(host, [sys.executable, _SCRIPT, *arguments])

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)
