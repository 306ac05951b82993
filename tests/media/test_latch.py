from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.media.latch import KNOCKS, Latch, Verdict

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


def test_handshakes_to_a_hint_are_bounded_and_end_when_a_source_is_learned() -> None:
    latch = Latch()
    assert latch.knock() is None
    latch.signal(("192.0.2.10", 4000), frozenset({"192.0.2.10"}), 0.0)
    assert [latch.knock() for _ in range(KNOCKS + 1)] == [("192.0.2.10", 4000)] * KNOCKS + [None]
    latch.signal(("192.0.2.10", 4000), frozenset({"192.0.2.10"}), 0.0)
    assert latch.knock() is None  # the same hint again
    latch.signal(("192.0.2.10", 4002), frozenset({"192.0.2.10"}), 0.0)
    assert latch.knock() == ("192.0.2.10", 4002)
    latch.packet(("192.0.2.10", 4004), 0.0)
    assert latch.knock() is None


def test_no_handshake_goes_to_a_hint_that_is_not_allowed_or_no_place() -> None:
    latch = Latch()
    for host, port in (("192.0.2.11", 4000), ("phone.example", 4000), ("224.0.0.1", 4000), ("192.0.2.10", 0)):
        latch.signal((host, port), frozenset({"192.0.2.10", "224.0.0.1"}), 0.0)
        assert latch.knock() is None
