"""Goodput under overload: complete calls through one node at once, twice and five times what it can do.

The load (`calls.c`) is open: it goes on calling, and retransmitting, whatever becomes of the calls before. A call is
INVITE, 200, ACK, half a second, BYE, 200; goodput is calls completed per second. The peak is the best of some rates.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from figures import Figure, figure
from processes import start
from rig import Later, Rig
from sipp import CALLEE, TRUSTED, BenchError

__all__ = ["NAME", "TEXT", "TITLE", "run", "table"]

NAME = "overload"
TITLE = "Overload"
TEXT = (
    "Calls over UDP (INVITE, 200, ACK, half a second, BYE, 200) through one node in proxy mode, offered at a multiple "
    "of the peak whatever becomes of them; callers retransmit. Goodput: calls completed per second, from the third "
    "second on. `in dialogs`: answered calls whose BYE was answered. `back`: the same after the load has fallen to "
    "half the peak, from the fifth second on."
)
_COMMAND = f"python bench/run.py --only {NAME}"
_TIMES = (1, 2, 5)
_FIRST = 3000.0  # calls per second that surely can be done
_SETTLE, _SECONDS = 2, 6
_COUNTED = ("offered", "completed", "refused", "answered", "inside_failed", "unanswered", "sent")


@dataclass(frozen=True, slots=True)
class _Phase:
    """What one phase of the load came to; numbers of calls, `sent` of datagrams."""

    seconds: float
    offered: int
    completed: int
    refused: int
    answered: int
    inside_failed: int
    unanswered: int
    sent: int

    @property
    def goodput(self) -> float:
        return self.completed / self.seconds


def run(rig: Rig) -> Later:
    """Find the peak, then overload a fresh node with each multiple of it."""
    program = rig.folder / "calls"
    source = __file__.replace("overload.py", "calls.c")
    built = subprocess.run(["gcc", "-O2", "-o", str(program), source], capture_output=True, text=True, check=False)
    if built.returncode:
        raise BenchError(f"calls.c does not compile: {built.stderr.splitlines()[0]}")
    subject = rig.seaway()
    peak, rate, failures = 0.0, _FIRST, 0
    while failures < 3:  # rates of which a tenth is not done, in turn
        found = _load(rig, subject.address, [f"open:{rate:.0f}:1", f"open:{rate:.0f}:2"])[1]
        peak = max(peak, found.goodput)
        failures = failures + 1 if found.goodput < 0.9 * rate else 0
        rate *= 1.15
        rig.stop(subject)  # transactions stay for half a minute: each load meets a fresh node
        subject = rig.seaway()
    figures = [figure(NAME, "peak", "calls/s", [peak], _COMMAND)]
    for times in _TIMES:
        rig.stop(subject)
        subject = rig.seaway()
        rate = times * peak
        phases = [f"open:{rate:.0f}:{_SETTLE}", f"open:{rate:.0f}:{_SECONDS}"]
        if times == _TIMES[-1]:
            phases += [f"open:{peak / 2:.0f}:5", f"open:{peak / 2:.0f}:2"]
        found_phases = _load(rig, subject.address, phases)
        loaded = found_phases[1]
        label = f"{times} x"
        figures.append(figure(NAME, label, "calls/s", [loaded.goodput], _COMMAND, case=_case(loaded, peak)))
        if times == _TIMES[-1]:
            back = found_phases[3]
            figures.append(figure(NAME, "back", "calls/s", [back.goodput], _COMMAND, case=_case(back, peak)))
    rig.stop(subject)
    return lambda: figures


def _case(phase: _Phase, peak: float) -> str:
    inside = phase.completed + phase.inside_failed
    share = 100 * phase.completed / inside if inside else 0.0
    return (
        f"{phase.offered / phase.seconds:.0f}|{100 * phase.goodput / peak:.0f} %|{share:.2f} %|"
        f"{phase.refused / phase.seconds:.0f}"
    )


def _load(rig: Rig, target: tuple[str, int], phases: Sequence[str]) -> list[_Phase]:
    output = rig.folder / "calls.out"
    output.unlink(missing_ok=True)
    command = [str(rig.folder / "calls"), target[0], str(target[1]), TRUSTED, CALLEE[0], *phases]
    process = start(command, core=rig.load_core, output=output)
    seconds = [float(each.split(":")[2]) for each in phases]
    try:
        status = process.popen.wait(sum(seconds) + 20)
    finally:
        process.stop()
    rows = [line.split() for line in output.read_text(encoding="ascii").splitlines()]
    if status or len(rows) != len(phases):
        raise BenchError(f"the load of {NAME} ended with status {status}: {process.tail()}")
    return [_Phase(length, *map(int, row)) for length, row in zip(seconds, rows, strict=True)]


def table(rows: Sequence[Figure]) -> list[str]:
    """The lines of the page."""
    lines = [
        "| load | offered calls/s | goodput calls/s | of the peak | in dialogs | refused/s |",
        "|---|---|---|---|---|---|",
    ]
    for each in rows:
        offered, share, inside, refused = each.case.split("|") if each.case else ("", "100 %", "", "")
        lines.append(f"| {each.subject} | {offered} | {each.value:.0f} | {share} | {inside} | {refused} |")
    return lines
