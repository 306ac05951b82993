from __future__ import annotations

from seaway.core.sip.timers import TimerQueues


def test_what_is_due_in_the_order_of_its_start() -> None:
    timers = TimerQueues()
    assert timers.next_deadline() is None
    timers.start(5.0, 0.0, "late")
    timers.start(0.5, 0.0, "a")
    timers.start(0.5, 0.1, "b")
    assert (timers.next_deadline(), len(timers)) == (0.5, 3)
    assert timers.pop_due(0.49) == []
    assert timers.pop_due(0.5) == ["a"]
    assert timers.next_deadline() == 0.6
    assert timers.pop_due(10.0) in (["b", "late"], ["late", "b"])
    assert (timers.next_deadline(), len(timers), timers.pop_due(99.0)) == (None, 0, [])


def test_a_timer_started_while_others_fire_waits_for_its_own_time() -> None:
    timers = TimerQueues()
    timers.start(1.0, 0.0, "first")
    (fired,) = timers.pop_due(1.0)
    timers.start(1.0, 1.0, fired)
    assert timers.pop_due(1.5) == []
    assert timers.pop_due(2.0) == ["first"]
