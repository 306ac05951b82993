"""The SQLite engine of the store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seaway.store.interface import Change, StoreError
from seaway.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "state.sqlite")


def test_keys_values_and_revisions(store: SqliteStore) -> None:
    first = store.apply([Change("a/1", b"one"), Change("a/2", b"two"), Change("b", b"\x00\xff")])
    second = store.apply([Change("a/1", b"new"), Change("a/1", b"newest"), Change("gone", None)])
    assert second == first + 1
    found = store.get("a/1", 0.0)
    assert found is not None and (found.value, found.revision) == (b"newest", second)
    assert [(each.key, each.value) for each in store.scan("a/", 0.0)] == [("a/1", b"newest"), ("a/2", b"two")]
    assert [each.key for each in store.scan("", 0.0)] == ["a/1", "a/2", "b"]
    store.apply([Change("a/1", None)])
    assert store.get("a/1", 0.0) is None


def test_a_prefix_is_text_not_a_pattern(store: SqliteStore) -> None:
    """R42: what comes from the wire stands in keys."""
    store.apply([Change(key, b"") for key in ("a%", "ab", "a_", "a'; DROP TABLE entry; --", "a\U0010fffe")])
    assert [each.key for each in store.scan("a%", 0)] == ["a%"]
    assert [each.key for each in store.scan("a_", 0)] == ["a_"]
    assert len(store.scan("a", 0)) == 5


def test_a_lease_ends_what_it_is_on(store: SqliteStore) -> None:
    store.apply([Change("short", b"1", 100.0), Change("long", b"2", 200.0), Change("ever", b"3")])
    assert store.get("short", 99.9) is not None and store.get("short", 100.0) is None
    assert [each.key for each in store.scan("", 150.0)] == ["ever", "long"]
    assert store.sweep(150.0) == 1 and store.sweep(150.0) == 0
    assert [each.key for each in store.scan("", 0.0)] == ["ever", "long"]


def test_watches(store: SqliteStore) -> None:
    heard: list[Change] = []
    end = store.watch("a/", heard.extend)
    store.apply([Change("a/1", b"x", 10.0), Change("b/1", b"y")])
    store.sweep(20.0)
    assert heard == [Change("a/1", b"x", 10.0), Change("a/1", None)]
    end()
    end()
    store.apply([Change("a/1", b"z")])
    assert len(heard) == 2


def test_it_is_there_after_closing_and_nobody_else_may_read_it(store: SqliteStore) -> None:
    revision = store.apply([Change("k", b"v", 9.0)])
    store.close()
    again = SqliteStore(store.path)
    found = again.get("k", 0.0)
    assert found is not None and (found.value, found.expires, found.revision) == (b"v", 9.0, revision)
    assert again.apply([]) == revision + 1
    again.apply([Change("k", b"w")])
    assert {each.stat().st_mode & 0o777 for each in store.path.parent.iterdir()} == {0o600}


def test_a_file_that_others_could_read_is_made_private_and_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    path.chmod(0o644)
    SqliteStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="see to its folder"):
        SqliteStore(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_apply_changes_nothing(store: SqliteStore) -> None:
    store.apply([Change("k", b"before")])
    heard: list[Change] = []
    store.watch("", heard.extend)
    with pytest.raises(StoreError):
        store.apply([Change("k", b"after"), Change("bad", object())])  # type: ignore[arg-type]
    found = store.get("k", 0.0)
    assert found is not None and found.value == b"before" and not heard
    assert store.apply([Change("k", b"after")])


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="later version"):
        SqliteStore(path)


@pytest.mark.parametrize("damage", ["text", "middle"])
def test_a_damaged_file_is_put_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s"
    store = SqliteStore(path)
    store.apply([Change(f"key{n}", os.urandom(200)) for n in range(200)])
    store.close()
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is no database " * 100)
    else:
        data[4096 : len(data) - 100] = os.urandom(len(data) - 4196)
    path.write_bytes(data)
    again = SqliteStore(path)
    assert again.damaged is not None and again.damaged.exists()
    assert again.scan("", 0.0) == [] and again.apply([Change("k", b"v")])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="see to its folder"):
        SqliteStore(tmp_path / "none" / "s")


_WRITER = """
import sys
from pathlib import Path
from seaway.store.interface import Change
from seaway.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
number = int(sys.argv[2])
print("go", flush=True)
while True:
    number += 1
    # Two keys that must always agree, and a crowd that makes the transaction long.
    value = b"%d" % number
    crowd = [Change(f"crowd/{n}", value * 20) for n in range(50)]
    store.apply([Change("one", value), *crowd, Change("two", value)])
    print(number, flush=True)
"""


def test_a_hundred_kills_in_the_middle_of_writing(tmp_path: Path) -> None:
    """What was acknowledged is there, and no batch is there by half."""
    path = tmp_path / "s"
    last = 0
    deadline = time.monotonic() + 60
    fork = _Forks(path)
    for kill in range(100):
        said = fork.run(last, 0.002 + 0.0007 * (kill % 13))
        store = SqliteStore(path)
        assert store.damaged is None
        one, two = store.get("one", 0.0), store.get("two", 0.0)
        if one is not None or said:
            assert one is not None and two is not None and one.value == two.value
            assert {each.value for each in store.scan("crowd/", 0.0)} == {one.value * 20}
            assert int(one.value) >= max(said, last), "a commit was lost"
            last = int(one.value)
        store.close()
        assert time.monotonic() < deadline, "the machine is too slow for this test"
    assert last > 100


class _Forks:
    """Writers that are killed: forked, since a hundred interpreters take their time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, number: int, seconds: float) -> int:
        """Let one write from `number` on and kill it; the last number that it said was safe."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                os.dup2(writing, 1)
                sys.argv = ["writer", str(self._path), str(number)]
                sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
                exec(_WRITER, {})
            finally:
                os._exit(1)
        os.close(writing)
        with open(reading, "rb") as said:
            assert said.readline() == b"go\n"
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            lines = [each for each in said.read().split(b"\n")[:-1] if each.isdigit()]
        return int(lines[-1]) if lines else 0


def test_the_writer_also_works_as_a_program(tmp_path: Path) -> None:
    """One kill of a whole interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "s"), "0"], stdout=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    found = SqliteStore(tmp_path / "s").get("one", 0.0)
    assert found is not None and int(found.value) >= 5
