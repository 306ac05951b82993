"""CPU time of one complete call through one node in proxy mode over UDP: INVITE, 100, 180, 200, ACK, BYE, 200.

Both sides are stateful and stay in the path of the dialog (Record-Route); nobody anchors media.
"""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import Load

__all__ = ["NAME", "RATE", "run"]

NAME = "call-udp"
RATE = 1000  # calls per second
_SECONDS = 5


def run(rig: Rig) -> Later:
    """Seaway beside Kamailio as packaged and Kamailio with its fast allocator."""
    subjects = [*rig.both(), rig.kamailio("kamailio"), rig.kamailio("kamailio -x fm")]
    callee = rig.callee("callee")
    later = compare(
        rig, NAME, "call", Load("caller", RATE, RATE), Load("caller", RATE, RATE * _SECONDS), subjects
    )  # fmt: skip
    rig.stop(callee)
    return later
