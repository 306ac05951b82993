"""Books of alarms: what all processes noted, acknowledgements, and the looks that clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.observe import log
from seaway.observe.alarms import MEDIA_PORTS, RESTARTED, ZONE_DOWN
from seaway.runtime import alarm_watch
from seaway.runtime.alarm_watch import AlarmWatch
from seaway.runtime.alarms import AlarmBook, AlarmBooks
from seaway.runtime.journal import Journal
from seaway.runtime.zone_alarms import GRACE, ZoneAlarms
from tests.runtime.rig import run, until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def states(books: AlarmBooks, own: AlarmBook) -> list[tuple[object, object]]:
    return [(each["id"], each["state"]) for each in books.gather(own)]


def test_all_books_are_gathered_and_one_alarm_is_acknowledged() -> None:
    books = AlarmBooks()
    own, relay = books.book("signal"), books.book("relay")
    relay.report(MEDIA_PORTS, "none free")
    books.book("supervisor").report(RESTARTED, "it died", subject="turn")
    assert states(books, own) == [("media-ports", "raised"), ("process-restarted.turn", "raised")]
    assert books.acknowledge(own, "media-ports") is None
    assert books.acknowledge(own, "media-ports.x") == "there is no alarm media-ports.x; `seaway alarms` shows the ids"
    assert states(books, own) == [("process-restarted.turn", "raised"), ("media-ports", "acknowledged")]
    row = books.gather(own)[1]
    assert (row["process"], row["count"], row["cause"], row["cleared"]) == ("relay", 1, "none free", None)
    assert str(row["first"]).endswith("Z")


def test_acknowledged_outlives_the_process_but_not_the_alarm() -> None:
    books, clock = AlarmBooks(), Clock()
    relay = AlarmBook(books._journals["relay"], clock, clock)
    relay.report(MEDIA_PORTS, "none free")
    assert books.acknowledge(books.book("signal"), "media-ports") is None
    own = books.book("signal")  # the next process
    assert states(books, own) == [("media-ports", "acknowledged")]
    relay.ease(MEDIA_PORTS)
    clock.now += MEDIA_PORTS.hold
    relay.tick()
    assert states(books, own) == [("media-ports", "cleared")]
    relay.report(MEDIA_PORTS, "none free")
    assert states(books, own) == [("media-ports", "raised")]


def test_each_raise_and_clear_is_one_line_of_the_log(tmp_path: Path) -> None:
    log.configure("json", "info", tmp_path / "log")
    try:
        clock = Clock()
        book = AlarmBook(Journal.create(), clock, clock)
        for _ in range(50):
            book.report(ZONE_DOWN, "bad \x1b[31m name", subject="pair")
        book.ease(ZONE_DOWN, subject="pair")
        clock.now += 60
        book.tick()
        book.tick()
    finally:
        log.configure()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.count('"alarm.raised"') for line in lines] == [1, 0]
    assert '"alarm.cleared"' in lines[1] and '"seconds": 60' in lines[1]
    assert "\\\\x1b[31m" in lines[0]


def test_a_flood_is_counted_and_noted_once_a_second() -> None:
    journal, clock = Journal.create(), Clock()
    book = AlarmBook(journal, clock, clock)
    for _ in range(1000):
        book.report(MEDIA_PORTS, "none free")
    assert journal.look()["media-ports"]["count"] == 1  # type: ignore[index]
    clock.now += 1.0
    book.tick()
    assert journal.look()["media-ports"]["count"] == 1000  # type: ignore[index]


def test_a_watch_clears_when_the_cause_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_watch, "_INTERVAL", 0.001)
    clock = Clock()
    book = AlarmBook(Journal.create(), clock, clock)
    looks, free = [0], [False]

    def over() -> bool:
        looks[0] += 1
        return free[0]

    async def main() -> None:
        watch = AlarmWatch(book, MEDIA_PORTS, over)
        watch.report("none free")
        await until(lambda: looks[0] > 3)
        assert book.next_deadline() is None  # the cause is there
        free[0] = True
        await until(lambda: book.next_deadline() is not None)
        clock.now += MEDIA_PORTS.hold
        await until(lambda: not book.is_raised(MEDIA_PORTS))
        count = looks[0]
        watch.report("none free again")
        watch.stop()
        assert looks[0] == count
        AlarmWatch(None, MEDIA_PORTS, over).report("nobody hears")
        AlarmWatch(book, MEDIA_PORTS, over).stop()  # of the process before: looked at at once
        assert looks[0] == count + 1

    run(main)


def test_a_neighbour_whose_peers_are_silent_is_an_alarm() -> None:
    clock = Clock()
    book = AlarmBook(Journal.create(), clock, clock)
    row = {"name": "cm", "kind": "neighbour", "state": "failed", "reason": "no answer in time"}
    zones = ZoneAlarms(book, lambda: [row])
    zones.look(0.0)
    zones.look(GRACE)
    assert book.is_raised(ZONE_DOWN, "cm")
    row["state"] = "active"
    zones.look(GRACE + 1)
    clock.now += ZONE_DOWN.hold
    zones.look(GRACE + 2)
    assert not book.is_raised(ZONE_DOWN, "cm")


def test_a_zone_that_is_down_while_signalling_restarts_stays_one_alarm(tmp_path: Path) -> None:
    """The grace of a zone and the hold of its alarm are equally long: it was cleared and raised again."""
    books, clock = AlarmBooks(), Clock()
    zone = {"name": "pair", "kind": "traversal-server", "state": "failed", "reason": "connection closed"}
    ZoneAlarms(book := AlarmBook(books._journals["signal"], clock, clock), lambda: [zone])
    book.report(ZONE_DOWN, "connection closed", subject="pair")
    log.configure("json", "info", tmp_path / "log")
    try:
        after = AlarmBook(books._journals["signal"], clock, clock)
        zones = ZoneAlarms(after, lambda: [zone])
        for second in range(200):
            clock.now += 1
            zones.look(float(second))
    finally:
        log.configure()
    assert after.is_raised(ZONE_DOWN, "pair")
    assert (tmp_path / "log").read_text() == "", "nothing new to tell"


def test_a_zone_that_stays_down_is_an_alarm() -> None:
    clock = Clock()
    book = AlarmBook(Journal.create(), clock, clock)
    zone = {"name": "pair", "kind": "traversal-client", "state": "connecting", "reason": "dialling"}
    zones = ZoneAlarms(book, lambda: [zone, {"name": "cm", "kind": "neighbour", "state": "configured"}])
    zones.look(0.0)
    zones.look(GRACE - 0.1)
    assert not book.is_raised(ZONE_DOWN, "pair")
    zone["state"] = "active"
    zones.look(GRACE)
    zone |= {"state": "failed", "reason": "connection closed"}
    zones.look(GRACE + 1)
    assert not book.is_raised(ZONE_DOWN, "pair")
    zones.look(2 * GRACE + 1)
    assert book.is_raised(ZONE_DOWN, "pair") and not book.is_raised(ZONE_DOWN, "cm")
    zone["state"] = "active"
    zones.look(3 * GRACE)
    clock.now += ZONE_DOWN.hold
    zones.look(4 * GRACE)
    assert not book.is_raised(ZONE_DOWN, "pair")
