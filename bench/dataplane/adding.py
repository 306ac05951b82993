"""CPU of one flow added, with 4000 flows: our own process, and the worker where there is one."""

from __future__ import annotations

from figures import Figure, figure
from rig import Later, Rig

from dataplane.ours import ENGINES, Engine
from dataplane.stage import Stage

__all__ = ["NAME", "run"]

NAME = "media-setup"
_REPEATS = 3


def run(rig: Rig) -> Later:
    """Each time in a new process."""
    found: list[Figure] = []
    with Stage(rig.folder / NAME, rig.load_core, rig.subject_core) as stage:
        for name in ENGINES:
            costs = []
            for _ in range(_REPEATS):
                engine = Engine(name, "many")
                try:
                    engine.start(stage)
                    costs.append(engine.cost)
                finally:
                    engine.stop()
            command = f"python bench/run.py --only {NAME}"
            found.append(figure(NAME, engine.label, "us CPU per flow", costs, command))
    return lambda: found
