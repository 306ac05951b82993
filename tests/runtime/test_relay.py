"""The relay with real sockets on loopback: a core's and an edge's relay, two phones, and who else may be listening."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from seaway.catalog.ports import PortRange
from seaway.media.encoding import MAX_COMMAND, decode_message, encode
from seaway.media.protocol import (
    Close,
    Closed,
    Failed,
    Latched,
    List,
    Listed,
    Open,
    Opened,
    SetRemote,
    Stats,
    StatsReply,
    StreamRequest,
)
from seaway.observe.alarms import MEDIA_PORTS
from seaway.runtime.alarms import AlarmBook
from seaway.runtime.ipc import ask, serve
from seaway.runtime.journal import Journal
from seaway.runtime.relay import DemuxPorts, Relay, demux_ports
from seaway.runtime.sockets import SocketError, Sockets

from .loopback_pair import (
    CORE,
    DEMUX,
    EDGE_INNER,
    EDGE_OUTER,
    INNER,
    INSIDE,
    OUTER,
    OUTSIDE,
    PROBE,
    STRANGER,
    Phone,
    Signal,
    open_call,
    remote_of,
    resolution,
    rtp,
)  # fmt: skip
from .nets import NET

RTCP = bytes.fromhex("80c90001 00000007")


class Node:
    """One relay of the deployment in this event loop."""

    def __init__(self, name: str, folder: Path) -> None:
        found = resolution()
        self.path = folder / f"{name}.sock"
        self.sockets = Sockets(found, name)
        self.relay = Relay(self.sockets, found.deployment.ports.media, demux_ports(found, name))

    async def start(self) -> None:
        self.server = await serve(self.path, self.relay, max_line=MAX_COMMAND)

    def stop(self) -> None:
        self.server.close()
        self.relay.shut()


class Pair:
    """Core and edge with a call: phone outside - edge - core - phone inside."""

    def __init__(self, folder: Path) -> None:
        self.core, self.edge = Node("core1", folder), Node("edge1", folder)
        self.inside, self.outside, self.stranger = Phone(INSIDE), Phone(OUTSIDE), Phone(STRANGER)
        self.core_signal, self.edge_signal = Signal(self.core.path), Signal(self.edge.path)

    async def call(self) -> None:
        await self.core.start()
        await self.edge.start()
        await self.core_signal.client.connect()
        await self.edge_signal.client.connect()
        self.edge_media = await open_call(self.edge_signal, OUTER, DEMUX)
        self.core_media = await open_call(self.core_signal, PROBE, INNER)
        self.edge_signal.client.send(remote_of("call-1", "a", self.outside))
        self.core_signal.client.send(remote_of("call-1", "b", self.inside))
        demux = self.edge_media.b
        self.core_signal.client.send(
            SetRemote("call-1", 0, "a", demux.rtp, demux.rtcp, (demux.rtp[0],), demux.ufrag, demux.password)
        )
        for _ in range(2):  # RTP and RTCP
            latched = await self.edge_signal.expect(Latched)
            assert (latched.leg, latched.source[0]) == ("b", CORE)
            await self.core_signal.expect(Latched)

    async def speak(self, number: int, tries: int = 1) -> None:
        """One packet each way. The first packets of a call are lost until both sides are learned."""
        for attempt in range(tries):
            self.outside.send(rtp(number), self.edge_media.a.rtp)
            self.inside.send(rtp(number), self.core_media.b.rtp)
            try:
                for phone, source in ((self.inside, self.core_media.b.rtp), (self.outside, self.edge_media.a.rtp)):
                    assert await phone.receive(0.2 if attempt + 1 < tries else 2.0) == (rtp(number), source)
                return
            except TimeoutError:
                continue
        raise AssertionError("no media")

    async def close(self) -> None:
        await self.core_signal.client.close()
        await self.edge_signal.client.close()
        for closing in (self.inside, self.outside, self.stranger):
            closing.close()
        self.core.stop()
        self.edge.stop()


@asynccontextmanager
async def pair_with_call() -> AsyncIterator[Pair]:
    with TemporaryDirectory() as folder:
        pair = Pair(Path(folder))
        try:
            await pair.call()
            await pair.speak(1, tries=5)
            yield pair
        finally:
            await pair.close()


def on_a_call(body: Callable[[Pair], Awaitable[None]]) -> None:
    async def main() -> None:
        async with pair_with_call() as pair:
            await body(pair)

    asyncio.run(main())


def test_media_flows_both_ways_from_the_right_ports() -> None:
    async def body(pair: Pair) -> None:
        await pair.speak(2)
        assert pair.edge_media.b.rtp == (EDGE_INNER, 2776) and pair.edge_media.b.rtcp == (EDGE_INNER, 2777)
        assert pair.edge_media.a.rtp[0] == EDGE_OUTER and 36000 <= pair.edge_media.a.rtp[1] <= 59998
        pair.outside.send(b"\x80\x00 no RTP", pair.edge_media.a.rtp)
        pair.outside.send(rtp(3, b"\x55" * 1300), pair.edge_media.a.rtp)
        assert (await pair.inside.receive())[0] == rtp(3, b"\x55" * 1300)
        rows = {row for each in (*pair.core.sockets.table(), *pair.edge.sockets.table()) for row in each.rows}
        assert rows == {"T11-09", "T11-10", "T11-11", "T11-12", "Y01-06", "Y01-07"}
        closed = await pair.edge_signal.ask(Close(5, "call-1"), Closed)
        assert closed.streams[0].from_a.packets >= 3 and closed.streams[0].from_a.refused == 1
        assert closed.streams[0].from_a.source == pair.outside.address
        assert [each.rows for each in pair.edge.sockets.table()] == [("T11-09",), ("T11-10",)]

    on_a_call(body)


def test_exhausted_ports_are_an_alarm_until_some_are_free() -> None:
    async def body() -> None:
        found, book = resolution(), AlarmBook(Journal.create())
        relay = Relay(Sockets(found, "edge1"), PortRange(36000, 36003), demux_ports(found, "edge1"), alarms=book)
        try:
            with TemporaryDirectory() as folder:
                server = await serve(Path(folder) / "s", relay, max_line=MAX_COMMAND)
                signal = Signal(Path(folder) / "s")
                await signal.client.connect()
                await open_call(signal, OUTER, DEMUX)
                await open_call(signal, OUTER, DEMUX, "call-2")
                assert not book.is_raised(MEDIA_PORTS)
                signal.client.send(Open(1, "call-3", "", (StreamRequest(OUTER, DEMUX),)))
                assert (await signal.expect(Failed)).what == "ports-exhausted"
                assert book.is_raised(MEDIA_PORTS) and book.next_deadline() is None
                await signal.client.close()
                server.close()
        finally:
            relay.shut()

    asyncio.run(body())


def test_rtcp_flows_on_its_own_ports() -> None:
    async def body(pair: Pair) -> None:
        outside, inside = Phone(OUTSIDE), Phone(INSIDE)
        try:
            outside.send(RTCP, pair.edge_media.a.rtcp)
            await pair.edge_signal.expect(Latched)
            inside.send(RTCP, pair.core_media.b.rtcp)
            assert await outside.receive() == (RTCP, pair.edge_media.a.rtcp)
            outside.send(RTCP, pair.edge_media.a.rtcp)
            assert await inside.receive() == (RTCP, pair.core_media.b.rtcp)
        finally:
            outside.close()
            inside.close()

    on_a_call(body)


def test_injected_packets_are_neither_forwarded_nor_answered() -> None:
    # R12, on every port of both relays
    async def body(pair: Pair) -> None:
        ports = [pair.edge_media.a.rtp, pair.edge_media.b.rtp, pair.core_media.a.rtp, pair.core_media.b.rtp]
        for number in range(250):
            for port in ports:
                pair.stranger.send(rtp(number), port)
        await pair.speak(2)
        assert pair.stranger.empty() and pair.inside.empty() and pair.outside.empty()
        stats = await pair.core_signal.ask(Stats(7, "call-1"), StatsReply)
        assert stats.sessions[0].streams[0].from_a.refused == 250
        assert stats.sessions[0].streams[0].from_b.refused == 250

    on_a_call(body)


def test_media_outlives_signalling_which_takes_its_calls_over() -> None:
    async def body(pair: Pair) -> None:
        await pair.edge_signal.client.close()
        await pair.speak(2)
        successor = Signal(pair.edge.path)
        await successor.client.connect()
        listed = await successor.ask(List(1), Listed)
        assert [(each.session, each.label) for each in listed.sessions] == [("call-1", "label of call-1")]
        assert listed.sessions[0].addresses == (pair.edge_media,)
        await pair.speak(3)
        assert isinstance(await successor.ask(Close(2, "call-1"), Closed), Closed)
        await successor.client.close()

    on_a_call(body)


def test_who_only_looks_is_told_no_events() -> None:
    """An event in front of the answer was taken for the answer by `seaway status relay`."""

    async def body(pair: Pair) -> None:
        reader, writer = await asyncio.open_unix_connection(str(pair.edge.path))
        outside = Phone(OUTSIDE)
        try:
            writer.write(encode(Stats(1)))
            assert isinstance(decode_message(await reader.readline()), StatsReply)
            await pair.edge_signal.expect(Latched)  # what the call left
            outside.send(RTCP, pair.edge_media.a.rtcp)
            latched = await pair.edge_signal.expect(Latched)
            assert latched.component == "rtcp"
            writer.write(encode(Stats(2)))
            answer = decode_message(await asyncio.wait_for(reader.readline(), 2.0))
            assert isinstance(answer, StatsReply) and answer.request == 2
        finally:
            writer.close()
            outside.close()

    on_a_call(body)


def test_only_one_process_owns_the_sessions() -> None:
    async def body(pair: Pair) -> None:
        status = Signal(pair.edge.path)
        await status.client.connect()
        assert len((await status.ask(Stats(1), StatsReply)).sessions) == 1
        refused = await status.ask(Close(2, "call-1"), Failed)
        assert (refused.request, refused.what) == (2, "not-owner") and str(os.getpid()) in refused.reason
        await pair.speak(2)
        await status.client.close()

    on_a_call(body)


def test_a_line_that_is_no_command_ends_that_connection_only() -> None:
    async def body(pair: Pair) -> None:
        answer = await ask(pair.edge.path, b"GET / HTTP/1.1\n", max_line=4096)
        assert b'"what":"protocol-error"' in answer
        await pair.speak(2)

    on_a_call(body)


def test_a_port_of_the_range_that_is_taken_is_passed_over() -> None:
    class Crowded:
        """Sockets of which the first two are held by somebody else."""

        def __init__(self) -> None:
            self.asked: list[int] = []

        def udp(
            self, rows: object, nic: str, port: int, *, family: int | None = None, adopted: object = None
        ) -> socket.socket:
            self.asked.append(port)
            if len(self.asked) <= 2:
                raise SocketError("T", "a", "the port is in use", "stop it", errno=errno.EADDRINUSE)
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 0))
            return made

    async def main() -> None:
        crowded = Crowded()
        relay = Relay(crowded, resolution().deployment.ports.media)
        reply = relay._engine.command(Open(1, "s", "", (StreamRequest(INNER, OUTER),)), 0.0)
        assert isinstance(reply, Opened) and len(crowded.asked) == 6
        relay.shut()

    asyncio.run(main())


def test_a_demultiplexing_port_in_use_is_one_clear_line() -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind((EDGE_INNER, 2777))
            with pytest.raises(SocketError, match=rf"row T11-10, {re.escape(EDGE_INNER)}:2777/udp: the port is in use"):
                Relay(
                    Sockets(resolution(), "edge1"),
                    resolution().deployment.ports.media,
                    [DemuxPorts("inner", 2776, 2777, "127.0.0.1")],
                )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind((EDGE_INNER, 2776))  # the other port of the pair is free at once

    asyncio.run(main())


PROCESS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
os.environ["SEAWAY_TEST_NET"] = {net!r}
from tests.runtime.loopback_pair import resolution
from seaway.runtime.relay import run_relay
found = resolution()
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
run_relay("edge1", found, Path({folder!r}), ready=lambda: print("ready", flush=True))
"""


def test_the_process_needs_no_privileges_and_stops_on_sigterm() -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        script = PROCESS.format(root=str(Path(__file__).parents[2]), net=NET, folder=folder)
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert any(line == "ready\n" for line in process.stdout)  # the log may come before it
            path = Path(folder, "relay.sock")
            assert path.stat().st_mode & 0o777 == 0o600

            async def main() -> None:
                control = Signal(path)
                await control.client.connect()
                await open_call(control, OUTER, DEMUX)
                await control.client.close()
                again = Signal(path)
                await again.client.connect()
                assert len((await again.ask(List(1), Listed)).sessions) == 1
                process.send_signal(signal.SIGTERM)
                while not again.lost:
                    await asyncio.sleep(0.01)
                await again.client.close()

            asyncio.run(main())
            assert process.wait(5) == 0
            assert not path.exists()
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
