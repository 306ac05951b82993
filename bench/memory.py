"""Growth of resident memory under a load, in fresh processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from figures import Figure, figure
from processes import resident, tree
from rig import CLEAN, Later, Rig
from sipp import Load
from subjects import Subject

__all__ = ["grow"]

_RUNS = 3


def grow(rig: Rig, load: Load, unit: str, *, quiet: str, busy: str | None = None) -> Later:
    """One load on each of several fresh subjects. `busy` names the figure read right after the load, `quiet` the one
    read when transactions are gone."""
    makers: list[Callable[[], Subject]] = [
        rig.seaway, lambda: rig.kamailio("kamailio", force_memory=False),
        lambda: rig.kamailio("kamailio -x fm", force_memory=False),
    ]  # fmt: skip
    started: list[tuple[Subject, int, int]] = []  # subject, octets before, octets right after
    last = 0.0
    for make in makers:
        for _ in range(_RUNS):
            subject = make()
            time.sleep(0.3)
            before = resident(tree(subject.pid))
            rig.load(load, subject)
            started.append((subject, before, resident(tree(subject.pid))))
            last = time.monotonic()
    command = f"python bench/run.py --only {quiet}"

    def later() -> list[Figure]:
        time.sleep(max(0.0, last + CLEAN - time.monotonic()))
        grown: dict[str, list[float]] = {}
        at_once: dict[str, list[float]] = {}
        for subject, before, after in started:
            at_once.setdefault(subject.label, []).append((after - before) / load.count)
            grown.setdefault(subject.label, []).append((resident(tree(subject.pid)) - before) / load.count)
            rig.stop(subject)
        figures = [figure(quiet, label, unit, runs, command) for label, runs in grown.items()]
        if busy is not None:
            figures += [figure(busy, label, unit, runs, command) for label, runs in at_once.items()]
        return figures

    return later
