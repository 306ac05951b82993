"""Alarms for traversal and neighbour zones that are not active: looked at each second, in the running event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from seaway.observe.alarms import ZONE_DOWN
from seaway.runtime.alarms import AlarmBook

__all__ = ["ZoneAlarms"]

_INTERVAL = 1.0
GRACE = 5.0
"""Seconds a zone may take to come up, or to come back, before there is an alarm."""


class ZoneAlarms:
    """`zones` gives the rows of `seaway status zones`."""

    def __init__(self, book: AlarmBook, zones: Callable[[], list[dict[str, object]]]) -> None:
        self._book = book
        self._zones = zones
        self._down: dict[str, float] = {}  # since when
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._again)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def look(self, now: float) -> None:
        """`now`: monotonic seconds."""
        for row in self._zones():
            name = str(row["name"])
            kind, state = str(row["kind"]), row["state"]
            if not kind.startswith("traversal") and (kind != "neighbour" or state == "configured"):
                continue
            if state == "active":
                self._down.pop(name, None)
                self._book.ease(ZONE_DOWN, subject=name)
            elif now - self._down.setdefault(name, now) >= GRACE or self._book.is_raised(ZONE_DOWN, name):
                cause = f"{kind.partition('-')[0]} zone {name} is {state}: {row['reason']}"
                self._book.report(ZONE_DOWN, cause, subject=name, again=False)
        self._book.tick()

    def _again(self) -> None:
        self.start()
        self.look(time.monotonic())
