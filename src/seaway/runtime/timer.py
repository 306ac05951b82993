"""The one timer of a core in the event loop: set anew after each burst of input, to the core's next deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["DeadlineTimer"]


class DeadlineTimer:
    """`due` is called when the deadline has come; it asks the core, settles, and so arms the timer again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._handle: asyncio.TimerHandle | None = None
        self._armed: float | None = None

    def arm(self, deadline: float | None) -> None:
        """Monotonic seconds; `None`: nothing to wait for. The same deadline again costs nothing."""
        if deadline == self._armed:
            return
        self._armed = deadline
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None
        if deadline is not None:
            self._handle = self._loop.call_later(max(0.0, deadline - time.monotonic()), self._fire)

    def cancel(self) -> None:
        self.arm(None)

    def _fire(self) -> None:
        self._armed = self._handle = None
        self._due()
