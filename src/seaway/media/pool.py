"""Even/odd port pairs out of the configured media range (RTP even, RTCP the next odd port)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from seaway.catalog.ports import PortRange

__all__ = ["GUARD_TIME", "PortPool", "PortsExhausted"]

GUARD_TIME = 10.0
"""Seconds before a released pair is used again, so that late packets of one call never reach another."""


class PortsExhausted(Exception):
    """No pair is free. `quarantined` pairs come back within the guard time."""

    def __init__(self, ports: PortRange, used: int, quarantined: int) -> None:
        super().__init__(
            f"media ports {ports}: all pairs taken ({used} in use, {quarantined} released less than "
            f"{GUARD_TIME:g} s ago); widen the media range or lower the number of calls"
        )
        self.ports = ports
        self.used = used
        self.quarantined = quarantined


class PortPool:
    """Pairs are given out least recently used first; `take` and `release` take constant time.

    `reserved`: ports in the range that belong to others (an edge's demultiplexing ports). `shuffle`: puts the first
    order of the pairs out of sequence in place, so that a port does not tell the number of calls.
    """

    def __init__(
        self,
        ports: PortRange,
        *,
        reserved: Iterable[int] = (),
        guard: float = GUARD_TIME,
        shuffle: Callable[[list[int]], None] | None = None,
    ) -> None:
        taken = frozenset(reserved)
        first = ports.low + ports.low % 2
        pairs = [port for port in range(first, ports.high, 2) if port not in taken and port + 1 not in taken]
        if shuffle is not None:
            shuffle(pairs)
        self.ports = ports
        self.size = len(pairs)
        self._guard = guard
        self._free = deque(pairs)
        self._used: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()  # (free again at, even port), in order of time

    @property
    def used(self) -> int:
        return len(self._used)

    def resting(self, now: float) -> int:
        """Pairs that were released and cannot be taken yet."""
        self._wake(now)
        return len(self._resting)

    def take(self, now: float) -> int:
        """The even port of a free pair. Raises `PortsExhausted` at once when there is none."""
        self._wake(now)
        if not self._free:
            raise PortsExhausted(self.ports, len(self._used), len(self._resting))
        port = self._free.popleft()
        self._used.add(port)
        return port

    def claim(self, port: int) -> None:
        """Take a certain pair, which an earlier process of ours had. Raises `ValueError` when it is not free."""
        self._free.remove(port)
        self._used.add(port)

    def release(self, port: int, now: float) -> None:
        """Give a pair back by its even port. Raises `KeyError` when it was not taken."""
        self._used.remove(port)
        self._resting.append((now + self._guard, port))

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
