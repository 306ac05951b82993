"""Writing behind: changes are collected and applied by a thread of their own, some at a time.

The caller never waits for the disk. What is waiting has one place for each key, so it is bounded by the number of keys;
a crash loses the changes of the last `interval` seconds, and of a batch all or nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from seaway.store.interface import Change, Store, StoreError

__all__ = ["WriteBehind"]

_AGAIN = 5.0  # seconds after a failure before the next attempt


class WriteBehind:
    """`open_store` is called in the thread, which alone uses what it returns. `interval` is seconds between batches.

    `report` is called in the thread with a line when writing fails, and with `None` when it works again.
    """

    def __init__(
        self, open_store: Callable[[], Store], interval: float = 0.1, report: Callable[[str | None], None] | None = None
    ) -> None:
        self._open = open_store
        self._interval = interval
        self._report = report or (lambda problem: None)
        self._waiting: dict[str, Change] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._failed = False
        self.batches = 0
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def put(self, changes: Iterable[Change]) -> None:
        """To be written soon."""
        with self._lock:
            for each in changes:
                self._waiting[each.key] = each
        self._wake.set()

    def close(self, patience: float = 2.0) -> bool:
        """Write what is waiting and end; false when that took longer than `patience` seconds."""
        self._stop.set()
        self._wake.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Keys that are not written yet."""
        return len(self._waiting)

    # -- the thread

    def _run(self) -> None:
        store: Store | None = None
        while True:
            self._wake.wait()
            self._wake.clear()
            ending = self._stop.is_set()
            with self._lock:
                batch, self._waiting = self._waiting, {}
            if batch:
                try:
                    if store is None:
                        store = self._open()
                    store.apply(batch.values())
                    self.batches += 1
                    self._tell(None)
                except StoreError as error:
                    with self._lock:
                        self._waiting = {**batch, **self._waiting}  # what came meanwhile is newer
                    self._tell(str(error))
            if ending:
                if store is not None:
                    store.close()
                return
            if self._waiting and self._failed:
                self._stop.wait(_AGAIN)
                self._wake.set()
            else:
                self._stop.wait(self._interval)

    def _tell(self, problem: str | None) -> None:
        if problem is not None or self._failed:
            if self._failed != (problem is not None):
                self._report(problem)
            self._failed = problem is not None
