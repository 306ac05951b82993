"""Seaway's engines as RTP relays of the stage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import tree
from sipp import BenchError

from dataplane.flows import FLOWS, Target
from dataplane.network import R_A, relaying
from dataplane.stage import Relay, Stage

__all__ = ["ENGINES", "Engine"]

ENGINES = ("xdp-native", "xdp-generic", "tc", "userspace")
_PROCESS = Path(__file__).resolve().parent / "ours_process.py"
_PORT = 40000


class Engine(Relay):
    """A flow table filled by `ours_process.py`. `shape`: "rtp" or "many"."""

    def __init__(self, engine: str, shape: str) -> None:
        self.label = f"seaway {engine}"
        self._engine, self._shape = engine, shape
        self._process: subprocess.Popen[str] | None = None
        self.cost = 0.0
        """CPU us of one flow added."""

    def start(self, stage: Stage) -> tuple[Target, ...]:
        command = relaying(sys.executable, str(_PROCESS), self._engine, self._shape, str(stage.folder))
        self._process = subprocess.Popen(
            ["taskset", "-c", str(stage.relay_core), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None and self._process.stderr is not None
        words = self._process.stdout.readline().rstrip("\n").split("\t")
        if len(words) < 4 or words[0] != self._engine:
            problem = (self._process.stderr.read() if words == [""] else " ".join(words)).strip().splitlines()
            self.stop()
            raise BenchError(f"{self.label} did not start: {problem[-1] if problem else 'no output'}")
        self.cost = float(words[2])
        stage.network.threads(sink=True)  # an engine may have made the devices' NAPI anew
        return tuple(Target(R_A, _PORT + index) for index in range(FLOWS))

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
