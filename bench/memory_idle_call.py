"""Resident memory that one answered call adds to a node in proxy mode, two ways.

`memory-answered-call` is read right after the last answer, with the transactions of all calls alive;
`memory-idle-call` when they are gone and the calls go on. Neither side keeps state of an established call that it only
proxies, so the second is what the allocator still holds. Fresh processes for each run.
"""

from __future__ import annotations

from memory import grow
from rig import Later, Rig
from sipp import Load

__all__ = ["NAME", "run"]

NAME = "memory-idle-call"
_RATE = 1000  # calls per second
_COUNT = 3000


def run(rig: Rig) -> Later:
    callee = rig.callee("callee_stays")
    later = grow(rig, Load("caller_stays", _RATE, _COUNT), "octets per call", quiet=NAME, busy="memory-answered-call")
    rig.stop(callee)
    return later
