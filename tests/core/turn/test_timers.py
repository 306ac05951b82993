from __future__ import annotations

from seaway.core.turn.timers import Timers


def test_in_order_of_time_and_of_setting() -> None:
    timers, fired = Timers(), []
    for name, deadline in (("b", 2.0), ("a", 1.0), ("c", 2.0), ("d", 3.0)):
        timers.at(deadline, lambda now, name=name: fired.append((name, now)))  # type: ignore[misc]
    assert timers.next_deadline() == 1.0 and not timers.due(0.9) and timers.due(1.0)
    timers.run(2.5)
    assert fired == [("a", 2.5), ("b", 2.5), ("c", 2.5)]
    timers.run(3.0)
    assert fired[-1] == ("d", 3.0) and timers.next_deadline() is None and not timers.due(9.0)


def test_a_timer_may_set_another() -> None:
    timers, fired = Timers(), []
    timers.at(1.0, lambda now: timers.at(now + 1.0, fired.append))
    timers.run(1.0)
    assert fired == [] and timers.next_deadline() == 2.0
    timers.run(2.0)
    assert fired == [2.0]
