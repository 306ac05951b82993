"""SIP over WebSocket on real sockets, against the client of the `websockets` library and raw octets."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from seaway.call.config import Listener
from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import resolve
from seaway.observe.counters import Counters
from seaway.runtime.driver import Driver
from seaway.runtime.listener import Connections, StreamListener
from seaway.runtime.sockets import Sockets
from seaway.runtime.tls import load_contexts
from seaway.runtime.websocket import WebSocketConnection
from tests.runtime.rig import (
    DEPLOYMENT,
    EDGE_OUTER,
    OUTSIDE,
    EchoCore,
    certificates,
    message,
    run,
    tls_files,
    until,
    within,
)

PORT = 7443
ORIGIN = "https://app.example.test"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls"))


class Edge:
    def __init__(self, files: Path, per_source: int = 50, patience: float = 30.0) -> None:
        self.core = EchoCore()
        self.driver = Driver(self.core, Counters())
        deployment = parse_deployment(DEPLOYMENT.replace("edge_tcp = true", "edge_tcp = true\nedge_wss = true"))
        sockets = Sockets(resolve(deployment), "edge1")
        self.connections = Connections(self.driver, limit=100, per_source=per_source, patience=patience)
        listener = Listener("wss", (EDGE_OUTER, PORT), (EDGE_OUTER, PORT), "outer", "Y11-01")
        self.listener = StreamListener(
            sockets.listen("Y11-01", "outer", PORT), listener, load_contexts(tls_files(files, "edge1")),
            self.connections, self.driver, partial(WebSocketConnection, origins=[ORIGIN]),
        )  # fmt: skip

    @property
    def only(self) -> WebSocketConnection:
        (made,) = self.connections._open
        assert isinstance(made, WebSocketConnection)
        return made

    def close(self) -> None:
        self.listener.close()
        self.connections.close()
        self.driver.stop()


@asynccontextmanager
async def edge(files: Path, **limits: Any) -> AsyncIterator[Edge]:
    made = Edge(files, **limits)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0.01)


def opened(files: Path, **options: Any) -> connect:
    context = ssl.create_default_context(cafile=str(files / "ca.pem"))
    options.setdefault("subprotocols", ["sip"])
    options.setdefault("origin", ORIGIN)
    return connect(
        f"wss://{EDGE_OUTER}:{PORT}/any", ssl=context, server_hostname="edge1.example.test", proxy=None,
        local_addr=(OUTSIDE, 0), **options,
    )  # fmt: skip


async def raw(files: Path, octets: bytes) -> bytes:
    """What is answered to `octets` until the connection is closed."""
    context = ssl.create_default_context(cafile=str(files / "ca.pem"))
    reader, writer = await within(
        asyncio.open_connection(
            EDGE_OUTER, PORT, ssl=context, server_hostname="edge1.example.test", local_addr=(OUTSIDE, 0)
        )
    )
    writer.write(octets)
    found: bytes = await within(reader.read())
    writer.close()
    return found


def test_one_message_in_each_direction_is_one_websocket_message(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made, opened(files) as client:
            assert client.subprotocol == "sip"
            for sent in (message(1), message(2, b"b" * 60_000)):
                await client.send(sent.decode())
                assert await within(client.recv()) == sent.decode()
            await client.send(message(3))  # binary is as good
            assert await within(client.recv()) == message(3).decode()
            await client.send(message(4, b"\xff\xfe"))
            assert await within(client.recv()) == message(4, b"\xff\xfe"), "what is no UTF-8 goes as binary"
            await client.send([message(5).decode()[:20], message(5).decode()[20:]])  # fragments
            assert await within(client.recv()) == message(5).decode()
            (flow,) = {flow for _, flow in made.core.received}
            assert (flow.transport, flow.row, flow.nic, flow.remote[0]) == ("wss", "Y11-01", "outer", OUTSIDE)
            assert made.core.opened == [flow]
            await client.close()
            await until(lambda: made.core.closed == [(flow, "closed by the peer")])
            await until(lambda: len(made.connections) == 0)

    run(main)


def test_keep_alives_of_both_kinds(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made, opened(files) as client:
            await client.send("\r\n\r\n")  # RFC 7118 §6, RFC 5626 §4.4.1
            assert await within(client.recv()) == "\r\n"
            await client.send("\r\n")
            await until(lambda: made.core.pongs == 1)
            await within(await client.ping())
            assert made.core.received == []

    run(main)


def test_a_quiet_browser_is_pinged_and_a_dead_one_closed(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made, opened(files, ping_interval=None) as client:
            await client.send(message())
            await within(client.recv())
            connection, now = made.only, time.monotonic()
            assert connection.overdue(now + 25, 1000.0) is None and connection.pinged is None
            assert connection.overdue(now + 31, 1000.0) is None and connection.pinged == now + 31
            assert connection.overdue(now + 50, 1000.0) is None
            assert connection.overdue(now + 52, 1000.0) == "no pong within 20 s"
            await until(lambda: connection.pinged is None)  # the library has answered meanwhile
            assert connection.overdue(now + 31.5, 1000.0) is None

    run(main)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"subprotocols": None}, 400), ({"subprotocols": ["xmpp"]}, 400), ({"origin": "https://evil.test"}, 403),
        ({"origin": "http://app.example.test"}, 403), ({"origin": "null"}, 403),
    ],
)  # fmt: skip
def test_who_may_open_one(files: Path, options: dict[str, Any], status: int) -> None:
    async def main() -> None:
        async with edge(files) as made:
            with pytest.raises(InvalidStatus) as caught:
                async with opened(files, **options):
                    pass
            assert caught.value.response.status_code == status and made.core.opened == []
            async with opened(files, origin=None):  # a program
                assert len(made.core.opened) == 1
            await until(lambda: len(made.connections) == 0)

    run(main)


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 405 "),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 "),
        (message(), b""),
        (b"\0" * 100 + b"\r\n", b""),
        (b"GET / HTTP/1.1\r\n" + b"X-Much: %b\r\n" % (b"y" * 1000) * 17, b""),  # and it goes on and on
    ],
)
def test_r36_what_is_no_websocket_is_closed(files: Path, octets: bytes, answer: bytes) -> None:
    """R36: another protocol on the port ends with its first line."""

    async def main() -> None:
        async with edge(files) as made:
            said = await raw(files, octets)
            assert said.startswith(answer) and (answer or not said)
            assert made.core.opened == [] and made.driver.counters.get("sip.websocket.refused") == 1
            await until(lambda: len(made.connections) == 0)

    run(main)


def test_a_flood_of_nonsense_fills_no_log(files: Path) -> None:
    """What strangers do to sockets is told ten times a second."""

    async def main() -> None:
        async with edge(files) as made:
            said: list[str] = []
            made.driver.log = SimpleNamespace(  # type: ignore[assignment]
                info=lambda event, **fields: said.append(event), warning=lambda event, **fields: said.append(event)
            )
            assert not await raw(files, message())
            await until(lambda: said == ["websocket.refused"])
            for _ in range(10):
                made.driver.noise.allows(float("inf"))  # this second is used up
            assert not await raw(files, message())
            await until(lambda: made.driver.counters.get("sip.websocket.refused") == 2)
            assert said == ["websocket.refused"]
            assert made.driver.counters.get("log.suppressed.sockets") == 1

    run(main)


async def closed(client: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        await within(client.recv())
    return client.close_code


def test_r69_messages_and_fragments_are_bounded(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            async with opened(files) as client:
                await client.send("x" * 98_305)
                assert await closed(client) == 1009
            async with opened(files) as client:
                await client.send(["x" * 1000] * 99)  # 99,000 together
                assert await closed(client) == 1009
            async with opened(files) as client:
                await client.send(["x"] * 200)
                assert await closed(client) == 1008
            await until(lambda: len(made.connections) == 0)
            assert made.core.received == []
            async with opened(files) as client:
                await client.send(message())
                assert await within(client.recv()) == message().decode()

    run(main)


def test_slow_ones_and_crowds_are_closed(files: Path) -> None:
    async def main() -> None:
        async with edge(files, per_source=2, patience=0.5) as made:
            assert await raw(files, b"GET / HTTP/1.1\r\nHost: x\r\n") == b""  # half a handshake
            async with opened(files) as client:  # a handshake, and no message
                assert await closed(client) in (1006, 1000)
            await until(lambda: len(made.connections) == 0)
            assert made.driver.counters.get("sip.stream.slow") == 2
            async with opened(files), opened(files):
                with pytest.raises((OSError, EOFError, ssl.SSLError, ConnectionClosed)):
                    async with opened(files, open_timeout=2):
                        pass
            assert made.driver.counters.get("sip.stream.over_limit") >= 1

    run(main)


def test_the_core_closes_and_defects_stay_alone(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made, opened(files) as client:
            await client.send(message(1, b"boom"))
            await client.send(message(2))
            assert await within(client.recv()) == message(2).decode()
            made.core.close(made.core.opened[0], "enough")
            made.driver.settle(0.0)
            assert await closed(client) == 1000

    run(main)
