"""The Date header field (RFC 3261 §20.17) and wall-clock times of a node whose cores know a monotonic clock only.

The Gregorian calendar is computed here: `core` has no clock and no module that could ask one.
"""

from __future__ import annotations

from math import floor

__all__ = ["Dates", "sip_date"]

_DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1 January 1970 was a Thursday
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Dates:
    """Wall time as an offset to the monotonic clock, and the Date value of the current second."""

    __slots__ = ("_offset", "_second", "_value")

    def __init__(self) -> None:
        self._offset = 0.0
        self._second = -1
        self._value = b""

    def set(self, wall: float, now: float) -> None:
        """At monotonic `now` it is `wall`, seconds of the Unix epoch."""
        self._offset = wall - now

    def wall(self, now: float) -> float:
        """Seconds of the Unix epoch."""
        return now + self._offset

    def monotonic(self, wall: float) -> float:
        """The reverse."""
        return wall - self._offset

    def at(self, now: float) -> bytes:
        """The Date value."""
        second = floor(now + self._offset)
        if second != self._second:
            self._second, self._value = second, sip_date(second)
        return self._value


def sip_date(second: int) -> bytes:
    """`Sat, 13 Nov 2010 23:29:00 GMT` for seconds of the Unix epoch."""
    days, rest = divmod(second, 86400)
    year, month, day = _civil(days)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{_DAYS[days % 7]}, {day:02d} {_MONTHS[month - 1]} {year} {clock} GMT".encode()


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day of the Unix epoch. Years begin in March, so that a leap day comes last."""
    days += 719_468  # from 1 March of the year 0
    era, day = divmod(days, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    return year + 400 * era + (month >= 10), month + 3 if month < 10 else month - 9, day + 1
