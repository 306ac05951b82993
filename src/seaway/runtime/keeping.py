"""Registrations over a restart: read from the store before the first packet, written behind while the node runs.

`state_dir` has the file. When it cannot be read or written the node goes on without, and says so in its log.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from pathlib import Path

from seaway.call.kept import PREFIX, Keeper
from seaway.observe import log
from seaway.observe.alarms import STORE
from seaway.runtime.alarms import AlarmBook
from seaway.store.behind import WriteBehind
from seaway.store.interface import Change, StoreError
from seaway.store.sqlite import SqliteStore

__all__ = ["FILE", "Keeping"]

FILE = "registrations.sqlite"
_SECRET = "secret/gruu"  # temporary GRUUs are good for as long as their registration, so beyond a restart
_DELAY = 0.05  # seconds from a change until it is handed to the writer
_ALL = 1_000_000
_INTERVAL = 0.1  # seconds between two transactions


class Keeping:
    """Of one process. `due` is called when something has changed."""

    def __init__(self, state_dir: Path, keeper: Keeper, alarms: AlarmBook) -> None:
        self._alarms = alarms
        self._path = state_dir / FILE
        self._keeper = keeper
        self._log = log.get(part="store")
        self._timer: asyncio.TimerHandle | None = None
        self._behind: WriteBehind | None = None
        self._loop = asyncio.get_running_loop()

    def start(self, now: float) -> None:
        """Take back what was kept. The core has been told what the wall clock shows."""
        secret = None
        try:
            store = SqliteStore(self._path)
            try:
                if store.damaged is not None:
                    self._log.warning("store.damaged", file=str(self._path), kept_as=str(store.damaged))
                wall = time.time()
                store.sweep(wall)
                rows = [(each.key, each.value) for each in store.scan(PREFIX, wall)]
                secret = store.get(_SECRET, wall)
                if secret is None:
                    store.apply([Change(_SECRET, secrets.token_bytes(32))])
                    secret = store.get(_SECRET, wall)
            finally:
                store.close()
        except StoreError as error:
            self._say(str(error))
        else:
            self._alarms.ease(STORE)
            taken, unusable = self._keeper.restore(rows, now, secret.value if secret is not None else None)
            self._log.info("registrations.restored", bindings=taken, unusable=unusable)
        self._behind = WriteBehind(lambda: SqliteStore(self._path), _INTERVAL, self._report)

    def due(self) -> None:
        """Collect what has changed in a moment."""
        if self._timer is None:
            self._timer = self._loop.call_later(_DELAY, self._collect)

    def stop(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._behind is not None:
            self._behind.put([Change(*row) for row in self._keeper.changes(_ALL)])
            self._behind.close()

    def _collect(self) -> None:
        self._timer = None
        if self._behind is not None:
            self._behind.put([Change(*row) for row in self._keeper.changes()])
            if self._keeper.more:
                self.due()

    def _report(self, problem: str | None) -> None:
        """From the writer's thread."""
        with suppress(RuntimeError):  # the loop has ended: the process does
            self._loop.call_soon_threadsafe(self._say, problem)

    def _say(self, problem: str | None) -> None:
        if problem is not None:
            self._log.error("store.failed", why=problem, effect="registrations are not kept over a restart")
            self._alarms.report(STORE, problem, again=False)
        else:
            self._log.info("store.works_again", file=str(self._path))
            self._alarms.ease(STORE)
