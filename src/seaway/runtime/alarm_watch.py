"""Keeps looking at the cause of an alarm while it is raised, so that it is cleared when the cause is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seaway.observe.alarms import AlarmKind
from seaway.runtime.alarms import AlarmBook

__all__ = ["AlarmWatch"]

_INTERVAL = 1.0  # seconds


class AlarmWatch:
    """`over` tells whether the cause is gone. In the running event loop. Without a `book` nothing is raised. An alarm
    that an earlier process left is looked at from now on."""

    def __init__(self, book: AlarmBook | None, kind: AlarmKind, over: Callable[[], bool]) -> None:
        self._book = book
        self._kind = kind
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        if book is not None and book.is_raised(kind):
            self._look(book)

    def report(self, cause: str) -> None:
        """It happened, here and now."""
        if self._book is not None:
            self._book.report(self._kind, cause)
            if self._timer is None:
                self._again(self._book)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, book: AlarmBook) -> None:
        self._timer = None
        if self._over():
            book.ease(self._kind)
        else:
            book.report(self._kind, "", again=False)
        book.tick()
        if book.is_raised(self._kind):
            self._again(book)

    def _again(self, book: AlarmBook) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._look, book)
