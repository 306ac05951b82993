"""Blocks are applied, asked of the guard, kept over a restart, shown, and lifted."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from seaway.observe.counters import Counters
from seaway.policy.intrusion import LONGEST_BLOCK, Category, Trigger
from seaway.runtime.protection import STATE_FILE, Protection
from tests.runtime.rig import run, until

TRIGGERS = {Category.AUTHENTICATION: Trigger(2, 60.0, 600.0)}


class Rig:
    def __init__(self, folder: Path, link: socket.socket | None = None) -> None:
        self.now = 1000.0
        self.closed: list[str] = []
        self.counters = Counters()
        self.protection = Protection(folder, TRIGGERS, (), self.counters, link=link, clock=lambda: self.now)

        def closing(blocked: Callable[[str], bool]) -> None:
            self.closed += [each for each in ("192.0.2.7", "192.0.2.8", "2001:db8::9") if blocked(each)]

        self.protection.closing = closing

    def catch(self, address: str, count: int = 2) -> None:
        for _ in range(count):
            self.protection.report(Category.AUTHENTICATION, address)


def test_blocking(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        rig.catch("192.0.2.7", 1)
        assert not rig.protection and "192.0.2.7" not in rig.protection
        rig.catch("192.0.2.7", 1)
        assert rig.protection and "192.0.2.7" in rig.protection and "192.0.2.8" not in rig.protection
        assert rig.closed == ["192.0.2.7"]
        rig.catch("2001:db8::1")
        assert "2001:db8::ffff" in rig.protection and rig.closed[1:] == ["192.0.2.7", "2001:db8::9"]
        (one, other) = rig.protection.rows()
        assert (one["source"], one["category"], one["seconds_left"], one["by"]) == (
            "192.0.2.7", "authentication", 600, "node"
        )  # fmt: skip
        assert other["source"] == "2001:db8::/64"

    run(main)


def test_a_restart_does_not_end_a_block(tmp_path: Path) -> None:
    async def main() -> None:
        first = Rig(tmp_path)
        first.catch("192.0.2.7")
        first.catch("2001:db8::1")
        assert stat.S_IMODE((tmp_path / STATE_FILE).stat().st_mode) == 0o600
        second = Rig(tmp_path)
        second.now += 500
        second.protection.start()
        assert "192.0.2.7" in second.protection and "2001:db8::5" in second.protection
        assert second.protection.rows()[0]["seconds_left"] == 100
        second.now += 100
        second.protection._sweep()
        assert not second.protection and json.loads((tmp_path / STATE_FILE).read_text()) == []
        second.protection.stop()

    run(main)


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "[[1]]", '[["x", "y", 1, 2]]', "{}", "[" * 9000, '[["x", "flood", 1000, 2000]]',
        '[["192.0.2.7", "flood", -Infinity, 2000]]', '[["192.0.2.7", "flood", 1000, -Infinity]]',
    ],
)  # fmt: skip
def test_a_broken_state_file_is_none(tmp_path: Path, text: str) -> None:
    async def main() -> None:
        (tmp_path / STATE_FILE).write_text(text)
        rig = Rig(tmp_path)
        rig.protection.start()
        assert not rig.protection
        rig.protection.stop()

    run(main)


@pytest.mark.parametrize("since", ["900", "9e9", "Infinity", "NaN"])
@pytest.mark.parametrize("until", ["9e9", "Infinity", "NaN"])
def test_no_kept_block_is_longer_than_the_longest(tmp_path: Path, since: str, until: str) -> None:
    async def main() -> None:
        (tmp_path / STATE_FILE).write_text(f'[["192.0.2.7", "flood", {since}, {until}]]')
        rig = Rig(tmp_path)
        rig.protection.start()
        (row,) = rig.protection.rows()
        assert row["seconds_left"] == LONGEST_BLOCK and row["blocked_for"] in (0, 100)
        rig.protection.stop()

    run(main)


def test_lifting(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        rig.catch("192.0.2.7")
        rig.catch("192.0.2.8")
        assert rig.protection.unblock("192.0.2.9") == 0
        assert rig.protection.unblock("192.0.2.7") == 1 and "192.0.2.7" not in rig.protection
        assert rig.protection.unblock(None) == 1 and not rig.protection
        assert json.loads((tmp_path / STATE_FILE).read_text()) == []

    run(main)


def test_the_guard_is_asked(tmp_path: Path) -> None:
    async def main() -> None:
        asking, answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        rig = Rig(tmp_path, asking)
        rig.protection.start()
        rig.catch("192.0.2.7")
        assert json.loads(answering.recv(4096)) == {"do": "block", "source": "192.0.2.7", "seconds": 600}
        answering.send(b'{"source": "192.0.2.7", "failed": null}')
        answering.send(b'{"source": "192.0.2.66", "failed": null}')
        await until(lambda: rig.protection.rows()[0]["by"] == "nftables")
        rig.protection.unblock("192.0.2.7")
        assert json.loads(answering.recv(4096)) == {"do": "unblock", "source": "192.0.2.7"}
        rig.catch("192.0.2.8")
        answering.recv(4096)
        answering.send(b'{"source": "192.0.2.8", "failed": "Operation not permitted"}')
        answering.send(b"nonsense")
        await until(lambda: rig.protection._complained)
        assert rig.protection.rows()[0]["by"] == "node" and "192.0.2.8" in rig.protection
        rig.protection.stop()
        asking.close()
        answering.close()

    run(main)


def test_a_guard_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    async def main() -> None:
        asking, answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        rig = Rig(tmp_path, asking)
        rig.protection.start()
        for number in range(2000):
            rig.protection._ask({"do": "unblock", "source": f"10.0.0.{number}"})
        assert rig.counters.get("protection.guard_busy") > 0
        rig.protection.stop()
        asking.close()
        answering.close()

    run(main)
