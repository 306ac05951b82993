"""Work beside the main thread: its words come after those of the main thread, its errors at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from seaway.lab.beside import Beside
from seaway.lab.errors import LabError


def test_words_come_after_those_of_the_main_thread() -> None:
    said: list[str] = []
    spoken, more = threading.Event(), threading.Event()

    def work(say: Callable[[str], None]) -> None:
        say("one")
        spoken.set()
        more.wait(5)
        say("two")

    with Beside(work, said.append) as other:
        assert spoken.wait(5)
        said.append("main")
        assert said == ["main"]
        more.set()
        other.join()
    assert said == ["main", "one", "two"]


def test_an_error_is_raised_at_the_end() -> None:
    def work(say: Callable[[str], None]) -> None:
        raise LabError("no lab")

    with pytest.raises(LabError, match="no lab"), Beside(work, print) as other:
        other.join()


def test_it_ends_when_the_main_thread_fails() -> None:
    begun, failed = threading.Event(), threading.Event()
    ended: list[str] = []

    def work(say: Callable[[str], None]) -> None:
        begun.set()
        try:
            while not failed.wait(0.001):
                pass
            while True:
                say("still here")
        except LabError as error:
            ended.append(str(error))
            raise

    with pytest.raises(KeyboardInterrupt), Beside(work, ended.append):
        begun.wait(5)
        failed.set()
        raise KeyboardInterrupt
    assert ended == ["the proof was ended"]
