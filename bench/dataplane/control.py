"""CPU of a TURN transaction and memory of an allocation, beside coturn: 1000 clients, each server started 3 times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from figures import Figure, figure
from processes import cpu_seconds, resident
from rig import Later, Rig
from sipp import BenchError

from dataplane.flows import FLOWS
from dataplane.network import A, inside
from dataplane.peers import Coturn
from dataplane.stage import Stage
from dataplane.turn_server import TurnServer

__all__ = ["NAME", "run"]

NAME = "turn-control"
_REPEATS = 3
_PHASES = ("challenge", "allocate", "permission", "refresh", "channel", "delete")
_CASES = {  # what is shown, and the phases that it is made of
    "Allocate": ("challenge", "allocate"),
    "CreatePermission": ("permission",),
    "Refresh": ("refresh",),
    "ChannelBind": ("channel",),
    "Refresh with lifetime 0": ("delete",),
}
_MEMORY = "memory"
_LOAD = Path(__file__).resolve().parent / "turn_load.py"


def run(rig: Rig) -> Later:
    """The engine matters for what is done for each relay port and channel."""
    found: list[Figure] = []
    with Stage(rig.folder / NAME, rig.load_core, rig.subject_core) as stage:
        for server in (Coturn(), TurnServer("xdp-native"), TurnServer("userspace"), TurnServer("python")):
            found += _figures(server.label, [_once(stage, server) for _ in range(_REPEATS)])
    return lambda: found


def _figures(label: str, runs: Sequence[dict[str, float]]) -> list[Figure]:
    command = f"python bench/run.py --only {NAME}"
    found = []
    for case, phases in _CASES.items():
        costs = [sum(each[phase] for phase in phases) / FLOWS * 1e6 for each in runs]
        made = figure(NAME, label, "us CPU", costs, command, case=f"{case}, us CPU")
        found.append(figure(NAME, label, "us CPU", costs, command, case=made.case, note=f"{1e6 / made.value:,.0f}"))
    sizes = [each[_MEMORY] / FLOWS for each in runs]
    return [*found, figure(NAME, label, "octets", sizes, command, case="memory of an allocation, octets")]


def _once(stage: Stage, server: Coturn | TurnServer) -> dict[str, float]:
    """CPU seconds of each phase, and the growth of memory."""
    try:
        server.run(stage)
        load = subprocess.Popen(
            ["taskset", "-c", str(stage.generator_core), *inside(A, sys.executable, str(_LOAD), str(FLOWS), *_PHASES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            return _phases(stage, server, load)
        finally:
            load.kill()
            load.communicate()
    finally:
        server.stop()


def _phases(stage: Stage, server: Coturn | TurnServer, load: subprocess.Popen[str]) -> dict[str, float]:
    assert load.stdin is not None and load.stdout is not None and load.stderr is not None
    found: dict[str, float] = {}
    counted = [*stage.network.relay_threads(), *server.pids()]
    empty = resident(server.pids())
    for phase in _PHASES:
        load.stdout.readline()  # its requests are prepared
        before = cpu_seconds(counted)
        load.stdin.write("\n")
        load.stdin.flush()
        if not load.stdout.readline().startswith(phase):
            raise BenchError(f"{server.label}: {load.stderr.read().strip() or phase + ' failed'}")
        found[phase] = cpu_seconds(counted) - before
        if phase == "permission":
            found[_MEMORY] = resident(server.pids()) - empty
    return found
