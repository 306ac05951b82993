"""Named counters of one process: `counters.add("sip.udp.received")`.

Names are written in the code, never taken from the wire, so their number is bounded; a bound is kept all the same.
"""

from __future__ import annotations

__all__ = ["Counters"]

_LIMIT = 1000


class Counters:
    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def add(self, name: str, amount: int = 1) -> None:
        values = self._values
        if name in values:
            values[name] += amount
        elif len(values) < _LIMIT:
            values[name] = amount
        else:
            values["counters.refused"] = values.get("counters.refused", 0) + 1

    def get(self, name: str) -> int:
        return self._values.get(name, 0)

    def snapshot(self) -> dict[str, int]:
        return dict(sorted(self._values.items()))
