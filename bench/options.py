"""CPU time of one OPTIONS to the node itself over UDP, answered with 200."""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import Load

__all__ = ["NAME", "run"]

NAME = "options"
_RATE = 2000  # requests per second
_SECONDS = 3


def run(rig: Rig) -> Later:
    subjects = [*rig.both(), rig.kamailio("kamailio"), rig.kamailio("kamailio -x fm")]
    return compare(
        rig, NAME, "OPTIONS", Load("options", _RATE, _RATE), Load("options", _RATE, _RATE * _SECONDS), subjects
    )
