"""Relay ports of one family and transport, in an order nobody can guess, each resting a while after its use
(RFC 8656 §7.2, §21.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from seaway.catalog.ports import PortRange

__all__ = ["GUARD_TIME", "RelayPortPool"]

GUARD_TIME = 10.0
"""Seconds before a released port is used again, so that late packets for one client never reach another."""


class RelayPortPool:
    """Takes are constant time; a take of an even port looks through the free ones once at worst."""

    def __init__(self, ports: PortRange, random_octets: Callable[[int], bytes]) -> None:
        order = list(ports)
        _shuffle(order, random_octets)
        self._queue = deque(order)  # may have ports that `_free` no longer has
        self._free = set(order)
        self.size = len(order)
        self._resting: deque[tuple[float, int]] = deque()

    @property
    def resting(self) -> int:
        """Released and, when last looked at, not to be taken yet."""
        return len(self._resting)

    @property
    def free(self) -> int:
        return len(self._free)

    def take(self, now: float) -> int | None:
        """A free port; `None` when there is none."""
        self.wake(now)
        while self._queue:
            port = self._queue.popleft()
            if port in self._free:
                self._free.remove(port)
                return port
        return None

    def take_even(self, now: float, *, with_next: bool) -> int | None:
        """A free even port; with `with_next` the port after it is taken as well (EVEN-PORT with the R bit)."""
        self.wake(now)
        for _ in range(len(self._queue)):
            port = self._queue.popleft()
            if port not in self._free:
                continue
            if port % 2 == 0 and (not with_next or port + 1 in self._free):
                self._free.remove(port)
                if with_next:
                    self._free.remove(port + 1)
                return port
            self._queue.append(port)
        return None

    def release(self, port: int, now: float) -> None:
        self._resting.append((now + GUARD_TIME, port))

    def wake(self, now: float) -> None:
        """Ports that have rested long enough are free again."""
        while self._resting and self._resting[0][0] <= now:
            port = self._resting.popleft()[1]
            if port not in self._free:
                self._free.add(port)
                self._queue.append(port)


def _shuffle(items: list[int], random_octets: Callable[[int], bytes]) -> None:
    octets = random_octets(4 * len(items))
    for index in range(len(items) - 1, 0, -1):
        other = int.from_bytes(octets[4 * index : 4 * index + 4], "big") % (index + 1)
        items[index], items[other] = items[other], items[index]
