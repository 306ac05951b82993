"""`seaway protection`: what is asked of the node, and what is said when it makes no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seaway.admin import protection
from seaway.admin.cli import main

ROW = {"source": "192.0.2.7", "category": "scanner", "seconds_left": 60, "blocked_for": 1, "by": "nftables"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    questions: list[Any] = []

    def command(run_dir: Path, question: dict[str, str]) -> dict[str, Any]:
        questions.append(question)
        return {"done": "unblock", "count": 0 if question["source"] == "192.0.2.9" else 1}

    monkeypatch.setattr(protection, "ask", lambda run_dir, view: [ROW])
    monkeypatch.setattr(protection, "command", command)
    return questions


def test_list(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protection", "--run-dir", "x"]) == main(["protection", "list", "--run-dir", "x"]) == 0
    assert "192.0.2.7  scanner" in capsys.readouterr().out
    assert main(["protection", "list", "--json", "--run-dir", "x"]) == 0
    assert '"category": "scanner"' in capsys.readouterr().out


def test_unblock(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protection", "unblock", "192.0.2.7", "--run-dir", "x"]) == 0
    assert main(["protection", "unblock", "--all", "--run-dir", "x"]) == 0
    assert [each["source"] for each in asked] == ["192.0.2.7", "all"]
    assert main(["protection", "unblock", "192.0.2.9", "--run-dir", "x"]) == 2
    assert "is not blocked" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["unblock"], ["unblock", "192.0.2.7", "--all"], ["list", "192.0.2.7"], ["list", "--all"]]
)
def test_what_makes_no_sense(asked: list[Any], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protection", *words, "--run-dir", "x"]) == 2
    assert capsys.readouterr().err.startswith("seaway: ") and asked == []
