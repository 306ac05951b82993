"""Load with sipp: one caller at a fixed rate, and one callee for as long as it is needed."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from processes import Process, cpu_seconds, start, tree, wait_for
from sockets import udp_bound

__all__ = [
    "CALLEE",
    "TRUNK_CALLEE",
    "TRUSTED",
    "UNTRUSTED",
    "BenchError",
    "Load",
    "Outcome",
    "callee",
    "run_load",
    "sipp_version",
]

TRUSTED = "127.0.12.10"  # the caller whose address is in a neighbour zone
UNTRUSTED = "127.0.14.10"  # the caller who has to authenticate
CALLEE = ("127.0.13.10", 5060)
TRUNK_CALLEE = "127.0.13.11"
_HERE = Path(__file__).resolve().parent
_CALLER_PORT = 5070
_CONTROL = {"caller": 18888, "callee": 18889}  # sipp's own UDP control ports


class BenchError(Exception):
    """A benchmark could not run, or its result does not count; the text is one line."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. `rate` is in units (calls, requests) per second. `digest` is the number of users who register with
    credentials, by `digest_load.py` instead of sipp; `trunk` is "tcp" or "tls" for calls by `trunk_load.py`, with the
    certificates in the folder `certificates`."""

    scenario: str
    rate: int
    count: int
    source: str = TRUSTED
    users: Path | None = None  # injection file
    digest: int = 0
    trunk: str = ""
    certificates: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `cpu` is what the subject used meanwhile, in seconds."""

    successful: int
    failed: int
    retransmissions: int
    cpu: float


def sipp_version() -> str:
    """The version as sipp prints it, such as "v3.6.1"."""
    if shutil.which("sipp") is None:
        raise BenchError("sipp is not installed: install the package sip-tester")
    shown = subprocess.run(["sipp", "-v"], capture_output=True, text=True, check=False).stdout
    return next((word.rstrip(".").partition("-")[0] for word in shown.split() if word.startswith("v")), "unknown")


def callee(scenario: str, core: int, folder: Path) -> Process:
    """Start the answering side on `CALLEE`."""
    host, port = CALLEE
    command = _command("callee", scenario, host, port)
    process = start(command, core=core, output=folder / "callee.log", environment={"TERM": "dumb"})
    if not wait_for(lambda: process.popen.poll() is not None or udp_bound(host, port), 5.0) or not udp_bound(
        host, port
    ):
        process.stop()
        raise BenchError(f"sipp does not listen on {host}:{port}: {process.tail()}")
    return process


def run_load(load: Load, target: tuple[str, int], subject: int, core: int, folder: Path) -> Outcome:
    """Run one load against `target`; `subject` is the process whose CPU time is taken. Raises `BenchError`."""
    statistics = folder / "caller.csv"
    output = folder / "caller.log"
    for each in (statistics, output):
        each.unlink(missing_ok=True)
    expected = load.count / load.rate
    if load.digest:
        command = [
            sys.executable, str(_HERE / "digest_load.py"), target[0], str(target[1]), load.source, str(load.rate),
            str(load.count), str(load.digest),
        ]  # fmt: skip
    elif load.trunk:
        command = [
            sys.executable, str(_HERE / "trunk_load.py"), target[0], str(target[1]), load.source, TRUNK_CALLEE,
            str(target[1]), str(load.rate), str(load.count), *([str(load.certificates)] if load.certificates else []),
        ]  # fmt: skip
    else:
        command = [
            *_command("caller", load.scenario, load.source, _CALLER_PORT), f"{target[0]}:{target[1]}",
            "-r", str(load.rate), "-m", str(load.count), "-l", str(max(200, 2 * load.rate)),
            "-trace_stat", "-stf", str(statistics), "-fd", "1",
            "-timeout", f"{round(expected + 20)}s", "-timeout_error", "-recv_timeout", "10000",
            "-trace_err", "-error_file", str(folder / "caller.err"),
        ]  # fmt: skip
        if load.users is not None:
            command += ["-inf", str(load.users)]
    pids = tree(subject)
    before = cpu_seconds(pids)
    process = start(command, core=core, output=output, environment={"TERM": "dumb"})
    try:
        status = process.popen.wait(expected + 40)
    except subprocess.TimeoutExpired:
        raise BenchError(f"the load {load.scenario} did not come to an end") from None
    finally:
        used = cpu_seconds(pids) - before
        process.stop()
    try:
        return Outcome(*(_of_ours(output) if load.digest or load.trunk else _of_sipp(statistics)), used)
    except (OSError, ValueError, LookupError):
        raise BenchError(f"the load {load.scenario} ended with status {status}: {process.tail()}") from None


def _of_ours(output: Path) -> tuple[int, int, int]:
    successful, failed, retransmissions = json.loads(output.read_text(encoding="ascii"))
    return successful, failed, retransmissions


def _of_sipp(statistics: Path) -> tuple[int, int, int]:
    with statistics.open(encoding="ascii", newline="") as stream:
        last = list(csv.DictReader(stream, delimiter=";"))[-1]
    return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), int(last["Retransmissions(C)"])


def _command(role: str, scenario: str, host: str, port: int) -> list[str]:
    return [
        "sipp", "-sf", str(_HERE / "scenarios" / f"{scenario}.xml"), "-i", host, "-p", str(port), "-bind_local",
        "-nostdin", "-ci", "127.0.0.1", "-cp", str(_CONTROL[role]), "-buff_size", "1048576", "-deadcall_wait", "0",
    ]  # fmt: skip
