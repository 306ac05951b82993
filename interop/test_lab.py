"""The lab's own commands as a user runs them: demo, proof, several labs at once, and cleaning up after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interop.conftest import lab_name
from seaway.lab.pair import seaway_command
from seaway.lab.plan import VARIANTS


def _seaway(*arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*seaway_command(), "lab", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def _namespaces(name: str) -> list[str]:
    run = Path("/run/netns")
    return [each.name for each in run.glob(f"sw-{name}-*")] if run.exists() else []


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_demo(variant: str) -> None:
    begin = time.monotonic()
    done = _seaway("run", "--once", "--name", "demo", "--variant", variant)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begin < 40
    assert "both calls worked" in done.stdout
    assert not _namespaces("demo")


def test_the_demo_on_loopback() -> None:
    done = _seaway("run", "--once", "--loopback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "without firewalls" in done.stdout


LIVE = {"T5-04", "T6-04", "T11-01", "T11-02", "T11-07", "T11-09", "T11-10", "T11-11", "T11-12", "T11-13"}
LIVE |= {"T11-14", "T11-15", "T11-16", "T11-17", "Y01-01", "Y01-04", "Y01-05", "Y01-06", "Y01-07"}
REMOTE_ACCESS = {"T16-06", "T16-07", "T17-05", "Y07-01"}
WAYS = {"T11-03", "T11-04", "T11-05", "T11-06", "T11-08", "Y01-02", "Y01-03", "Y11-01", "Y11-02"}
TRUNKS = {"T10-02", "T10-03", "T25-02", "T25-03", "T27-03", "T27-05", "T27-06", "T27-07", "T27-08"}
MEDIA = ("T11-09", "T11-11", "T11-13", "T11-16", "Y01-04", "Y01-06")
"""Rows that packets of a fast path belong to: what an engine could do wrong."""


@pytest.mark.parametrize("engine", ["xdp-native", "tc", "userspace"])
def test_the_proof(tmp_path: Path, engine: str) -> None:
    """One variant; `make prove` and the release check run all of them. The first engine has every row removed in turn,
    the others those rows whose packets they carry."""
    out = tmp_path / "proof.json"
    only = [] if engine == "xdp-native" else [f"--only={row}" for row in MEDIA]
    done = _seaway("prove", "--name", lab_name("proof"), "--engine", engine, "--json", str(out), *only, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert found["verdict"] == "pass"
    assert found["engine"] == engine
    assert found["unexplained"] == []
    assert found["rows"].keys() >= (LIVE if only else LIVE | REMOTE_ACCESS | WAYS | TRUNKS)
    assert found["removed"].keys() == (found["rows"].keys() if not only else set(MEDIA))
    assert all(text.startswith("broke: ") and text != "broke: nothing" for text in found["removed"].values())
    assert all(row["live"] and row["packets"] > 0 for row in found["rows"].values())
    carried = {row for row, each in found["rows"].items() if any("fast path" in at for at in each["at"])}
    assert carried >= {"T11-09", "T11-11", "T11-13", "Y01-04", "Y01-06"}, "media was on the fast path"


def test_two_labs_at_once_and_exec() -> None:
    try:
        for name in ("one", "two"):
            done = _seaway("up", "--name", name)
            assert done.returncode == 0, done.stderr
        done = _seaway("exec", "--name", "one", "phone-out", "--", "ping", "-c1", "-W1", "198.51.100.60")
        assert done.returncode == 0, done.stdout
        blocked = _seaway("exec", "--name", "one", "phone-out", "--", "ping", "-c1", "-W1", "203.0.113.20")
        assert blocked.returncode != 0, "a ping went through a firewall without a row"
        assert "seaway_" not in _seaway("status", "--name", "two").stderr
        assert _seaway("down", "--name", "one").returncode == 0
        assert not _namespaces("one")
        assert _namespaces("two"), "taking down one lab took the other along"
    finally:
        for name in ("one", "two"):
            _seaway("down", "--name", name)
    assert not _namespaces("two")


def test_up_is_fast_and_clean_after_a_crash() -> None:
    command = [*seaway_command(), "lab", "run", "--name", "crash"]
    crashed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert crashed.stdout is not None
    for line in crashed.stdout:
        if "registered at core1" in line:
            break
    os.kill(crashed.pid, signal.SIGKILL)
    crashed.wait()
    crashed.stdout.close()
    try:
        assert _namespaces("crash"), "nothing was left to clean, so this proves nothing"
        before = _running_in("crash")
        assert before
        begin = time.monotonic()
        done = _seaway("up", "--name", "crash")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begin < 8  # with the cleaning; the making alone stays below 5
        assert not before & _running_in("crash"), "programs of the crashed run are still there"
    finally:
        _seaway("down", "--name", "crash")
    assert not _namespaces("crash")


def _running_in(name: str) -> set[int]:
    found = set()
    for namespace in _namespaces(name):
        done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
        found |= {int(each) for each in done.stdout.split()}
    return found


def test_a_second_run_of_the_same_lab_is_refused() -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from seaway.lab.network import locked\nwith locked('busy'):\n print('held', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == "held"
        done = _seaway("up", "--name", "busy")
        assert done.returncode == 1
        assert "in use by another" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    finally:
        holder.communicate("\n", timeout=5)
