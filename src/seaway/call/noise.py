"""How many log lines strangers may cause: a bound per second, so that a flood of nonsense fills no disk."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Noise"]

_PER_SECOND = 10  # lines


class Noise:
    """Counts lines; `suppressed` is called for each that is left out."""

    def __init__(self, suppressed: Callable[[], object]) -> None:
        self._suppressed = suppressed
        self._since = float("-inf")
        self._lines = 0

    def allows(self, now: float) -> bool:
        """Whether one more line may be written at `now` (monotonic seconds)."""
        if now - self._since >= 1.0:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= _PER_SECOND:
            return True
        self._suppressed()
        return False
