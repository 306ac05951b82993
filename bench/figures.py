"""One measured figure, as it stands in build/bench.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Figure", "figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is the median of the runs, `low` and `high` are the least and the greatest; smaller is better."""

    bench: str
    subject: str
    unit: str
    value: float
    low: float
    high: float
    command: str
    case: str = ""
    """What distinguishes rows of one subject in one benchmark."""
    note: str = ""
    """Under which circumstances, such as the rate."""


def figure(
    bench: str, subject: str, unit: str, runs: Sequence[float], command: str, *, case: str = "", note: str = ""
) -> Figure:
    """From the values of the runs."""
    value, low, high = (round(each, 1) for each in (median(runs), min(runs), max(runs)))
    return Figure(bench, subject, unit, value, low, high, command, case, note)
