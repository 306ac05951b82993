"""SIP timer values and the queue that holds them (RFC 3261 table 4, RFC 6026).

SIP uses few distinct delays, so each delay has a first-in first-out queue: starting a timer appends to its end, and
the earliest deadline is at one of the heads. Nothing is cancelled: what fires late looks at its state and does nothing.
The earliest deadline is kept, since it is asked for after each burst of messages.
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

    __slots__ = ("_next", "_queues")

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, Any]]] = {}
        self._next: float | None = None

    def start(self, delay: float, now: float, item: Any) -> None:
        """Let `item` fire `delay` seconds after `now`."""
        queue = self._queues.get(delay)
        if queue is None:
            queue = self._queues[delay] = deque()
        deadline = now + delay
        queue.append((deadline, item))
        if self._next is None or deadline < self._next:
            self._next = deadline

    def next_deadline(self) -> float | None:
        """The earliest time at which something fires, or `None`."""
        return self._next

    def pop_due(self, now: float) -> list[Any]:
        """Remove and return what is due, per delay in the order in which it was started."""
        due: list[Any] = []
        earliest: float | None = None
        for queue in self._queues.values():
            while queue and queue[0][0] <= now:
                due.append(queue.popleft()[1])
            if queue and (earliest is None or queue[0][0] < earliest):
                earliest = queue[0][0]
        self._next = earliest
        return due

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())
