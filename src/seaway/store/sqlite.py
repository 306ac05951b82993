"""A store in one SQLite file (`interface.Store`): write-ahead log, one transaction for each `apply`.

A commit outlives the process that made it. `synchronous=NORMAL`: after a loss of power the last commits may be missing,
the file is whole. The schema has a version; an older file is brought up to date, a newer one is refused. A file that is
damaged is put aside as `NAME.damaged` and a new one begun: what is kept here can be learned again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from seaway.store.interface import Change, Entry, StoreError, Watcher

__all__ = ["SqliteStore"]

_STEPS = (
    (
        "CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL, revision INTEGER NOT NULL)"
        " WITHOUT ROWID",
        "CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL",
    ),
)
"""`_STEPS[n]` leads from schema version n to n + 1."""
_BUSY = 2.0  # seconds to wait for another process that writes
_LAST = "\U0010ffff"  # behind every key that begins with a prefix


class SqliteStore:
    """Opens or makes the file `path`. Raises `StoreError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: Path | None = None  # where a damaged file was put
        self._revision = 0
        self._watchers: list[tuple[str, Watcher]] = []
        try:
            self._db = self._open()
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreError(f"{path}: {error}; see to its folder and rights") from None
        except sqlite3.DatabaseError:
            self._put_aside()
            try:
                self._db = self._open()
            except sqlite3.Error as error:
                raise StoreError(f"{path}: {error}; see to its folder and rights") from None

    def get(self, key: str, now: float) -> Entry | None:
        rows = self._ask("SELECT * FROM entry WHERE key = ? AND (expires IS NULL OR expires > ?)", (key, now))
        return rows[0] if rows else None

    def scan(self, prefix: str, now: float) -> list[Entry]:
        return self._ask(
            "SELECT * FROM entry WHERE key >= ? AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key",
            (prefix, prefix + _LAST, now),
        )

    def apply(self, changes: Iterable[Change]) -> int:
        wanted = list({each.key: each for each in changes}.values())
        puts = [each for each in wanted if each.value is not None]
        gone = [(each.key,) for each in wanted if each.value is None]
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                revision = self._next_revision()
                rows = [(each.key, each.value, each.expires, revision) for each in puts]
                self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", rows)
                self._db.executemany("DELETE FROM entry WHERE key = ?", gone)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}; see whether its disk is full") from None
        self._tell(wanted)
        return revision

    def sweep(self, now: float) -> int:
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                rows = self._db.execute("DELETE FROM entry WHERE expires <= ? RETURNING key", (now,)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}; see whether its disk is full") from None
        self._tell([Change(key, None) for (key,) in rows])
        return len(rows)

    def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        pair = (prefix, watcher)
        self._watchers.append(pair)

        def end() -> None:
            with suppress(ValueError):
                self._watchers.remove(pair)

        return end

    def close(self) -> None:
        self._db.close()

    # -- inside

    def _open(self) -> sqlite3.Connection:
        # Who is registered where is nobody else's matter, also in a file from a backup. The log beside it
        # gets the same mode.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        # Transactions are ours: without isolation level the module begins none by itself.
        db = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA trusted_schema = OFF")
            problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(problem)
            self._upgrade(db)
        except BaseException:
            db.close()
            raise
        return db

    def _upgrade(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_STEPS):
            reason = f"is of a later version ({version}, this program knows {len(_STEPS)})"
            raise StoreError(f"{self.path}: {reason}; remove it or run the later program")
        for step in range(version, len(_STEPS)):
            with db:
                db.execute("BEGIN IMMEDIATE")
                for statement in _STEPS[step]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {step + 1}")

    def _put_aside(self) -> None:
        self.damaged = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(self.damaged)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: is damaged and cannot be put aside ({error.strerror}); remove it") from None

    def _next_revision(self) -> int:
        found = self._db.execute("SELECT max(revision) FROM entry").fetchone()[0]
        self._revision = max(self._revision, found or 0) + 1
        return self._revision

    def _ask(self, query: str, values: tuple[object, ...]) -> list[Entry]:
        try:
            return [Entry(*row) for row in self._db.execute(query, values)]
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}; remove it when it cannot be repaired") from None

    def _tell(self, changes: list[Change]) -> None:
        for prefix, watcher in list(self._watchers):
            told = [each for each in changes if each.key.startswith(prefix)]
            if told:
                watcher(told)
