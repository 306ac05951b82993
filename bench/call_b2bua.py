"""CPU time of one complete call over UDP through the B2BUA, beside the same call through the proxy of the same node."""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import Load

__all__ = ["NAME", "run"]

NAME = "call-b2bua"
_RATE = 500  # calls per second
_SECONDS = 4


def run(rig: Rig) -> Later:
    subjects = [rig.seaway(b2bua=True), rig.seaway()]
    callee = rig.callee("callee")
    later = compare(rig, NAME, "call", Load("caller", _RATE, _RATE), Load("caller", _RATE, _RATE * _SECONDS), subjects)
    rig.stop(callee)
    return later
