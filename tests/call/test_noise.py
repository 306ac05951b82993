"""call/noise.py: a flood costs ten log lines a second, and what is left out is counted."""

from collections import Counter

from seaway.call.noise import Noise


def test_ten_lines_a_second() -> None:
    counters: Counter[str] = Counter()
    noise = Noise(lambda: counters.update(("log.suppressed",)))
    assert sum(noise.allows(5.0 + each / 1000) for each in range(500)) == 10
    assert counters["log.suppressed"] == 490
    assert noise.allows(6.0)
