"""SIP timer values and the queue that holds them (RFC 3261 table 4, RFC 6026).

SIP uses few distinct delays, so each delay has a first-in first-out queue: starting a timer appends to its end, and
the earliest deadline is at one of the heads. Nothing is cancelled: what fires late looks at its state and does nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["T1", "T2", "T4", "TIMEOUT", "TIMER_C", "TimerQueues"]

T1 = 0.5  # round-trip estimate
T2 = 4.0  # longest interval between retransmissions of non-INVITE requests and INVITE responses
T4 = 5.0  # how long a message stays in the network
TIMEOUT = 64 * T1  # timers B, D, F, H, J, L, M
TIMER_C = 180.0  # proxy: INVITE without a final response (RFC 3261 §16.6 step 11)


class TimerQueues:
    """Timers with few distinct delays. `now` must never go back."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, Any]]] = {}

    def start(self, delay: float, now: float, item: Any) -> None:
        """Let `item` fire `delay` seconds after `now`."""
        queue = self._queues.get(delay)
        if queue is None:
            queue = self._queues[delay] = deque()
        queue.append((now + delay, item))

    def next_deadline(self) -> float | None:
        """The earliest time at which something fires, or `None`."""
        deadline: float | None = None
        for queue in self._queues.values():
            if queue and (deadline is None or queue[0][0] < deadline):
                deadline = queue[0][0]
        return deadline

    def pop_due(self, now: float) -> list[Any]:
        """Remove and return what is due, per delay in the order in which it was started."""
        due: list[Any] = []
        for queue in self._queues.values():
            while queue and queue[0][0] <= now:
                due.append(queue.popleft()[1])
        return due

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())
