"""Port expressions of the catalog: what a row says about ports, and the concrete port sets they become.

A row never holds a bare number without its meaning: `7001` may be fixed, or the default of a setting. This file has
the grammar (`parse`), the expression types, and `PortSet`, the concrete result of resolving an expression against a
deployment. Settings themselves live in `deployment.py`; resolving lives in `resolve.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ANY_PORT", "MAX_PORT", "PortRange", "PortSet"]

MAX_PORT = 65535


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """Ports `low` to `high`, both included; `step` 1 is every port, 2 keeps the parity of `low`."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high <= MAX_PORT or self.step not in (1, 2):
            raise ValueError(f"no port range: {self.low}-{self.high}/{self.step}")

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high and (port - self.low) % self.step == 0

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    def __str__(self) -> str:
        text = str(self.low) if self.low == self.high else f"{self.low}-{self.high}"
        if self.step == 2 and self.low != self.high:
            text += "/odd" if self.low % 2 else "/even"
        return text


@dataclass(frozen=True, slots=True)
class PortSet:
    """A concrete set of ports: sorted ranges. An empty set means that ports do not apply (IP protocol rows)."""

    ranges: tuple[PortRange, ...] = ()

    def __contains__(self, port: int) -> bool:
        return any(port in each for each in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for each in self.ranges:
            yield from each

    def __str__(self) -> str:
        return ",".join(str(each) for each in self.ranges) or "-"


ANY_PORT = PortSet((PortRange(1, MAX_PORT),))
