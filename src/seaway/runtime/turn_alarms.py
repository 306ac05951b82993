"""Alarms of the TURN process: it is full, its relay ports are, or a user or source wants more than its share."""

from __future__ import annotations

import time

from seaway.core.turn.io import AllocationRefused
from seaway.core.turn.server import TurnServer
from seaway.observe.alarms import ALLOCATIONS, RELAY_PORTS, TURN_SHARE
from seaway.runtime.alarm_watch import AlarmWatch
from seaway.runtime.alarms import AlarmBook

__all__ = ["TurnAlarms"]


class TurnAlarms:
    """`limit`: allocations that the server may have."""

    def __init__(self, book: AlarmBook | None, core: TurnServer, limit: int) -> None:
        self._core = core
        self._limit = limit
        self._full = AlarmWatch(book, ALLOCATIONS, lambda: core.allocations < limit)
        self._no_ports = AlarmWatch(book, RELAY_PORTS, lambda: not self._empty())
        self._share = AlarmWatch(book, TURN_SHARE, lambda: True)

    def refused(self, event: AllocationRefused) -> None:
        """An authenticated client was refused an allocation."""
        if event.code == 486:
            who = f"user {event.user} at {event.client.remote[0]}"
            self._share.report(f"{who}: the user, or the source, has all allocations it may have")
        elif event.code in (300, 508):
            if self._core.allocations >= self._limit:
                self._full.report(f"all {self._limit} allocations of [turn] allocations are in use")
            elif empty := self._empty():
                self._no_ports.report(f"no relay port is free ({', '.join(empty)})")

    def stop(self) -> None:
        for watch in (self._full, self._no_ports, self._share):
            watch.stop()

    def _empty(self) -> list[str]:
        pools = self._core.pools(time.monotonic())
        return [f"IPv{family} {transport}" for (family, transport), pool in pools.items() if not pool.free]
