"""Alarms of one process: raised, acknowledged, cleared. No clock, no log, no file.

An alarm is one state of affairs that somebody has to mend; its id is that of its kind and, where there are several, of
its subject (`zone-down.pair`), the same after every restart. Who sees the cause calls `report`, once or again and
again; who sees it gone calls `ease`, and the alarm is cleared when nobody reports it for the `hold` of its kind.
`take_changed` gives what is worth a log line and a note. `now` is monotonic seconds, `wall` seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = [
    "ALLOCATIONS", "ENGINE", "KINDS", "MEDIA_PORTS", "RELAY_PORTS", "RESTARTED", "SEVERITIES", "STORE", "TLS_ENDS",
    "TLS_FILES", "TURN_SHARE", "ZONE_DOWN", "Alarm", "AlarmKind", "Alarms", "Severity",
]  # fmt: skip

Severity = Literal["critical", "major", "warning"]
"""critical: calls fail now. major: some do, or a part is missing. warning: look when there is time."""

SEVERITIES: tuple[Severity, ...] = ("critical", "major", "warning")

_LIMIT = 200  # alarms of one process, cleared ones included
_LONGEST = 300  # characters of a cause
_LOOKED_FOR = 60.0  # seconds between changes of an alarm whose cause is only seen to last


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """`remedy` is one line. `hold`: seconds without the cause after which the alarm is cleared."""

    name: str
    severity: Severity
    remedy: str
    hold: float = 30.0


MEDIA_PORTS = AlarmKind(
    "media-ports", "critical", "widen ports.media of the deployment on both nodes, or lower the number of calls"
)
RELAY_PORTS = AlarmKind("turn-ports", "critical", "widen ports.relay of the deployment, or name [turn] alternates")
ALLOCATIONS = AlarmKind("turn-allocations", "critical", "raise [turn] allocations, or name [turn] alternates")
TURN_SHARE = AlarmKind(
    "turn-share", "warning", "raise [turn] allocations_per_user or allocations_per_source if these clients are good",
    hold=300.0,
)  # fmt: skip
RESTARTED = AlarmKind(
    "process-restarted", "major", "look at the log before this moment and report the defect", hold=600.0
)
ENGINE = AlarmKind("engine", "major", 'mend the reason and restart the node, or set [media] engine = "auto"', hold=0.0)
ZONE_DOWN = AlarmKind(
    "zone-down", "critical", "look at the cause, at the other node and at the firewall between them", hold=5.0
)
TLS_FILES = AlarmKind("tls-files", "critical", "mend the files under [tls], then run `seaway node reload`", hold=0.0)
TLS_ENDS = AlarmKind("tls-ends", "warning", "renew it, then run `seaway node reload`", hold=0.0)
STORE = AlarmKind("store", "major", "see to the disk and the rights of state_dir, then restart the node", hold=0.0)

KINDS = (MEDIA_PORTS, RELAY_PORTS, ALLOCATIONS, TURN_SHARE, RESTARTED, ENGINE, ZONE_DOWN, TLS_FILES, TLS_ENDS, STORE)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`first` and `last`: when it was raised and last reported, `cleared`: when it ended (`None`: it has not); seconds
    since 1970. `count`: reports since it was raised. An alarm that comes back after its end begins anew."""

    id: str
    severity: Severity
    cause: str
    remedy: str
    first: float
    last: float
    count: int = 1
    cleared: float | None = None


class Alarms:
    """`known`: those of an earlier process; of those that were not cleared, each has its hold to be reported again."""

    def __init__(self, known: Iterable[Alarm] = (), now: float = 0.0, limit: int = _LIMIT) -> None:
        self.refused = 0
        self._limit = limit
        self._alarms = {each.id: each for each in known}
        self._holds: dict[str, float] = {}
        self._ends: dict[str, float] = {}  # of those eased
        self._changed: dict[str, Alarm | None] = {}
        kinds = {kind.name: kind for kind in KINDS}
        for alarm in self._alarms.values():
            kind = kinds.get(alarm.id.partition(".")[0])
            if alarm.cleared is None:
                self._holds[alarm.id] = kind.hold if kind is not None else 0.0
                self._ends[alarm.id] = now + self._holds[alarm.id]

    def report(
        self, kind: AlarmKind, cause: str, now: float, wall: float, *, subject: str = "", again: bool = True
    ) -> None:
        """The cause is there. `again` false: it was looked for, and found still there, which does not count; `last` and
        the cause (when there is a text) follow each minute."""
        name = f"{kind.name}.{subject}" if subject else kind.name
        cause = " ".join(cause.split())[:_LONGEST]
        self._ends.pop(name, None)
        known = self._alarms.get(name)
        if known is not None and known.cleared is None:
            if again or wall - known.last >= _LOOKED_FOR:
                count = known.count + 1 if again else known.count
                self._alarms[name] = replace(known, last=wall, count=count, cause=cause or known.cause)
                self._changed.setdefault(name, self._alarms[name])
            return
        if known is None and not self._room():
            self.refused += 1
            return
        self._holds[name] = kind.hold
        self._put(Alarm(name, kind.severity, cause, kind.remedy, wall, wall))

    def ease(self, kind: AlarmKind, now: float, *, subject: str = "") -> None:
        """The cause is gone; the first of several such calls begins the hold."""
        name = f"{kind.name}.{subject}" if subject else kind.name
        if self.is_raised(kind, subject) and name not in self._ends:
            self._ends[name] = now + self._holds[name]

    def is_raised(self, kind: AlarmKind, subject: str = "") -> bool:
        known = self._alarms.get(f"{kind.name}.{subject}" if subject else kind.name)
        return known is not None and known.cleared is None

    def next_deadline(self) -> float | None:
        """Monotonic seconds, or `None`."""
        return min(self._ends.values(), default=None)

    def handle_timeout(self, now: float, wall: float) -> None:
        """Clears what was eased long enough ago."""
        for name in [name for name, end in self._ends.items() if end <= now]:
            del self._ends[name]
            self._put(replace(self._alarms[name], cleared=wall))

    def take_changed(self) -> list[tuple[str, Alarm | None]]:
        """Alarms raised, counted or cleared since the last call, by id; `None`: gone, to make room."""
        changed, self._changed = self._changed, {}
        return [(name, self._alarms.get(name)) for name in changed]

    def snapshot(self) -> list[Alarm]:
        return list(self._alarms.values())

    def _put(self, alarm: Alarm) -> None:
        self._alarms.pop(alarm.id, None)  # the order is that of the last change of state
        self._alarms[alarm.id] = alarm
        self._changed[alarm.id] = alarm

    def _room(self) -> bool:
        """Makes room by the oldest cleared alarm."""
        if len(self._alarms) < self._limit:
            return True
        oldest = next((name for name, each in self._alarms.items() if each.cleared is not None), None)
        if oldest is None:
            return False
        del self._alarms[oldest]
        self._changed[oldest] = None
        return True
