"""The replay window: each count once, memory bounded, and dropped state never lets a replay in."""

from __future__ import annotations

from seaway.identity.replay import ReplayWindow


def test_each_count_once_within_the_window() -> None:
    window = ReplayWindow()
    order = [5, 4, 5, 70, 6, 7, 70, 7, 0]
    taken = [window.use("n", count, 1.0, 301.0, 2.0) for count in order]
    #        5     4     5 again 70    6 (64 behind) 7     70 again 7 again 0
    assert taken == [True, True, False, True, False, True, False, False, False]


def test_when_full_the_oldest_goes_and_cannot_come_back() -> None:
    window = ReplayWindow(limit=3)
    for made in range(1, 5):
        assert window.use(f"n{made}", 1, float(made), 300.0, 5.0)
    assert len(window) == 3
    assert not window.use("n1", 1, 1.0, 300.0, 5.0)  # evicted: used before, must not be fresh
    assert not window.use("n1", 2, 1.0, 300.0, 5.0)
    assert window.use("n4", 2, 4.0, 300.0, 5.0)


def test_expired_state_is_dropped_first() -> None:
    window = ReplayWindow(limit=3)
    for made in range(3):
        window.use(f"old{made}", 1, float(made), 10.0, 5.0)
    assert window.use("new", 1, 20.0, 320.0, 20.0)
    assert len(window) == 1
    assert window.use("other", 1, 2.5, 320.0, 20.0)  # nothing live was evicted, so nothing is refused
