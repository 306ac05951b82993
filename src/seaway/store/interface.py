"""What a store offers: keys with values, a lease on each, and watches. `sqlite.py` is the engine.

Values are octets; what they mean is their owner's matter. Times are seconds of the Unix epoch, passed in, so that a
lease goes on while nothing runs. All of one `apply` is there or nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

__all__ = ["Change", "Entry", "Store", "StoreError", "Watcher"]


class StoreError(Exception):
    """A store cannot be opened, read or written. `str()` is one line: which, why, what to do."""


class Change(NamedTuple):
    """`value` for `key` until `expires` (`None`: for good); `value` `None` takes the key away."""

    key: str
    value: bytes | None
    expires: float | None = None


class Entry(NamedTuple):
    """What is there. `revision` is that of the `apply` which wrote it."""

    key: str
    value: bytes
    expires: float | None
    revision: int


Watcher = Callable[[Sequence[Change]], None]
"""Told of what was applied, after it is safe; also of what a sweep took away."""


class Store(Protocol):
    """One store. Not for several threads at a time."""

    def get(self, key: str, now: float) -> Entry | None:
        """The entry of `key`; `None` also when its lease is over."""

    def scan(self, prefix: str, now: float) -> list[Entry]:
        """All live entries whose keys begin with `prefix`, by key."""

    def apply(self, changes: Iterable[Change]) -> int:
        """Make all changes at once, the last of a key counts; returns the new revision. Raises `StoreError`."""

    def sweep(self, now: float) -> int:
        """Take away what is over; how many that were. Raises `StoreError`."""

    def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        """Tell `watcher` of changes of keys that begin with `prefix`; call what is returned to end that."""

    def close(self) -> None:
        """No more."""
