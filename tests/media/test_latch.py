from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.media.latch import Latch, Verdict

HINT = ("192.0.2.1", 4000)
OTHER = ("192.0.2.1", 5000)
ALLOWED = frozenset({"192.0.2.1"})


def latch() -> Latch:
    made = Latch()
    made.signal(HINT, ALLOWED, 0.0)
    made._open_until = 0.0  # the first hint's window is of no interest here
    return made


def test_first_allowed_source_decides_and_others_are_refused() -> None:
    made = latch()
    assert made.source is None
    assert made.packet(("203.0.113.1", 1), 1.0) is Verdict.REFUSED
    assert made.packet(OTHER, 1.0) is Verdict.LATCHED
    assert made.packet(OTHER, 1.1) is Verdict.ACCEPTED
    assert made.packet(HINT, 1.2) is Verdict.REFUSED  # even the signalled address, while another is learned
    assert made.source == OTHER


@pytest.mark.parametrize(("silence", "verdict"), [(5.0, Verdict.REFUSED), (5.01, Verdict.LATCHED)])
def test_silence(silence: float, verdict: Verdict) -> None:
    made = latch()
    made.packet(HINT, 10.0)
    assert made.packet(OTHER, 10.0 + silence) is verdict


def test_refused_packets_do_not_prolong_the_silence() -> None:
    made = latch()
    made.packet(HINT, 10.0)
    for at in (12.0, 14.0, 15.0):
        assert made.packet(OTHER, at) is Verdict.REFUSED
    assert made.packet(OTHER, 15.1) is Verdict.LATCHED


@given(st.lists(st.tuples(st.sampled_from(["203.0.113.9", "198.51.100.7"]), st.integers(1, 65535), st.floats(0, 100))))
def test_no_history_lets_a_source_in_that_is_not_allowed(packets: list[tuple[str, int, float]]) -> None:
    made = latch()
    made.packet(HINT, 0.0)
    for host, port, after in packets:
        assert made.packet((host, port), after) is Verdict.REFUSED
    assert made.source == HINT
