"""A /16 of loopback that is this process's alone, so that test runs beside each other do not meet.

It is claimed by an abstract socket, which is of one network namespace as loopback addresses are, and goes with the
process. A process that a test starts is given the claim of the test in `SEAWAY_TEST_NET`.
"""

from __future__ import annotations

import os
import socket

__all__ = ["NET", "claim"]

_FIRST, _COUNT = 64, 128


def claim() -> tuple[str, socket.socket]:
    """`127.N`, and what holds it."""
    begin = os.getpid()
    for step in range(_COUNT):
        net = f"127.{_FIRST + (begin + step) % _COUNT}"
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            held.bind(f"\0seaway-test-net-{net}")
        except OSError:
            held.close()
            continue
        return net, held
    raise RuntimeError(f"all {_COUNT} loopback networks for tests are taken: do {_COUNT} test runs go on here?")


def _own() -> str:
    given = os.environ.get("SEAWAY_TEST_NET")
    if given:
        return given
    net, held = claim()
    _HELD.append(held)
    return net


_HELD: list[socket.socket] = []
NET = _own()
