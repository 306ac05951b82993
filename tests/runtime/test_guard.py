"""The guard process: what it lets be asked, the nft scripts it makes, and the kernel's verdict on them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from ipaddress import ip_network

import pytest

from seaway.runtime import guard as module
from seaway.runtime.guard import Guard, run_guard, table_of

EXEMPT = [ip_network("10.0.1.0/24"), ip_network("2001:db8:1:2::/64")]


class Nft:
    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.failure: str | None = None

    def __call__(self, script: str) -> str | None:
        self.scripts.append(script)
        return self.failure


def ask(guard: Guard, **question: object) -> str | None:
    answer = json.loads(guard.answer(json.dumps(question).encode()))
    assert set(answer) == {"source", "failed"}
    failed: str | None = answer["failed"]
    return failed


def test_blocking_and_lifting() -> None:
    nft = Nft()
    guard = Guard("t", EXEMPT, nft)
    assert ask(guard, do="unblock", source="192.0.2.7") is None and nft.scripts == [], "there is no table yet"
    assert ask(guard, do="block", source="192.0.2.7", seconds=600) is None
    assert "add table inet t" in nft.scripts[0] and "{ 192.0.2.7 timeout 600s }" in nft.scripts[0]
    assert ask(guard, do="block", source="2001:db8:7:7::", seconds=1) is None
    assert "blocked6 { 2001:db8:7:7:: timeout 1s }" in nft.scripts[1] and "add table" not in nft.scripts[1]
    assert ask(guard, do="unblock", source="192.0.2.7") is None and nft.scripts[2].startswith("delete element inet t")
    assert ask(guard, do="flush") is None and nft.scripts[3].endswith("delete table inet t\n")


@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("10.0.1.9", 60), ("2001:db8:1:2::", 60),  # exempt
        ("2001:db8:7:7::%eth0", 60), ("2001:db8:7:7::%x }\nflush ruleset\n#", 60),
        ("192.0.2.0/24", 60), ("x; flush ruleset", 60), ("2001:db8::1", 60), (None, 60), (7, 60), ("", 60),
        ("192.0.2.7", 0), ("192.0.2.7", 10**9), ("192.0.2.7", "60s"), ("192.0.2.7", True), ("192.0.2.7", None),
    ],
)  # fmt: skip
def test_what_is_not_blocked(source: object, seconds: object) -> None:
    nft = Nft()
    assert ask(Guard("t", EXEMPT, nft), do="block", source=source, seconds=seconds) is not None and nft.scripts == []


@pytest.mark.parametrize("question", [{"do": "reboot", "source": "192.0.2.7", "seconds": 60}, {"source": "192.0.2.7"}])
def test_what_is_not_done(question: dict[str, object]) -> None:
    nft = Nft()
    assert ask(Guard("t", EXEMPT, nft), **question) is not None and nft.scripts == []


def test_nonsense_is_answered() -> None:
    guard = Guard("t", EXEMPT, Nft())
    for data in (b"", b"\xff", b"[]", b"[" * 4000, b'{"source": 7}'):
        assert json.loads(guard.answer(data))["failed"]


def test_a_failure_of_nft_is_told_and_the_table_tried_again() -> None:
    nft = Nft()
    nft.failure = "Operation not permitted"
    guard = Guard("t", EXEMPT, nft)
    for _ in range(2):
        assert ask(guard, do="block", source="192.0.2.7", seconds=60) == nft.failure
        assert "add table" in nft.scripts[-1]


def test_table_names() -> None:
    assert table_of("edge1") == "seaway_guard_edge1" and table_of("edge-1.a\n") == "seaway_guard_edge_1_a_"


def test_without_nft_the_process_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    asking, answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    done: list[str] = []
    asking.send(b'{"do": "block", "source": "192.0.2.7", "seconds": 60}')
    asking.shutdown(socket.SHUT_WR)
    run_guard("edge1", EXEMPT, answering, lambda: done.append("left"), lambda: done.append("ready"))
    assert done == ["left", "ready"] and json.loads(asking.recv(4096))["failed"] == "there is no nft"
    asking.close()
    answering.close()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft")
def test_the_kernel_takes_the_scripts() -> None:
    """In a network namespace of its own: nothing of this host is touched."""
    name = f"seaway-guard-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:

        def inside(*command: str, script: str = "") -> str:
            done = subprocess.run(
                ["ip", "netns", "exec", name, *command], input=script, capture_output=True, text=True, check=False
            )
            return done.stderr if done.returncode else done.stdout

        guard = Guard("t", EXEMPT, lambda script: inside("nft", "-f", "-", script=script) or None)
        for _ in range(2):  # again: the time is set anew, and nothing is there twice
            for source in ("192.0.2.7", "2001:db8:7:7::"):
                assert ask(guard, do="block", source=source, seconds=600) is None
        Guard("t", EXEMPT, guard._nft).answer(b'{"do": "block", "source": "192.0.2.8", "seconds": 60}')
        shown = inside("nft", "list", "table", "inet", "t")
        assert "192.0.2.7 timeout 10m" in shown and "2001:db8:7:7:: timeout 10m" in shown and "192.0.2.8" in shown
        assert shown.count("@blocked4 counter") == 1, "a second guard after a crash adds no second rule"
        assert ask(guard, do="unblock", source="192.0.2.7") is None
        assert "192.0.2.7" not in inside("nft", "list", "table", "inet", "t")
        assert guard.remove() is None and inside("nft", "list", "tables") == ""
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
