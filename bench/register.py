"""CPU time of one REGISTER over UDP that refreshes a binding, from a trusted source: no challenge.

The users register once each in the warm-up; the measured runs come from the same contacts.
"""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import Load
from users import user_file

__all__ = ["NAME", "run"]

NAME = "register"
_RATE = 2000  # requests per second
_SECONDS = 3
_USERS = 1000


def run(rig: Rig) -> Later:
    subjects = [*rig.both(), rig.kamailio("kamailio"), rig.kamailio("kamailio -x fm")]
    users = user_file(rig.folder, _USERS)
    return compare(
        rig, NAME, "REGISTER",
        Load("register", _RATE, _RATE, users=users), Load("register", _RATE, _RATE * _SECONDS, users=users), subjects,
    )  # fmt: skip
