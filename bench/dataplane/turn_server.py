"""Seaway's TURN process with one of its engines, as a relay of the stage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import tree
from sipp import BenchError

from dataplane.flows import Target
from dataplane.network import relaying
from dataplane.peers import turn_channels
from dataplane.stage import Relay, Stage

__all__ = ["TurnServer"]

_PROCESS = Path(__file__).resolve().parent / "turn_process.py"


class TurnServer(Relay):
    """Channels become flows of `engine`; with "python" the process relays them itself."""

    def __init__(self, engine: str) -> None:
        self.label = f"seaway {engine}"
        self._engine = engine
        self._process: subprocess.Popen[str] | None = None

    def run(self, stage: Stage) -> None:
        """Without allocations."""
        output = stage.folder / "turn.output"
        command = relaying(sys.executable, str(_PROCESS), self._engine, str(stage.folder / f"turn-{self._engine}"))
        with output.open("w") as errors:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(stage.relay_core), *command], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.stop()
            problem = output.read_text(encoding="utf-8").strip().splitlines()
            raise BenchError(f"{self.label} did not start: {problem[-1] if problem else 'no output'}")
        stage.network.threads(sink=True)  # an engine may have made the devices' NAPI anew

    def start(self, stage: Stage) -> tuple[Target, ...]:
        self.run(stage)
        return turn_channels(stage)

    def pids(self) -> list[int]:
        return tree(self._process.pid) if self._process is not None else []

    def stop(self) -> None:
        if self._process is None:
            return
        children = self.pids()[1:]
        self._process.terminate()
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None
        for each in children:
            subprocess.run(["kill", "-9", str(each)], capture_output=True, check=False)
