"""Alarms of a node: each process has its own book, which outlives it in memory that the supervisor holds.

The supervisor makes `AlarmBooks` before it forks. A process opens its book by name and reports to it; `signal` gathers
all books for `seaway alarms`, and notes in its own which alarms were acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from seaway.observe import log
from seaway.observe.alarms import SEVERITIES, Alarm, AlarmKind, Alarms
from seaway.runtime.journal import Journal

__all__ = ["PROCESSES", "AlarmBook", "AlarmBooks"]

PROCESSES = ("supervisor", "relay", "turn", "signal")

_ACKNOWLEDGED = "acknowledged"
_COUNTS = 1.0  # seconds between notes of mere counts


class AlarmBook:
    """The alarms of this process, with its clock, its log and its notes."""

    def __init__(
        self, journal: Journal, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._clock, self._wall = clock, wall
        self._log = log.get(part="alarms")
        known = journal.load()
        self._acknowledged: dict[str, float] = {}
        found = known.pop(_ACKNOWLEDGED, None)
        if isinstance(found, dict):
            self._acknowledged.update(found)
        self._alarms = Alarms(_alarms(known), clock())
        self._noted = 0.0  # when counts were noted last
        self._said = {each.id: each.first for each in self._alarms.snapshot()}  # raisings that the log has

    def report(self, kind: AlarmKind, cause: str, *, subject: str = "", again: bool = True) -> None:
        """See `Alarms.report`. What a peer said may be in `cause`."""
        now = self._clock()
        raised = self._alarms.is_raised(kind, subject)
        cause = str(log.redact(log.escape(cause))) if cause else ""
        self._alarms.report(kind, cause, now, self._wall(), subject=subject, again=again)
        if not raised or now - self._noted >= _COUNTS:
            self._settle(now)

    def ease(self, kind: AlarmKind, *, subject: str = "") -> None:
        """See `Alarms.ease`."""
        self._alarms.ease(kind, self._clock(), subject=subject)

    def is_raised(self, kind: AlarmKind, subject: str = "") -> bool:
        return self._alarms.is_raised(kind, subject)

    def next_deadline(self) -> float | None:
        return self._alarms.next_deadline()

    def tick(self) -> None:
        """Clear what is over. Call about each second, or at the deadline."""
        now = self._clock()
        self._alarms.handle_timeout(now, self._wall())
        self._settle(now)

    def acknowledge(self, alarm: Alarm) -> None:
        """Only in the process that answers `seaway alarms`."""
        self._acknowledged[alarm.id] = alarm.first
        self._journal.note({_ACKNOWLEDGED: self._acknowledged})
        self._log.info("alarm.acknowledged", id=alarm.id)

    def acknowledged(self, alarm: Alarm) -> bool:
        """Whether this raising of it was; it may come back later."""
        return self._acknowledged.get(alarm.id) == alarm.first

    def forget(self, alive: set[str]) -> None:
        """Acknowledgements of alarms that are not there any more."""
        gone = self._acknowledged.keys() - alive
        for name in gone:
            del self._acknowledged[name]

    def _settle(self, now: float) -> None:
        self._noted = now
        changed = self._alarms.take_changed()
        if not changed:
            return
        self._journal.note({name: asdict(alarm) if alarm is not None else None for name, alarm in changed})
        for name, alarm in changed:
            if alarm is None:
                self._said.pop(name, None)
                continue
            if alarm.cleared is not None:
                self._log.info("alarm.cleared", id=alarm.id, seconds=round(alarm.cleared - alarm.first))
            elif alarm.id not in self._said or self._said[alarm.id] != alarm.first:
                self._said[alarm.id] = alarm.first
                say = self._log.warning if alarm.severity == "warning" else self._log.error
                say("alarm.raised", id=alarm.id, severity=alarm.severity, cause=alarm.cause, remedy=alarm.remedy)


class AlarmBooks:
    """Of all processes of a node. Made once, before the forks."""

    def __init__(self) -> None:
        self._journals = {name: Journal.create() for name in PROCESSES}

    def book(self, process: str) -> AlarmBook:
        """The book of this process; called there, once, in the one process of that name that lives."""
        return AlarmBook(self._journals[process])

    def gather(self, own: AlarmBook) -> list[dict[str, object]]:
        """Rows for `seaway alarms`: those raised first, the worst of them ahead. `own`: the book of the process that
        answers."""
        found = [(process, alarm) for process, journal in self._journals.items() for alarm in _alarms(journal.look())]
        own.forget({alarm.id for _, alarm in found})
        found.sort(
            key=lambda each: (
                each[1].cleared is not None, own.acknowledged(each[1]), SEVERITIES.index(each[1].severity),
                -each[1].first,
            )
        )  # fmt: skip
        return [_row(process, alarm, own.acknowledged(alarm)) for process, alarm in found]

    def acknowledge(self, own: AlarmBook, name: str) -> str | None:
        """Notes that somebody looks after an alarm. Returns one line when there is no such alarm."""
        for journal in self._journals.values():
            for alarm in _alarms(journal.look()):
                if alarm.id == name:
                    own.acknowledge(alarm)
                    return None
        return f"there is no alarm {name}; `seaway alarms` shows the ids"


def _alarms(noted: dict[str, object]) -> list[Alarm]:
    found = []
    for name, value in noted.items():
        if name != _ACKNOWLEDGED and isinstance(value, dict):
            found.append(Alarm(**value))
    return found


def _row(process: str, alarm: Alarm, acknowledged: bool) -> dict[str, object]:
    state = "acknowledged" if acknowledged else "raised"
    return {
        "id": alarm.id,
        "severity": alarm.severity,
        "state": state if alarm.cleared is None else "cleared",
        "process": process,
        "count": alarm.count,
        "first": _time(alarm.first),
        "last": _time(alarm.last),
        "cleared": _time(alarm.cleared) if alarm.cleared is not None else None,
        "cause": alarm.cause,
        "remedy": alarm.remedy,
    }


def _time(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
