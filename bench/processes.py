"""Processes of a benchmark: started pinned to one core, measured through /proc, stopped by id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "cpu_seconds", "resident", "start", "tree", "wait_for"]

_STOP_IN = 3.0  # seconds for a process to end by itself


@dataclass(slots=True)
class Process:
    """A started process; its output is in `output`."""

    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def stop(self) -> None:
        """End it and all that descends from it."""
        family = tree(self.pid)
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(_STOP_IN)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid in family[1:]:
            if _parent_of(pid) is not None:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def tail(self) -> str:
        """The end of its output, for an error message."""
        text = self.output.read_text(encoding="utf-8", errors="replace").strip()
        return " | ".join(text.splitlines()[-4:]) or "no output"


def start(
    arguments: Sequence[str], *, core: int, output: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start `arguments` on one core. Its output goes to the file `output`."""
    command = ["taskset", "-c", str(core), *arguments]
    with output.open("ab") as stream:
        popen = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, cwd=output.parent,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    return Process(popen, output)


def tree(pid: int) -> list[int]:
    """`pid` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            parent = _parent_of(int(entry))
            if parent is not None:
                children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for each in found:  # grows while we walk
        found.extend(children.get(each, ()))
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time, user and system, that the processes have used.

    /proc/PID/stat counts in hundredths of a second; the scheduler's own count of the same time (schedstat, nanoseconds,
    one file for each thread) is exact, so it is used where the kernel has it.
    """
    total = 0.0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
            total += sum(int(_read(f"/proc/{pid}/task/{each}/schedstat").split()[0]) for each in threads) / 1e9
        except FileNotFoundError:
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def resident(pids: Sequence[int]) -> int:
    """Resident memory in octets; pages that several processes share are counted once (PSS)."""
    total = 0
    for pid in pids:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll `condition()` until it is true or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as stream:
        return stream.read()


def _parent_of(pid: int) -> int | None:
    try:
        return int(_read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
