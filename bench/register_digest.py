"""CPU time of one registration with digest over UDP: REGISTER, 401, REGISTER with credentials, 200.

Each registration answers a new challenge with MD5. Passwords are in memory on both sides.
Seaway offers SHA-256 as well, and so makes two challenges.
"""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import UNTRUSTED, Load
from users import names

__all__ = ["NAME", "run"]

NAME = "register-digest"
_RATE = 1000  # registrations per second
_SECONDS = 4
_USERS = 1000


def run(rig: Rig) -> Later:
    subjects = [*rig.both(names(_USERS)), rig.kamailio("kamailio"), rig.kamailio("kamailio -x fm")]
    loads = [Load("register-digest", _RATE, count, UNTRUSTED, digest=_USERS) for count in (_RATE, _RATE * _SECONDS)]
    return compare(rig, NAME, "registration", loads[0], loads[1], subjects)
