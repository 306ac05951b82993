"""Deadlines of the TURN core in one heap. A timer is not taken out when it is no longer needed: its action looks."""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["Timers"]


class Timers:
    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0

    def at(self, deadline: float, action: Callable[[float], None]) -> None:
        """`action(now)` once, at `deadline` or later."""
        self._count += 1
        heapq.heappush(self._heap, (deadline, self._count, action))

    def due(self, now: float) -> bool:
        return bool(self._heap) and self._heap[0][0] <= now

    def run(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            heapq.heappop(heap)[2](now)

    def next_deadline(self) -> float | None:
        return self._heap[0][0] if self._heap else None
