"""Alarms with their own clock."""

from __future__ import annotations

from seaway.observe.alarms import KINDS, MEDIA_PORTS, SEVERITIES, ZONE_DOWN, Alarm, AlarmKind, Alarms

WALL = 1_700_000_000.0


def only(alarms: Alarms) -> Alarm:
    (found,) = alarms.snapshot()
    return found


def test_raised_once_however_often_it_is_reported() -> None:
    alarms = Alarms()
    alarms.report(ZONE_DOWN, "no answer", 10.0, WALL, subject="pair")
    alarms.report(ZONE_DOWN, "no answer\nfrom there", 12.0, WALL + 2, subject="pair")
    alarms.report(ZONE_DOWN, "looked at again", 13.0, WALL + 3, subject="pair", again=False)
    alarm = only(alarms)
    assert (alarm.id, alarm.severity, alarm.count) == ("zone-down.pair", "critical", 2)
    assert (alarm.first, alarm.last, alarm.cleared) == (WALL, WALL + 2, None)
    assert alarm.cause == "no answer from there" and alarm.remedy == ZONE_DOWN.remedy
    assert [name for name, _ in alarms.take_changed()] == ["zone-down.pair"]
    assert alarms.take_changed() == [] and alarms.next_deadline() is None


def test_a_cause_that_lasts_is_followed_each_minute() -> None:
    alarms = Alarms()
    alarms.report(ZONE_DOWN, "no answer", 0.0, WALL, subject="pair")
    alarms.take_changed()
    for second in range(1, 60):
        alarms.report(ZONE_DOWN, "refused", second, WALL + second, subject="pair", again=False)
    assert alarms.take_changed() == [] and only(alarms).last == WALL
    alarms.report(ZONE_DOWN, "refused", 60.0, WALL + 60, subject="pair", again=False)
    alarm = only(alarms)
    assert (alarm.last, alarm.count, alarm.cause) == (WALL + 60, 1, "refused")
    alarms.report(ZONE_DOWN, "", 120.0, WALL + 120, subject="pair", again=False)
    assert (only(alarms).last, only(alarms).cause) == (WALL + 120, "refused")
    assert len(alarms.take_changed()) == 1


def test_cleared_after_the_hold_only() -> None:
    alarms = Alarms()
    alarms.report(MEDIA_PORTS, "none free", 0.0, WALL)
    alarms.ease(MEDIA_PORTS, 5.0)
    alarms.ease(MEDIA_PORTS, 20.0)  # the first one counts
    assert alarms.next_deadline() == 5.0 + MEDIA_PORTS.hold
    alarms.handle_timeout(34.9, WALL + 34)
    assert alarms.is_raised(MEDIA_PORTS)
    alarms.handle_timeout(35.0, WALL + 35)
    assert not alarms.is_raised(MEDIA_PORTS) and only(alarms).cleared == WALL + 35
    assert alarms.next_deadline() is None


def test_a_cause_that_comes_back_within_the_hold_keeps_it_raised() -> None:
    for again in (True, False):
        alarms = Alarms()
        alarms.report(MEDIA_PORTS, "none free", 0.0, WALL)
        alarms.ease(MEDIA_PORTS, 5.0)
        alarms.report(MEDIA_PORTS, "none free", 10.0, WALL + 10, again=again)
        alarms.handle_timeout(100.0, WALL + 100)
        assert alarms.is_raised(MEDIA_PORTS)


def test_an_alarm_that_comes_back_begins_anew() -> None:
    alarms = Alarms()
    alarms.report(MEDIA_PORTS, "none free", 0.0, WALL)
    alarms.report(MEDIA_PORTS, "none free", 1.0, WALL + 1)
    alarms.ease(MEDIA_PORTS, 1.0)
    alarms.handle_timeout(31.0, WALL + 31)
    alarms.report(MEDIA_PORTS, "none free", 50.0, WALL + 50)
    alarm = only(alarms)
    assert (alarm.first, alarm.count, alarm.cleared) == (WALL + 50, 1, None)


def test_ease_of_what_is_not_raised_does_nothing() -> None:
    alarms = Alarms()
    alarms.ease(MEDIA_PORTS, 1.0)
    assert alarms.next_deadline() is None and alarms.snapshot() == []


def test_the_number_is_bounded_and_cleared_ones_make_room() -> None:
    alarms = Alarms(limit=2)
    alarms.report(ZONE_DOWN, "x", 0.0, WALL, subject="a")
    alarms.report(ZONE_DOWN, "x", 0.0, WALL, subject="b")
    alarms.report(ZONE_DOWN, "x", 0.0, WALL, subject="c")
    assert alarms.refused == 1 and len(alarms.snapshot()) == 2
    alarms.ease(ZONE_DOWN, 0.0, subject="a")
    alarms.handle_timeout(5.0, WALL)
    alarms.report(ZONE_DOWN, "x", 6.0, WALL, subject="c")
    assert [each.id for each in alarms.snapshot()] == ["zone-down.b", "zone-down.c"]
    assert ("zone-down.a", None) in alarms.take_changed()
    alarms.report(ZONE_DOWN, "y" * 10_000, 6.0, WALL, subject="b")
    assert len(alarms.snapshot()[0].cause) == 300


def test_a_later_process_waits_for_the_report_before_it_clears() -> None:
    before = Alarms()
    before.report(ZONE_DOWN, "x", 0.0, WALL, subject="pair")
    before.report(MEDIA_PORTS, "x", 0.0, WALL)
    after = Alarms(before.snapshot(), now=1000.0)
    after.report(MEDIA_PORTS, "x", 1001.0, WALL + 1, again=False)
    after.handle_timeout(1000.0 + ZONE_DOWN.hold, WALL + 5)
    assert not after.is_raised(ZONE_DOWN, "pair")
    after.handle_timeout(9000.0, WALL + 9)
    assert after.is_raised(MEDIA_PORTS)
    unknown = Alarms([Alarm("of-another-version", "major", "x", "y", WALL, WALL)], now=0.0)
    unknown.handle_timeout(0.0, WALL)
    assert only(unknown).cleared == WALL


def test_kinds_are_apart_and_say_what_to_do() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert isinstance(kind, AlarmKind) and kind.severity in SEVERITIES
        assert "." not in kind.name and len(kind.remedy.splitlines()) == 1
