"""Time switches: moments and recurrences (RFC 3880 §4.4). No clock is read here; a moment comes in as UTC seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import rrule

from seaway.policy.cpl.errors import CplError
from seaway.policy.cpl.facts import CallFacts

__all__ = ["TimeTest", "read_time", "zone_of"]

_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(Z?)")
_DURATION = re.compile(
    r"P(?:([0-9]{1,4})W)?(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?"
)
_FREQUENCIES = {"daily": rrule.DAILY, "weekly": rrule.WEEKLY, "monthly": rrule.MONTHLY, "yearly": rrule.YEARLY}
_STEP = {rrule.DAILY: timedelta(days=1), rrule.WEEKLY: timedelta(weeks=1)}
_DAYS = {"MO": rrule.MO, "TU": rrule.TU, "WE": rrule.WE, "TH": rrule.TH, "FR": rrule.FR, "SA": rrule.SA, "SU": rrule.SU}
_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_BOUNDS = {
    "bysecond": (0, 59), "byminute": (0, 59), "byhour": (0, 23), "bymonthday": (1, 31), "byyearday": (1, 366),
    "byweekno": (1, 53), "bymonth": (1, 12), "bysetpos": (1, 366),
}  # fmt: skip
_NEGATIVE = frozenset(("bymonthday", "byyearday", "byweekno", "bysetpos"))
_MAX_COUNT = 10_000


def zone_of(name: str, line: int) -> tzinfo:
    """The time zone of a `tzid`. Raises `CplError` for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CplError(line, f"tzid {name!r} is no time zone of this system") from None


class TimeTest:
    """One `time` of a time switch: it holds from each start for `length`."""

    __slots__ = ("_every", "_length", "_rule", "_start", "_zone")

    def __init__(self, start: datetime, length: timedelta, zone: tzinfo | None, rule: dict[str, Any] | None) -> None:
        self._start = start
        self._length = length
        self._zone = zone  # None: times without Z float, they are taken as UTC
        self._rule = rule
        self._every: timedelta | None = None
        if rule is not None and "count" not in rule and rule["freq"] in _STEP:
            self._every = _STEP[rule["freq"]] * rule["interval"]

    def holds(self, facts: CallFacts) -> bool:
        moment = datetime.fromtimestamp(facts.when, UTC)
        here = moment.astimezone(self._zone).replace(tzinfo=None) if self._zone is not None else moment
        here = here.replace(tzinfo=None)
        if here < self._start:
            return False
        if self._rule is None:
            return here < self._start + self._length
        last = self._before(here)
        return last is not None and here < last + self._length

    def _before(self, here: datetime) -> datetime | None:
        """The last start at or before `here`."""
        assert self._rule is not None
        start = self._start
        if self._every is not None:  # begin near `here`, in step with the first one
            steps = (here - self._length - start) // self._every - 1
            start += max(0, steps) * self._every
        found = rrule.rrule(dtstart=start, **self._rule).before(here, inc=True)
        return found if isinstance(found, datetime) else None

    def happens(self) -> bool:
        """Whether there is any occurrence."""
        return self._rule is None or next(iter(rrule.rrule(dtstart=self._start, **self._rule)), None) is not None


def read_time(attributes: Mapping[str, str], zone: tzinfo | None, line: int) -> TimeTest:
    """The attributes of one `time` element. Raises `CplError`."""
    given = dict(attributes)
    start = _stamp(given.pop("dtstart", ""), "dtstart", zone, line)
    end, duration = given.pop("dtend", None), given.pop("duration", None)
    if (end is None) == (duration is None):
        raise CplError(line, "time needs dtend or duration, and not both")
    length = _length(duration, line) if duration is not None else _stamp(end or "", "dtend", zone, line) - start
    if length <= timedelta(0):
        raise CplError(line, "time ends before it begins")
    frequency = given.pop("freq", None)
    if frequency is None:
        if given:
            raise CplError(line, f"time has {', '.join(sorted(given))} but no freq")
        return TimeTest(start, length, zone, None)
    if frequency.lower() not in _FREQUENCIES:
        raise CplError(line, f"freq {frequency!r} is not served here: give daily, weekly, monthly or yearly")
    rule: dict[str, Any] = {"freq": _FREQUENCIES[frequency.lower()]}
    rule["interval"] = _number(given.pop("interval", "1"), "interval", 1, 1000, line)
    if "count" in given and "until" in given:
        raise CplError(line, "time has count and until, which exclude each other")
    if "count" in given:
        rule["count"] = _number(given.pop("count"), "count", 1, _MAX_COUNT, line)
    if "until" in given:
        rule["until"] = _until(given.pop("until"), zone, line)
    if "wkst" in given:
        rule["wkst"] = _day(given.pop("wkst"), line, plain=True)
    if "byday" in given:
        rule["byweekday"] = [_day(each.strip(), line) for each in given.pop("byday").split(",")]
    for name in _BOUNDS:
        if name in given:
            rule[name] = [_entry(each.strip(), name, line) for each in given.pop(name).split(",")]
    if given:
        raise CplError(line, f"time has the unknown attribute {sorted(given)[0]!r}")
    try:
        test = TimeTest(start, length, zone, rule)
        happens = test.happens()
    except ValueError as error:
        raise CplError(line, f"time: {error}") from None
    if not happens:
        raise CplError(line, "time never happens: the by... attributes exclude each other")
    return test


def _stamp(text: str, name: str, zone: tzinfo | None, line: int) -> datetime:
    """`20261125T080000`, with `Z` in UTC; as time of the zone, without tzinfo."""
    found = _STAMP.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        value = datetime(*(int(each) for each in found.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        raise CplError(line, f"{name} {text!r} is no time like 20261125T080000Z") from None
    if found[7] and zone is not None:
        value = value.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return value


def _until(text: str, zone: tzinfo | None, line: int) -> datetime:
    if re.fullmatch(r"[0-9]{8}", text):
        text += "T235959"  # a date means its whole day
    return _stamp(text, "until", zone, line)


def _length(text: str, line: int) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise CplError(line, f"duration {text!r} is no duration like PT8H")
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _number(text: str, name: str, least: int, most: int, line: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        raise CplError(line, f"{name} {text!r} is no number of {least} to {most}")
    return int(text)


def _entry(text: str, name: str, line: int) -> int:
    least, most = _BOUNDS[name]
    sign = -1 if text.startswith("-") and name in _NEGATIVE else 1
    return sign * _number(text.lstrip("+-") if sign < 0 or text.startswith("+") else text, name, least, most, line)


def _day(text: str, line: int, *, plain: bool = False) -> Any:
    found = _DAY.fullmatch(text.upper())
    if found is None or (plain and found[1]) or (found[1] and int(found[1]) == 0):
        raise CplError(line, f"{text!r} is no day like MO or -1FR")
    day = _DAYS[found[2]]
    return day(int(found[1])) if found[1] else day
