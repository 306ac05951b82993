"""`seaway call disconnect`: what is asked of the node, and what is said when it makes no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seaway.admin import call
from seaway.admin.cli import main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    questions: list[Any] = []

    def command(run_dir: Path, question: dict[str, str]) -> dict[str, Any]:
        questions.append(question)
        return {"done": "disconnect", "calls": [] if question["call"] == "all" else [question["call"]]}

    monkeypatch.setattr(call, "command", command)
    return questions


def test_one_and_all(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "disconnect", "abcd", "--run-dir", "x"]) == 0
    assert capsys.readouterr().out == "abcd\n"
    assert main(["call", "disconnect", "--all", "--json", "--run-dir", "x"]) == 0
    assert capsys.readouterr().out == '{"disconnected": []}\n'
    assert asked == [{"do": "disconnect", "call": "abcd"}, {"do": "disconnect", "call": "all"}]


@pytest.mark.parametrize("words", [[], ["abcd", "--all"]])
def test_what_makes_no_sense(asked: list[Any], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "disconnect", *words, "--run-dir", "x"]) == 2
    assert capsys.readouterr().err.startswith("seaway: say which") and not asked
