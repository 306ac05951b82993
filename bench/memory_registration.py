"""Resident memory that one registration adds: 10,000 users register once each, over UDP, without a challenge.

Read when the transactions of the registrations are gone; what the allocator then still holds counts. Fresh processes
for each run.
"""

from __future__ import annotations

from memory import grow
from rig import Later, Rig
from sipp import Load
from users import user_file

__all__ = ["NAME", "run"]

NAME = "memory-registration"
_RATE = 2500  # requests per second
_COUNT = 10_000


def run(rig: Rig) -> Later:
    load = Load("register", _RATE, _COUNT, users=user_file(rig.folder, _COUNT))
    return grow(rig, load, "octets per registration", quiet=NAME)
