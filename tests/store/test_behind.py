"""Writing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from seaway.store.behind import WriteBehind
from seaway.store.interface import Change, StoreError
from seaway.store.sqlite import SqliteStore


class Slow(SqliteStore):
    """Counts batches, can be held, and can fail."""

    def __init__(self, path: Path, gate: threading.Event, fail: list[int]) -> None:
        super().__init__(path)
        self.sizes: list[int] = []
        self._gate, self._fail = gate, fail

    def apply(self, changes: Iterable[Change]) -> int:
        self._gate.wait(5)
        wanted = list(changes)
        if self._fail:
            self._fail.pop()
            raise StoreError("disk full")
        self.sizes.append(len(wanted))
        return super().apply(wanted)


def until(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 5
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_what_waits_is_one_batch_with_the_last_of_each_key(tmp_path: Path) -> None:
    gate, made = threading.Event(), []

    def opened() -> SqliteStore:
        made.append(Slow(tmp_path / "s", gate, []))
        return made[0]

    behind = WriteBehind(opened, 0.001)
    behind.put([Change("first", b"0")])
    until(lambda: behind.waiting == 0)  # the thread holds it at the gate
    for number in range(1000):
        behind.put([Change("k", b"%d" % number), Change(f"n{number % 10}", b"x")])
    assert behind.waiting == 11, "bounded by keys"
    gate.set()
    assert behind.close()
    assert made[0].sizes == [1, 11]
    store = SqliteStore(tmp_path / "s")
    found = store.get("k", 0)
    assert found is not None and found.value == b"999"


def test_putting_never_waits_for_the_disk(tmp_path: Path) -> None:
    gate = threading.Event()
    behind = WriteBehind(lambda: Slow(tmp_path / "s", gate, []), 0.001)
    behind.put([Change("a", b"1")])
    until(lambda: behind.waiting == 0)
    began = time.monotonic()
    for number in range(2000):
        behind.put([Change(f"k{number}", b"v")])
    assert time.monotonic() - began < 1.0
    gate.set()
    assert behind.close() and behind.batches == 2


def test_a_failure_is_told_once_and_nothing_is_lost(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("seaway.store.behind._AGAIN", 0.01)
    gate, fail, told = threading.Event(), [1, 1, 1], []
    gate.set()
    behind = WriteBehind(lambda: Slow(tmp_path / "s", gate, fail), 0.001, told.append)
    behind.put([Change("a", b"old"), Change("b", b"1")])
    behind.put([Change("a", b"new")])
    until(lambda: behind.batches > 0)
    assert behind.close()
    assert told == ["disk full", None]
    found = SqliteStore(tmp_path / "s").scan("", 0)
    assert [(each.key, each.value) for each in found] == [("a", b"new"), ("b", b"1")]


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    told: list[str | None] = []
    behind = WriteBehind(lambda: SqliteStore(tmp_path / "none" / "s"), 0.001, told.append)
    behind.put([Change("a", b"1")])
    until(lambda: bool(told))
    assert told[0] is not None and "see to its folder" in told[0]
    assert behind.close()
