"""Who goes first when no more connections may be accepted: who has proved nothing, has not spoken, came first (R32)."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Iterator

from seaway.runtime.stream import StreamConnection

__all__ = ["Unproved"]

_YOUNG = 2.0  # seconds in which a connection may get as far as its first message
_QUIET = 10.0  # seconds since the last message after which one that spoke may go
_LOOKS = 16  # connections looked at for one that comes


class Unproved:
    """The accepted connections that have not proved who they are, each with the task that opens it."""

    def __init__(self) -> None:
        self._silent: dict[StreamConnection, Task[None]] = {}  # in the order in which they came
        self._spoke: dict[StreamConnection, Task[None]] = {}

    def add(self, connection: StreamConnection, task: Task[None]) -> None:
        self._silent[connection] = task

    def discard(self, connection: StreamConnection) -> None:
        self._silent.pop(connection, None)
        self._spoke.pop(connection, None)

    def take(self, now: float) -> tuple[StreamConnection, Task[None]] | None:
        """The one that is to go, forgotten here; `None`: nobody. The work is bounded, however many there are."""
        return next(self._candidates(now), None)

    def _candidates(self, now: float) -> Iterator[tuple[StreamConnection, Task[None]]]:
        for _ in range(min(len(self._silent), _LOOKS)):
            connection = next(iter(self._silent))
            if not connection.heard and now - connection.since < _YOUNG:
                break  # those behind are younger still, or soon looked at
            task = self._silent.pop(connection)
            if connection.proved:
                continue
            if not connection.heard:
                yield connection, task
            self._spoke[connection] = task
        for _ in range(min(len(self._spoke), _LOOKS)):
            connection = next(iter(self._spoke))
            task = self._spoke.pop(connection)
            if connection.proved:
                continue
            if now - connection.spoke >= _QUIET:
                yield connection, task
            self._spoke[connection] = task
