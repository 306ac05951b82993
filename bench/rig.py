"""What the benchmarks share: cores, a scratch folder, fresh loopback addresses, subjects that still clean up.

A subject keeps finished transactions for a while (RFC 3261 timers: up to 32 s in Seaway, 5 s in Kamailio) and removes
them later. That work belongs to the calls, so a subject is left running after its runs, and its CPU time is read again
when everything is gone. The next benchmark starts meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from certificates import make
from figures import Figure, figure
from processes import Process, cpu_seconds, tree
from sipp import BenchError, Load, Outcome, callee, run_load
from subjects import DOMAIN, Kamailio, Seaway, Subject

from seaway.compiled import FOLDER, MANIFEST

__all__ = ["CLEAN", "KAMAILIO_FLAGS", "Later", "Rig", "compare"]

KAMAILIO_FLAGS = {
    "kamailio": ("-m", "1024", "-M", "16"),
    "kamailio -x fm": ("-x", "fm", "-X", "fm", "-m", "1024", "-M", "16"),
}
_ROUNDS = 3
_ATTEMPTS = 3
CLEAN = 34.0  # seconds until no transaction is left
_IDLE = 1.0  # seconds over which an unloaded subject is watched

Later = Callable[[], list[Figure]]
"""The second half of a benchmark: waits until its subjects have cleaned up, and gives the figures."""


@dataclass(slots=True)
class Rig:
    """The machine's two halves and the things to put away. `close` puts them away."""

    folder: Path
    subject_core: int = 0
    load_core: int = 0
    discarded: int = 0  # runs that did not count
    _count: int = 0
    _open: list[Subject | Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.load_core, self.subject_core = cores[0], cores[-1]
        if len(cores) < 2:
            raise BenchError("needs two cores: one for the load, one for what is measured")

    def place(self) -> tuple[str, Path]:
        """A loopback address and a folder that nothing else uses."""
        self._count += 1
        return f"127.0.10.{self._count}", self.folder / f"subject{self._count}"

    def seaway(
        self, users: Sequence[str] = (), *, transport: str = "udp", plain: bool = False, b2bua: bool = False
    ) -> Subject:
        certificates = self.certificates if transport == "tls" else None
        made = Seaway(
            *self.place(), users, transport=transport, plain=plain, b2bua=b2bua, certificates=certificates
        )  # fmt: skip
        return self._started(made)

    def both(self, users: Sequence[str] = (), *, transport: str = "udp") -> list[Subject]:
        """Seaway with compiled modules and without. Raises `BenchError` when there are none."""
        if not (FOLDER / MANIFEST).is_file():
            raise BenchError("no module is compiled here: make setup says why")
        return [self.seaway(users, transport=transport), self.seaway(users, transport=transport, plain=True)]

    def kamailio(self, label: str, *, force_memory: bool = True, transport: str = "udp") -> Subject:
        certificates = self.certificates if transport == "tls" else None
        made = Kamailio(
            *self.place(), label, KAMAILIO_FLAGS[label], force_memory=force_memory, transport=transport,
            certificates=certificates,
        )  # fmt: skip
        return self._started(made)

    @property
    def certificates(self) -> Path:
        """The folder with those of this run."""
        folder = self.folder / "certificates"
        if not folder.exists():
            make(folder, {name: f"{name}.{DOMAIN}" for name in ("core1", "caller", "callee")})
        return folder

    def callee(self, scenario: str) -> Process:
        process = callee(scenario, self.load_core, self.folder)
        self._open.append(process)
        return process

    def load(self, load: Load, subject: Subject) -> Outcome:
        """One run in which no call failed; one that another program on the machine disturbed is repeated.

        Raises `BenchError` when calls fail each time: the figure would not count.
        """
        for _ in range(_ATTEMPTS):
            outcome = run_load(load, subject.address, subject.pid, self.load_core, self.folder)
            self.discarded += outcome.failed > 0
            if outcome.successful == load.count and not outcome.failed:
                return outcome
        raise BenchError(
            f"{load.scenario} against {subject.label}: {outcome.failed} failed and {outcome.successful} successful "
            f"of {load.count}, {_ATTEMPTS} times in turn; the run does not count"
        )

    def stop(self, what: Subject | Process) -> None:
        what.stop()
        self._open.remove(what)

    def close(self) -> None:
        while self._open:
            self._open.pop().stop()

    def _started(self, subject: Subject) -> Subject:
        self._open.append(subject)
        subject.start(self.subject_core)
        return subject


@dataclass(slots=True)
class _Watched:
    """The CPU time of one subject from its start on, in seconds."""

    subject: Subject
    pids: list[int]
    idle: float  # CPU seconds per second without load
    since: float
    used_since: float
    runs: list[float] = field(default_factory=list)  # CPU seconds per unit, without the warm-up
    loaded: float = 0.0  # seconds under load
    used: float = 0.0  # CPU seconds under load
    units: int = 0
    last: float = 0.0


def compare(rig: Rig, bench: str, unit: str, warm_up: Load, load: Load, subjects: Sequence[Subject]) -> Later:
    """Alternating runs of `load` against each subject. `unit` is what one successful sipp call is."""
    watched = []
    time.sleep(0.5)
    for subject in subjects:
        pids = tree(subject.pid)
        before, begin = cpu_seconds(pids), time.monotonic()
        time.sleep(_IDLE)
        now, used = time.monotonic(), cpu_seconds(pids)
        watched.append(_Watched(subject, pids, (used - before) / (now - begin), now, used))
    for number in range(_ROUNDS + 1):
        for each in watched:
            begin = time.monotonic()
            outcome = rig.load(load if number else warm_up, each.subject)
            each.last = time.monotonic()
            each.loaded += each.last - begin
            each.used += outcome.cpu
            each.units += outcome.successful
            if number:
                each.runs.append(outcome.cpu / outcome.successful)
    command = f"python bench/run.py --only {bench}"

    def later() -> list[Figure]:
        figures = []
        for each in watched:
            time.sleep(max(0.0, each.last + CLEAN - time.monotonic()))
            total = cpu_seconds(each.pids) - each.used_since
            quiet = time.monotonic() - each.since - each.loaded
            after = max(0.0, total - each.used - quiet * each.idle) / each.units
            runs = [(run + after) * 1e6 for run in each.runs]
            figures.append(figure(bench, each.subject.label, f"us CPU per {unit}", runs, command))
            rig.stop(each.subject)
        return figures

    return later
