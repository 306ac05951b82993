"""What makes a call good, and the one line that says why it is not."""

from __future__ import annotations

from dataclasses import replace

from seaway.lab.phones.sound import Heard
from seaway.lab.session import CallReport, Direction

_HEARD = Heard(seconds=3.0, rms=9000.0, tone=0.99, own=0.0, longest_gap=0.0)
_WAY = Direction("alice", "bob", 150, 150, 0, 1.0, True, _HEARD)


def _report(first: Direction = _WAY, ended: bool = True) -> CallReport:
    back = replace(_WAY, sender="bob", receiver="alice")
    return CallReport("alice", "bob", True, ended, directions=[first, back])


def test_a_good_call() -> None:
    assert _report().good and _report().problem() == ""


def test_no_answer() -> None:
    report = CallReport("alice", "bob", reason="480 Temporarily Unavailable")
    assert not report.good
    assert report.problem() == "alice cannot call bob: 480 Temporarily Unavailable"


def test_silence_names_the_direction() -> None:
    for bad in (
        replace(_WAY, heard=None),
        replace(_WAY, received=0),
        replace(_WAY, heard=replace(_HEARD, tone=0.1)),
    ):
        assert not _report(bad).good
        assert "no sound from alice to bob" in _report(bad).problem()


def test_hearing_oneself_is_not_good() -> None:
    assert not replace(_WAY, heard=replace(_HEARD, own=0.5)).good


def test_a_call_that_does_not_end() -> None:
    assert "did not end" in _report(ended=False).problem()


def test_a_call_without_media_is_not_good() -> None:
    assert not CallReport("alice", "bob", True, True).good
