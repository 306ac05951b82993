"""`seaway locate --config`, `seaway map pattern`, and lines for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seaway.admin.cli import main
from seaway.admin.search import _line
from tests.runtime.rig import DEPLOYMENT

CONFIG = """node = "core1"
deployment = "deployment.toml"
run_dir = "run"
[[dns_zone]]
name = "internet"
[[transform]]
priority = 1
pattern = "9"
[[search_rule]]
priority = 10
target = "registrations"
type = "suffix"
pattern = "@example.test"
[[search_rule]]
priority = 20
target = "internet"
source = "local-zone"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "deployment.toml").write_text(DEPLOYMENT)
    (tmp_path / "core1.toml").write_text(CONFIG)
    return str(tmp_path / "core1.toml")


def test_locate_in_a_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "9bob@example.test", "--config", file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "request    alias=9bob@example.test zone=local protocol=sip authenticated=False"
    assert lines[1] == "transform  1: bob@example.test"
    assert lines[2] == "rule    10 -> registrations as bob@example.test: the pattern matches"
    assert lines[-1] == "steps      10: registrations; 20: internet"
    assert (
        main(["locate", "x@y", "--config", file, "--from", "default", "--authenticated", "yes", "--json"]) == 1
    )  # no step
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["authenticated"] is True and rows[3]["why"] == "for local-zone only, this comes from default"
    assert main(["locate", "x@y", "--config", file, "--from", "nowhere"]) == 2
    assert "nothing comes from a zone 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["prefix", "9", "912@x", "--behaviour", "strip"], 0, "12@x\n"),
        (["regex", r"9(\d+)@.*", "912@x", "--replace", r"\1@pstn"], 0, "12@pstn\n"),
        (["suffix", "@x", "12@x"], 0, "12@x\n"),
        (["exact", "12@x", "12@y"], 1, "no match\n"),
        (["regex", "(", "x"], 2, "seaway: (: no regular expression"),
    ],
)
def test_pattern(arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "pattern", *arguments]) == status
    out = capsys.readouterr()
    assert (out.out or out.err).startswith(words)


def test_a_search_needs_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["search", "1"], ["locate", "x@y"]):
        assert main([*arguments, "--run-dir", str(tmp_path)]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_lines_of_a_search() -> None:
    asked = {
        "what": "asked", "answers": [404],
        "targets": [{"zone": "cm", "rule": "10", "uri": "sip:1@x", "where": "10.0.0.30:5060/udp"}],
    }  # fmt: skip
    assert _line(asked) == "asked      cm sip:1@x at 10.0.0.30:5060/udp: 404"
    assert _line({"what": "passed over", "why": "zone pair is failed"}) == "not asked  zone pair is failed"
    assert _line({"what": "answer", "status": 404, "why": "x"}) == "answer     404 x"
    row = {"what": "rule", "priority": 7, "target": "n", "applies": True, "alias": "1", "name": "", "why": "w",
           "state": "asked", "uris": ["sip:a@b", "sip:c@d"]}  # fmt: skip
    assert _line(row) == "rule     7 -> n as 1: w\n              state asked\n              uris sip:a@b, sip:c@d"
