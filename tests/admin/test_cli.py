"""The command line: exit statuses, one-line errors, and that `map` needs no runtime."""

from __future__ import annotations

import argparse
import csv
import fcntl
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seaway.admin.cli import _parser, main
from seaway.admin.status import _unreachable
from seaway.runtime.ipc import IpcError
from tests.runtime.rig import DEPLOYMENT


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    path = tmp_path / "deployment.toml"
    path.write_text(DEPLOYMENT)
    return path


def test_map_rows_gives_every_row_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "rows", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 260 and rows[0]["id"] == "T3-01"
    assert main(["map", "rows", "--table", "11", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 17


def test_map_of_a_deployment(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "resolve", str(deployment), "--format", "json"]) == 0
    assert any(each["row"] == "T11-01" for each in json.loads(capsys.readouterr().out))
    capsys.readouterr()
    assert main(["map", "check", str(deployment)]) == 0
    assert "connections over IPv4" in capsys.readouterr().out
    assert main(["map", "check", str(deployment), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["nodes"] == 2 and found["families"] == [4] and found["rows"] > 10
    assert main(["map", "listeners", str(deployment), "edge1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["row"]
    assert main(["map", "listeners", str(deployment), "edge1"]) == 0
    assert "T11-07" in capsys.readouterr().out
    assert main(["map", "firewall", str(deployment), "--at", "outer", "--interface", "internet=eth7"]) == 0
    assert '"eth7"' in capsys.readouterr().out


def _closed_descriptor() -> int:
    """A number that no descriptor has, and none gets soon: the lowest free ones are given first."""
    low = os.open(os.devnull, os.O_RDONLY)
    high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 500)
    os.close(low)
    os.close(high)
    return high


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["map", "resolve", "{tmp}/none.toml"], 2, "cannot be read"),
        (["map", "check", "{tmp}/none.toml"], 2, "cannot be read"),
        (["map", "listeners", "{deployment}", "edge9"], 2, "has no node edge9; it has core1, edge1"),
        (["map", "firewall", "{deployment}", "--at", "middle"], 2, "middle"),
        (["map", "rows", "--table", "99"], 2, "3 to 30"),
        (["map", "firewall", "{deployment}", "--at", "outer", "--interface", "x"], 2, "ZONE=INTERFACE"),
        (["node", "check", "{tmp}/none.toml"], 2, "cannot be read"),
        (["node", "run", "{deployment}", "--ready-fd", "{closed}"], 2, "no such descriptor"),
        (["status", "--run-dir", "{tmp}"], 1, "no node runs there; start it with `seaway node run CONFIG.toml`"),
        (["alarms", "--run-dir", "{tmp}"], 1, "no node runs there; start it with `seaway node run CONFIG.toml`"),
        (["status", "--run-dir", "{tmp}/none"], 2, "there is no such folder; give run_dir of the node's file"),
        (["alarms", "acknowledge"], 2, "say which alarm"),
        (["metrics", "--run-dir", "{tmp}"], 1, "no node runs there; start it with `seaway node run CONFIG.toml`"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], status: int, words: str, tmp_path: Path, deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [each.format(tmp=tmp_path, deployment=deployment, closed=_closed_descriptor()) for each in arguments]
    assert main(filled) == status
    error = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(error) == 1 and error[0].startswith("seaway: ") and words in error[0]


def test_certificates_and_check(deployment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "certificates", str(deployment), str(tmp_path / "tls")]) == 0
    node = tmp_path / "edge1.toml"
    node.write_text(
        'node = "edge1"\ndeployment = "deployment.toml"\nrun_dir = "run"\n'
        '[tls]\nca = "tls/ca.pem"\ncertificate = "tls/edge1.pem"\nkey = "tls/edge1.key"\n'
        '[[traversal]]\nname = "pair"\nuser = "core1"\npassword = "p"\n'
    )
    capsys.readouterr()
    assert main(["node", "check", str(node)]) == 0
    out = capsys.readouterr().out
    assert "T11-01  tls mutual" in out and "zone pair" in out and not (tmp_path / "run").exists()
    assert main(["node", "check", str(node), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["node"] == "edge1" and found["dials"] == []
    assert {"rows": ["T11-01"], "zone": "pair"}.items() <= next(
        each for each in found["listeners"] if each["zone"]
    ).items()
    (tmp_path / "tls" / "edge1.key").unlink()
    assert main(["node", "check", str(node)]) == 2
    assert "edge1.key: there is no such file" in capsys.readouterr().err


def test_an_old_socket_is_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control.sock"))
    assert main(["status", "--run-dir", str(tmp_path)]) == 1
    assert "no node runs there; it did not end in order" in capsys.readouterr().err


def test_who_may_not_ask_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    denied = IpcError(tmp_path / "control.sock", "Permission denied", "is it running?")
    denied.__cause__ = PermissionError(13, "Permission denied")
    assert "only root and the node's own user may ask: use sudo" in str(_unreachable(tmp_path, denied))


@pytest.mark.parametrize(
    ("view", "rows", "status"),
    [
        (["status"], [{"health": "ok"}], 0),
        (["status"], [{"health": "zone pair is failed"}], 0),
        (["status", "zones"], [{"name": "pair", "state": "failed"}], 0),
        (["alarms"], [{"id": "engine", "state": "acknowledged"}], 0),
        (["alarms"], [{"id": "engine", "state": "raised"}], 1),
        (["locate", "bob"], [{"what": "steps", "steps": ["10: pair"], "why": ""}], 0),
        (["locate", "bob"], [{"what": "steps", "steps": [], "why": "no search rule matches"}], 1),
    ],
)
def test_a_finding_ends_with_status_1(
    view: list[str], rows: list[dict[str, object]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seaway.admin.status.command", lambda *_: {"rows": rows})
    assert main([*view, "--run-dir", "/nowhere"]) == status
    assert main([*view, "--run-dir", "/nowhere", "--json"]) == status


def test_each_command_describes_itself() -> None:
    def walk(parser: argparse.ArgumentParser) -> None:
        for action in parser._actions:
            assert action.help is not None or not action.option_strings, (parser.prog, action.dest)
            for name, command in (action.choices or {}).items() if isinstance(action.choices, dict) else ():
                assert command.description, (parser.prog, name)
                walk(command)

    walk(_parser())


def test_a_defect_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(options: object) -> int:
        raise KeyError("planted")

    monkeypatch.setattr("seaway.admin.map.rows", broken)
    assert main(["map", "rows"]) == 1
    assert "KeyError: 'planted' (a defect; SEAWAY_DEBUG=1 shows where)" in capsys.readouterr().err


def test_wrong_usage_ends_with_status_2() -> None:
    for arguments in ([], ["nonsense"], ["map"], ["map", "rows", "--format", "xml"]):
        done = subprocess.run([sys.executable, "-m", "seaway.admin.cli", *arguments], capture_output=True, text=True)
        assert done.returncode == (0 if not arguments else 2) and "Traceback" not in done.stderr


def test_map_loads_no_runtime() -> None:
    code = (
        "import sys; from seaway.admin.cli import main; main(['map', 'rows', '--format', 'csv']);"
        "heavy = ('asyncio', 'uvloop', 'ssl', 'structlog', 'cryptography');"
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m seaway.admin.cli map rows | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
