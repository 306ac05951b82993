"""Something that runs beside the main thread, and says what it has to say when the main thread has finished."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from seaway.lab.errors import LabError

__all__ = ["Beside"]

Say = Callable[[str], None]


class Beside:
    """`with Beside(work, say) as other: ...; other.join()`. `work` is given a `say` of its own. When the block is left
    by an exception, the next word raises LabError there, and `work` ends."""

    def __init__(self, work: Callable[[Say], None], say: Say) -> None:
        self._work, self._say = work, say
        self._lock = threading.Lock()
        self._waiting: list[str] | None = []  # lines; None: the main thread has finished, they go out at once
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._work(self._hear)
        except BaseException as error:  # noqa: BLE001  raised again by `join`
            self._error = error

    def _hear(self, text: str) -> None:
        if self._ended.is_set():
            raise LabError("the proof was ended")
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(text)
                return
        self._say(text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def join(self) -> None:
        """Say what was said, wait for the end. Raises what `work` raised."""
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
            for text in waiting:
                self._say(text)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
