from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from seaway.runtime.ipc import IpcError, LineConnection, ask, dial, serve


class Recorder:
    def __init__(self) -> None:
        self.connections: list[LineConnection] = []
        self.lines: list[bytes] = []
        self.reasons: list[str] = []

    def connected(self, connection: LineConnection) -> None:
        self.connections.append(connection)

    def line(self, connection: LineConnection, line: bytes) -> None:
        self.lines.append(line)
        if line == b"ping":
            connection.send(b"pong\n")

    def lost(self, connection: LineConnection, reason: str) -> None:
        self.reasons.append(reason)


async def until(condition: object) -> None:
    async with asyncio.timeout(3):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def test_lines_however_they_are_cut(tmp_path: Path) -> None:
    async def main() -> None:
        served = Recorder()
        server = await serve(tmp_path / "s", served, max_line=100)
        client = await dial(tmp_path / "s", Recorder(), max_line=100)
        for piece in (b"on", b"e\ntwo\nth", b"ree", b"\n\nlast\n"):
            client.send(piece)
            await asyncio.sleep(0.01)
        assert served.lines == [b"one", b"two", b"three", b"", b"last"]
        client.close()
        server.close()

    asyncio.run(main())


@pytest.mark.parametrize("data", [b"x" * 101, b"x" * 101 + b"\n", b"ok\n" + b"y" * 500])
def test_a_line_that_is_too_long_ends_the_connection(tmp_path: Path, data: bytes) -> None:
    async def main() -> None:
        served = Recorder()
        server = await serve(tmp_path / "s", served, max_line=100)
        client = await dial(tmp_path / "s", Recorder(), max_line=100)
        client.send(b"z" * 100 + b"\n")
        client.send(data)
        await until(lambda: served.reasons)
        assert served.reasons == ["a line is longer than 100 octets"]
        assert served.lines[0] == b"z" * 100 and b"x" * 101 not in served.lines
        server.close()

    asyncio.run(main())


def test_a_reader_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        served = Recorder()
        server = await serve(tmp_path / "s", served, max_line=100, max_unsent=100_000)
        with socket.socket(socket.AF_UNIX) as lazy:
            lazy.connect(str(tmp_path / "s"))
            await until(lambda: served.connections)
            for _ in range(1000):
                served.connections[0].send(b"e" * 1000 + b"\n")
            await until(lambda: served.reasons)
        assert served.reasons == ["the other side left 100000 octets unread"]
        server.close()

    asyncio.run(main())


def test_private_and_only_for_root_and_ourselves(tmp_path: Path) -> None:
    async def main() -> None:
        served = Recorder()
        server = await serve(tmp_path / "s", served, max_line=100)
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
        client = await dial(tmp_path / "s", Recorder(), max_line=100)
        await until(lambda: served.connections)
        assert served.connections[0].peer_uid == os.geteuid()
        assert served.connections[0].peer_pid == os.getpid()
        client.close()
        server.close()

    asyncio.run(main())


def test_another_user_is_turned_away() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        served = Recorder()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(
            lambda: LineConnection(served, max_line=100, max_unsent=100, only_uids=frozenset({os.geteuid() + 1})), ours
        )
        theirs.setblocking(False)
        assert await loop.sock_recv(theirs, 10) == b""
        theirs.close()
        assert served.connections == [] and served.reasons == []

    asyncio.run(main())


def test_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as crashed:
            crashed.bind(str(path))
        server = await serve(path, Recorder(), max_line=100)
        assert await ask(path, b"ping\n", max_line=100) == b"pong"
        with pytest.raises(IpcError, match="another process serves it"):
            await serve(path, Recorder(), max_line=100)
        server.close()

    asyncio.run(main())


def test_paths_that_cannot_be_used(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "file").write_text("precious")
        with pytest.raises(IpcError, match="no socket; remove it"):
            await serve(tmp_path / "file", Recorder(), max_line=100)
        assert (tmp_path / "file").read_text() == "precious"
        with pytest.raises(IpcError, match="check the run directory"):
            await serve(tmp_path / "none" / "s", Recorder(), max_line=100)

    asyncio.run(main())


def test_number_of_connections_is_bounded(tmp_path: Path) -> None:
    async def main() -> None:
        served = Recorder()
        server = await serve(tmp_path / "s", served, max_line=100, max_connections=2)
        clients = [Recorder() for _ in range(3)]
        for each in clients:
            await dial(tmp_path / "s", each, max_line=100)
        await until(lambda: clients[2].reasons)
        assert len(served.connections) == 2 and clients[0].reasons == []
        server.close()
        for connection in served.connections:
            connection.close()

    asyncio.run(main())


def test_ask_without_an_answer(tmp_path: Path) -> None:
    async def main() -> None:
        server = await serve(tmp_path / "s", Recorder(), max_line=100)
        with pytest.raises(IpcError, match=r"no answer in 0\.02 s"):
            await ask(tmp_path / "s", b"hm\n", max_line=100, timeout=0.02)
        server.close()

    asyncio.run(main())
