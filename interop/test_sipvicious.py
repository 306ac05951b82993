"""SIPVicious from the internet against the edge: it learns that a SIP server is there, and nothing else."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.conftest import Peers, wait_for
from seaway.admin.cli import main
from seaway.lab.accounts import ALICE, CAROL
from seaway.lab.session import Session
from seaway.lab.stage import Stage

_PROBE = str(Path(__file__).with_name("probe_users.py"))
_SCANNER, _SOURCE = "scanner", "198.51.100.66"


@pytest.fixture(autouse=True)
def nobody_stays_blocked(stage: Stage) -> Iterator[None]:
    """What is blocked here must not be in the way of other tests."""
    yield
    if _blocked(stage):
        assert main(["protection", "unblock", "--all", "--run-dir", str(stage.pair.dir / "run" / "edge1")]) == 0
        wait_for(lambda: _SOURCE not in _kernel(stage), 3.0, "the kernel does not let go of a source")


def _kernel(stage: Stage) -> str:
    """What the edge's guard has told the kernel."""
    assert stage.network is not None
    command = stage.network.command("edge1", ["nft", "list", "table", "inet", "seaway_guard_edge1"])
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout


def _blocked(stage: Stage) -> list[dict[str, object]]:
    return list(stage.pair.status("edge1", "protection"))


def _edge(stage: Stage) -> str:
    assert stage.network is not None
    return stage.network.plan.edge_public


def _run(stage: Stage, *command: str, seconds: float = 15.0) -> str:
    assert stage.network is not None
    full = stage.network.command(_SCANNER, list(command))
    done = subprocess.run(full, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def test_svmap_sees_a_server_and_nothing_of_it(stage: Stage) -> None:
    for method in ("OPTIONS", "INVITE"):
        shown = _run(stage, "svmap", "-p", "5060", "-m", method, _edge(stage))
        (row,) = [line for line in shown.splitlines() if _edge(stage) in line]
        assert row.split("|")[2].strip() == "unknown", "no program, no version"
        assert "core1" not in shown and "10.0." not in shown, shown


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_finds_no_extension(stage: Stage, phones: Session, tmp_path: Path, method: str) -> None:
    """alice is registered here, bob behind the core; 100 and nobody do not exist."""
    names = tmp_path / "names"
    names.write_text("100\nalice\nbob\nnobody\n")
    shown = _run(stage, "svwar", "--force", "-m", method, "-d", str(names), "--maximumtime", "2", _edge(stage))
    assert "found nothing" in shown and "| alice" not in shown, shown


def test_svcrack_is_blocked_and_others_are_not(stage: Stage, phones: Session, peers: Peers, tmp_path: Path) -> None:
    """The right password is the fiftieth guess: it does not get there."""
    words = tmp_path / "words"
    words.write_text("".join(f"guess{number}\n" for number in range(49)) + ALICE.password + "\n")
    assert stage.network is not None
    command = stage.network.command(_SCANNER, ["svcrack", "-u", "alice", "-d", str(words), "-t", "0.02", _edge(stage)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as cracker:
        wait_for(lambda: bool(_blocked(stage)), 8.0, "nobody is blocked")
        wait_for(lambda: _SOURCE in _kernel(stage), 3.0, "the kernel has not been told")
        peers.sipp(CAROL, "udp").call("bob", milliseconds=300)
        cracker.terminate()
        shown = cracker.communicate(timeout=5)[0]
    assert ALICE.password not in shown
    (block,) = _blocked(stage)
    assert (block["source"], block["by"]) == (_SOURCE, "nftables")
    assert block["category"] in ("authentication", "scanner"), "its User-Agent gives it away first"


def test_existing_and_unknown_users_get_the_same(stage: Stage, phones: Session) -> None:
    """R43: status, fields, size and timing say nothing of who is there."""
    found = json.loads(_run(stage, sys.executable, _PROBE, _edge(stage), ALICE.name, "nobody"))
    there, nobody = found[ALICE.name], found["nobody"]
    for kind in ("REGISTER", "INVITE", "OPTIONS", "wrong"):
        assert _without_numbers(there[kind]) == _without_numbers(nobody[kind])
        times = [statistics.median(each[f"{kind} ms"]) for each in (there, nobody)]
        assert abs(times[0] - times[1]) < 3.0, f"{kind}: {times} ms"


def _without_numbers(answer: str) -> str:
    return re.sub(r"probe-[0-9]+", "probe", answer)
