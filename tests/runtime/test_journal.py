"""The journal: what counts is the last line of each name, also after a death in the middle of a write."""

from __future__ import annotations

import os

import pytest

from seaway.runtime.journal import Journal


def _pair() -> tuple[int, int]:
    return os.memfd_create("one"), os.memfd_create("two")


def test_the_last_value_of_each_name_counts() -> None:
    files = _pair()
    first = Journal(files)
    assert first.load() == {}
    first.note({"a": {"x": 1}, "b": [2]})
    first.note({"a": {"x": 3}, "b": None, "c": "d"})
    assert Journal(files).load() == {"a": {"x": 3}, "c": "d"}


@pytest.mark.parametrize("cut", range(1, 12))
def test_half_a_line_at_the_end_is_not_read(cut: int) -> None:
    files = _pair()
    journal = Journal(files)
    journal.load()
    journal.note({"a": 1})
    journal.note({"b": 123456})
    for each in files:
        size = os.fstat(each).st_size
        if b'"b"' in os.pread(each, size, 0):
            os.ftruncate(each, size - cut)
    assert Journal(files).load() == ({"a": 1})


def test_memory_stays_bounded_while_sessions_come_and_go() -> None:
    files = _pair()
    journal = Journal(files)
    journal.load()
    journal.note({"stays": 1})
    for number in range(5000):
        journal.note({f"call{number}": "x" * 1000})
        journal.note({f"call{number}": None})
    assert sum(os.fstat(each).st_size for each in files) < 3 * 1024 * 1024
    assert Journal(files).load() == {"stays": 1}


def test_a_death_while_everything_is_written_anew_leaves_the_old_file_true() -> None:
    files = _pair()
    journal = Journal(files)
    journal.load()
    journal.note({"a": 1, "b": 2})
    old = files[journal._at]
    other = files[1 - journal._at]
    os.ftruncate(other, 0)
    os.pwrite(other, b'["a",99]\n', 0)  # no generation behind it: unfinished
    assert old != other and Journal(files).load() == {"a": 1, "b": 2}


def test_a_successor_of_a_successor() -> None:
    files = _pair()
    for number in range(4):
        journal = Journal(files)
        assert len(journal.load()) == number
        journal.note({str(number): number})
