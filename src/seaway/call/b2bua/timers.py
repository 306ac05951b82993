"""Timers of the B2BUA: few for each call, and most of them are stopped before they fire."""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["Timer", "Timers"]

Action = Callable[[float], None]


class Timer:
    """A running timer. `stop` makes it void; it leaves the heap when its time comes, or when too many are void."""

    __slots__ = ("_timers", "action")

    def __init__(self, action: Action, timers: Timers) -> None:
        self.action: Action | None = action
        self._timers = timers

    def stop(self) -> None:
        if self.action is not None:
            self.action = None
            self._timers.stopped()


class Timers:
    """A heap of (deadline, number, timer)."""

    __slots__ = ("_heap", "_number", "_void")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = 0
        self._void = 0

    def start(self, delay: float, now: float, action: Action) -> Timer:
        """Call `action(now)` when `delay` seconds are over."""
        timer = Timer(action, self)
        self._number += 1
        heapq.heappush(self._heap, (now + delay, self._number, timer))
        return timer

    def stopped(self) -> None:
        """One more entry is void; when most are, the heap is made anew."""
        self._void += 1
        if self._void > 64 and 2 * self._void > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._void = 0

    def next_deadline(self) -> float | None:
        """Monotonic seconds, or `None`."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
            self._void -= 1
        return heap[0][0] if heap else None

    def fire(self, now: float) -> None:
        """Run what is due."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            assert action is not None
            action(now)

    def __len__(self) -> int:
        return len(self._heap)
