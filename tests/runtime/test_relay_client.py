from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seaway.media.protocol import List, Listed
from seaway.runtime.ipc import IpcError, LineConnection, serve
from seaway.runtime.relay_client import RelayLost

from .loopback_pair import Signal

LISTED = b'{"type":"Listed","request":1,"sessions":[]}\n'


class FakeRelay:
    """Answers each line with `answer`."""

    def __init__(self, answer: bytes = LISTED) -> None:
        self.answer = answer
        self.open: list[LineConnection] = []

    def connected(self, connection: LineConnection) -> None:
        self.open.append(connection)

    def line(self, connection: LineConnection, line: bytes) -> None:
        connection.send(self.answer)

    def lost(self, connection: LineConnection, reason: str) -> None:
        self.open.remove(connection)


async def until(condition: object) -> None:
    async with asyncio.timeout(3):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def test_waits_for_a_relay_that_starts_later(tmp_path: Path) -> None:
    async def main() -> None:
        signal = Signal(tmp_path / "relay.sock")
        connecting = asyncio.create_task(signal.client.connect())
        await asyncio.sleep(0.02)
        assert not signal.client.is_connected
        with pytest.raises(RelayLost, match=r"relay\.sock"):
            signal.client.send(List(1))
        server = await serve(tmp_path / "relay.sock", FakeRelay(), max_line=1000)
        await connecting
        assert (await signal.ask(List(1), Listed)).sessions == ()
        await signal.client.close()
        server.close()

    asyncio.run(main())


def test_gives_up_with_the_reason(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(IpcError, match="is the process that serves it running"):
            await Signal(tmp_path / "relay.sock").client.connect(timeout=0.01)

    asyncio.run(main())


def test_reconnects_after_a_restart_and_tells_both(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "relay.sock"
        signal = Signal(path)
        relay = FakeRelay()
        server = await serve(path, relay, max_line=1000)
        await signal.client.connect()
        await until(lambda: relay.open)
        server.close()
        relay.open[0].close()
        await until(lambda: signal.lost)
        assert not signal.client.is_connected
        server = await serve(path, FakeRelay(), max_line=1000)
        await until(lambda: signal.connects == 2)
        assert (await signal.ask(List(2), Listed)).request == 1
        await signal.client.close()
        await asyncio.sleep(0.01)
        assert len(signal.lost) == 1  # closing ourselves is no loss
        server.close()

    asyncio.run(main())


def test_a_relay_that_talks_nonsense_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        signal = Signal(tmp_path / "relay.sock")
        server = await serve(tmp_path / "relay.sock", FakeRelay(b'{"type":"Moon"}\n'), max_line=1000)
        await signal.client.connect()
        signal.client.send(List(1))
        await until(lambda: signal.lost)
        assert "no valid message" in signal.lost[0]
        await signal.client.close()
        server.close()

    asyncio.run(main())
