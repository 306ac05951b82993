"""CPU time of one complete call on a trunk: one connection from the caller, one to the callee, over TCP or TLS."""

from __future__ import annotations

from rig import Later, Rig, compare
from sipp import Load

__all__ = ["TCP", "TLS", "tcp", "tls"]

TCP, TLS = "call-tcp", "call-tls"
_RATE = 1000  # calls per second
_SECONDS = 3


def tcp(rig: Rig) -> Later:
    return _run(rig, TCP, "tcp")


def tls(rig: Rig) -> Later:
    return _run(rig, TLS, "tls")


def _run(rig: Rig, name: str, transport: str) -> Later:
    subjects = [*rig.both(transport=transport), rig.kamailio("kamailio -x fm", transport=transport)]
    certificates = rig.certificates if transport == "tls" else None

    def load(seconds: int) -> Load:
        return Load("trunk", _RATE, _RATE * seconds, trunk=transport, certificates=certificates)

    return compare(rig, name, "call", load(1), load(_SECONDS), subjects)
