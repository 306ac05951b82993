"""How many log lines strangers may cause: a bound per second, so that a flood of nonsense fills no disk."""

from __future__ import annotations

from collections import Counter

__all__ = ["Noise"]

_PER_SECOND = 10  # lines


class Noise:
    """Counts lines; what is left out is counted as `log.suppressed`."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._since = float("-inf")
        self._lines = 0

    def allows(self, now: float) -> bool:
        """Whether one more line may be written at `now` (monotonic seconds)."""
        if now - self._since >= 1.0:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= _PER_SECOND:
            return True
        self._counters["log.suppressed"] += 1
        return False
