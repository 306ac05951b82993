"""Counters add up, and their number is bounded."""

from __future__ import annotations

from seaway.observe.counters import Counters


def test_counts() -> None:
    counters = Counters()
    counters.add("b")
    counters.add("a", 2)
    counters.add("b")
    assert counters.snapshot() == {"a": 2, "b": 2}
    assert counters.get("c") == 0


def test_the_number_of_names_is_bounded() -> None:
    counters = Counters()
    for number in range(5000):
        counters.add(f"name{number}")
    assert len(counters.snapshot()) == 1001
    assert counters.get("counters.refused") == 4000
