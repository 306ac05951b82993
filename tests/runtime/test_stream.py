"""SIP over TCP and TLS on real sockets: framing, keep-alives, limits, who may connect, what is dialled and reused."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from seaway.call.config import Listener
from seaway.call.events import KeepFlow
from seaway.core.sip.io import Hop
from seaway.identity.ca import create_authority, issue
from seaway.observe.counters import Counters
from seaway.runtime.dialer import Dialer
from seaway.runtime.driver import Driver
from seaway.runtime.listener import Connections, StreamListener
from seaway.runtime.sockets import Sockets
from seaway.runtime.tls import TlsContexts, load_contexts
from seaway.runtime.tls_files import TlsFiles
from tests.runtime.rig import (
    CORE,
    EDGE_INNER,
    EDGE_OUTER,
    INSIDE,
    OUTSIDE,
    EchoCore,
    certificates,
    message,
    resolution,
    run,
    tls_files,
    until,
    within,
)

PING = b"\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls"))


def contexts(files: Path, node: str) -> TlsContexts:
    return load_contexts(tls_files(files, node))


class Edge:
    """The edge's TCP, TLS, mutual and traversal listeners around an echo core."""

    def __init__(
        self, files: Path, limit: int = 100, per_source: int = 50, patience: float = 30.0,
        asked: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.asked = asked
        self.core = EchoCore()
        self.driver = Driver(self.core, Counters())
        self.sockets = Sockets(resolution(), "edge1")
        self.connections = Connections(self.driver, limit=limit, per_source=per_source, patience=patience)
        self.tls = tls = contexts(files, "edge1")
        self.listeners = [
            self._listen("T11-06", EDGE_OUTER, 5060, "outer", None),
            self._listen("T11-07", EDGE_OUTER, 5061, "outer", tls),
            self._listen("T11-08", EDGE_OUTER, 5062, "outer", tls, mutual=True),
            self._listen("T11-01", EDGE_INNER, 7001, "inner", tls, "pair", mutual=True),
        ]

    def _listen(
        self, row: str, host: str, port: int, nic: str, tls: TlsContexts | None, zone: str | None = None,
        mutual: bool = False,
    ) -> StreamListener:  # fmt: skip
        listener = Listener("tls" if tls else "tcp", (host, port), (host, port), nic, row, mutual, zone)
        sock = self.sockets.listen(row, nic, port)
        return StreamListener(sock, listener, tls, self.connections, self.driver, asked=self.asked)

    def close(self) -> None:
        for each in self.listeners:
            each.close()
        self.connections.close()
        self.driver.stop()


class Core:
    """The core's dialler around a core that only listens."""

    def __init__(self, files: Path, names: dict[str, str] | None = None) -> None:
        self.core = EchoCore(echo=False)  # two echoes would never end
        self.driver = Driver(self.core, Counters())
        self.sockets = Sockets(resolution(), "core1")

        async def resolve(host: str) -> tuple[str, ...]:
            return ((names or {}).get(host, host),)

        self.dialer = Dialer(self.sockets, self.driver, contexts(files, "core1"), resolve, {})
        self.driver.send_to = self.dialer.send

    def send(self, hop: Hop, data: bytes) -> int:
        token = self.core.send_to(hop, data)
        self.driver.settle(0.0)
        return token


@asynccontextmanager
async def edge(files: Path, **limits: Any) -> AsyncIterator[Edge]:
    made = Edge(files, **limits)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0.01)


async def dial(
    port: int = 5060, host: str = EDGE_OUTER, **options: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    options.setdefault("local_addr", (OUTSIDE, 0))
    return await within(asyncio.open_connection(host, port, **options))


def client_context(files: Path, node: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "ca.pem"))
    if node is not None:
        context.load_cert_chain(files / f"{node}.pem", files / f"{node}.key")
    return context


Body = Callable[[], Coroutine[Any, Any, None]]


def test_messages_in_any_cut_and_their_answers(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            reader, writer = await dial()
            sent = b"".join(message(number, b"b" * number) for number in range(30))
            for start in range(0, len(sent), 7):
                writer.write(sent[start : start + 7])
                if start % 70 == 0:
                    await writer.drain()
            assert await within(reader.readexactly(len(sent))) == sent
            (flow,) = {flow for _, flow in made.core.received}
            assert (flow.transport, flow.row, flow.nic, flow.remote[0], flow.zone) == (
                "tcp",
                "T11-06",
                "outer",
                OUTSIDE,
                None,
            )
            assert made.core.opened == [flow]
            writer.close()
            await until(lambda: bool(made.core.closed))
            assert made.core.closed == [(flow, "closed by the peer")] and len(made.connections) == 0

    run(main)


def test_pings_are_answered_and_pongs_told(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            reader, writer = await dial()
            writer.write(PING + message() + PING)
            assert await within(reader.readexactly(4 + len(message()))) == b"\r\n" + b"\r\n" + message()
            writer.write(b"\r\n")
            await until(lambda: made.core.pongs == 1)

    run(main)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"EHLO example.test\r\n",
        b"\0" * 100,
        b"A" * 10_000,
    ],
)
def test_what_is_not_sip_is_closed_without_an_answer(files: Path, garbage: bytes) -> None:
    async def main() -> None:
        async with edge(files) as made:
            reader, writer = await dial()
            writer.write(garbage)
            assert await within(reader.read()) == b""
            again, other = await dial()
            other.write(message())
            assert await within(again.readexactly(len(message()))) == message()
            assert made.driver.counters.get("defects") == 0
            writer.close()

    run(main)


def test_a_broken_length_is_answered_then_closed(files: Path) -> None:
    async def main() -> None:
        async with edge(files):
            reader, writer = await dial()
            good = message(1)
            writer.write(good + message(2).replace(b"Content-Length: 0", b"Content-Length: 99999999"))
            answer = await within(reader.read())
            assert answer.startswith(good + b"SIP/2.0 413 ") and b"CSeq: 2 OPTIONS" in answer
            writer.close()

    run(main)


def test_slow_senders_are_closed_and_idle_ones_that_spoke_are_not(files: Path) -> None:
    async def main() -> None:
        async with edge(files, patience=0.3) as made:
            silent, _w1 = await dial()
            half, w2 = await dial()
            w2.write(message()[:50])
            spoke, w3 = await dial()
            w3.write(message())
            await within(spoke.readexactly(len(message())))
            assert await within(silent.read()) == b"" and await within(half.read()) == b""
            assert {reason for _, reason in made.core.closed} == {"no whole message within 0.3 s"}
            w3.write(message(2) + message(3)[:40])
            await within(spoke.readexactly(len(message())))
            assert await within(spoke.read()) == b""  # half a message for too long
            assert made.core.closed[-1][1] == "half a message for 0.3 s"
            assert made.driver.counters.get("sip.stream.slow") == 3
            await until(lambda: len(made.connections) == 0)

    run(main)


def test_a_phone_that_promised_keep_alives_and_is_silent_is_gone(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5626 §4.4, Flow-Timer: a CRLF is enough to stay; without any the flow is given up. Others may be silent."""
    monkeypatch.setattr("seaway.runtime.stream._GRACE", 0.1)

    async def main() -> None:
        async with edge(files, patience=30.0) as made:
            ends = [await dial() for _ in range(3)]
            for reader, writer in ends:
                writer.write(message())
                await within(reader.readexactly(len(message())))
            flows = [flow for _, flow in made.core.received]
            for flow in flows[:2]:
                made.core.outputs.append(KeepFlow(flow, 0.9))
            made.driver.settle(0.0)
            for _ in range(12):
                await asyncio.sleep(0.2)
                ends[0][1].write(b"\r\n\r\n")
            assert [flow for flow, _ in made.core.closed] == [flows[1]]
            assert made.core.closed[0][1] == "no keep-alive within 0.9 s"
            assert made.driver.counters.get("sip.stream.silent") == 1
            await until(lambda: set(made.driver.promised) == {flows[0].id})

    run(main)


def test_connections_are_bounded_per_source_and_in_total(files: Path) -> None:
    async def main() -> None:
        async with edge(files, limit=5, per_source=3) as made:
            base = OUTSIDE.rsplit(".", 1)[0]
            held = [await dial(local_addr=(f"{base}.1", 0)) for _ in range(3)]
            await until(lambda: len(made.connections) == 3)
            reader, _ = await dial(local_addr=(f"{base}.1", 0))
            assert await within(reader.read()) == b""  # the fourth of one source
            held += [await dial(local_addr=(f"{base}.2", 0)) for _ in range(2)]
            await until(lambda: len(made.connections) == 5)
            reader, _ = await dial(local_addr=(f"{base}.3", 0))
            assert await within(reader.read()) == b""  # the sixth of all
            held[0][1].close()
            await until(lambda: len(made.connections) == 4)
            reader, writer = await dial(local_addr=(f"{base}.1", 0))
            writer.write(message())
            assert await within(reader.readexactly(len(message()))) == message()
            assert made.driver.counters.get("sip.stream.over_limit") == 2

    run(main)


class Watched:
    """What intrusion protection is told, and whom it blocks."""

    def __init__(self, driver: Driver) -> None:
        self.offences: list[tuple[str, str, bool]] = []
        self.addresses: set[str] = set()
        driver.offence = lambda category, address, proven: self.offences.append((category.value, address, proven))
        driver.blocked = self

    def __bool__(self) -> bool:
        return bool(self.addresses)

    def __contains__(self, address: str) -> bool:
        return address in self.addresses


def test_offences_are_told_but_not_of_the_traversal_link(files: Path) -> None:
    async def main() -> None:
        async with edge(files, per_source=2, patience=0.05) as made:
            watched = Watched(made.driver)
            for host, port in ((EDGE_OUTER, 5061), (EDGE_INNER, 7001)):
                reader, writer = await dial(port, host)
                writer.write(b"no handshake at all\r\n\r\n")
                with suppress(ConnectionError):
                    await within(reader.read())
                writer.close()
            await until(lambda: made.driver.counters.get("sip.tls.refused") == 2)
            assert watched.offences == [("handshake", OUTSIDE, True)]
            reader, writer = await dial()
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await within(reader.read())
            assert watched.offences[1:] == [("malformed", OUTSIDE, True)]
            links = [await dial() for _ in range(3)]
            await until(lambda: len(watched.offences) == 5)  # one too many, and two that say nothing
            assert watched.offences[2:] == [("flood", OUTSIDE, True)] * 3
            for _, each in (*links, (reader, writer)):
                each.close()

    run(main)


def test_a_blocked_source_is_closed_and_not_let_in(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            watched = Watched(made.driver)
            reader, writer = await dial()
            writer.write(message())
            await within(reader.readuntil(b"\r\n\r\n"))
            watched.addresses.add(OUTSIDE)
            made.connections.drop(watched.__contains__)
            with suppress(ConnectionError):
                assert await within(reader.read()) == b""
            again, other = await dial()
            with suppress(ConnectionError):
                assert await within(again.read()) == b""
            assert made.driver.counters.get("protection.closed") == 1
            assert [why for _, why in made.core.closed] == ["its source is blocked"]
            watched.addresses.clear()
            reader, third = await dial()
            third.write(message(2))
            await within(reader.readuntil(b"\r\n\r\n"))
            for each in (writer, other, third):
                each.close()

    run(main)


def test_a_peer_that_does_not_read_is_given_up(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            reader, writer = await dial()
            made.core.outputs.clear()
            writer.write(message())
            await until(lambda: len(made.core.received) == 1)
            flow = made.core.received[0][1]
            stream = made.driver.streams[flow.id]
            for _ in range(200):
                stream.write(b"x" * 65536)
                stream.flush()
            await until(lambda: bool(made.core.closed))
            assert made.core.closed[0][1] == "the peer does not read"
            del reader

    run(main)


def test_a_defect_leaves_the_connection_and_others_alone(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            reader, writer = await dial()
            writer.write(message(1, b"boom") + message(2))
            assert await within(reader.readexactly(len(message(2)))) == message(2)
            assert made.driver.counters.get("defects") == 1

    run(main)


def test_tls_and_who_may_connect(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            for port, node, names in ((5061, None, ()), (5062, "core1", ("core1.example.test",))):
                reader, writer = await dial(port, ssl=client_context(files, node), server_hostname="edge1.example.test")
                writer.write(message(port))
                assert await within(reader.readexactly(len(message(port)))) == message(port)
                flow = made.core.received[-1][1]
                assert (flow.transport, flow.peer_names) == ("tls", names)
                tls = writer.get_extra_info("ssl_object")
                assert tls.version() == "TLSv1.3"
                writer.close()
            # Without a certificate nothing gets through on the mutual port: no flow, no state.
            before = len(made.core.opened)
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                reader, writer = await dial(5062, ssl=client_context(files, None), server_hostname="edge1.example.test")
                writer.write(message())
                await within(reader.readexactly(1))
            await until(lambda: made.driver.counters.get("sip.tls.refused") == 1)
            assert len(made.core.opened) == before
            await until(lambda: len(made.connections) == 0)

    run(main)


def test_a_neighbour_that_is_known_by_its_certificate_is_asked_for_it(files: Path) -> None:
    """At 5061, where nobody else is: without its name it would be a stranger."""

    async def main() -> None:
        for asked, names in ((frozenset({OUTSIDE}), ("core1.example.test",)), (frozenset({INSIDE}), ())):
            async with edge(files, asked=asked) as made:
                for node in ("core1", None):  # one without a certificate is let in all the same, unnamed
                    context = client_context(files, node)
                    reader, writer = await dial(5061, ssl=context, server_hostname="edge1.example.test")
                    writer.write(message())
                    await within(reader.readexactly(len(message())))
                    assert made.core.received[-1][1].peer_names == (names if node else ())
                    writer.close()

    run(main)


def test_tls_1_1_and_weak_suites_are_refused(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            weak = client_context(files, None)
            weak.maximum_version = ssl.TLSVersion.TLSv1_2
            weak.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await dial(5061, ssl=weak, server_hostname="edge1.example.test")
            good = client_context(files, None)
            good.maximum_version = ssl.TLSVersion.TLSv1_2
            _, writer = await dial(5061, ssl=good, server_hostname="edge1.example.test")
            assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
            assert made.driver.counters.get("sip.tls.refused") == 1

    run(main)


# -- dialling


def zone_hop(name: str | None = "edge1.example.test", host: str = EDGE_INNER) -> Hop:
    return Hop("tls", host, 7001, "inner", name, "pair")


def test_the_traversal_link_is_dialled_once_and_reused(files: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:
            core = Core(files)
            tokens = [core.send(zone_hop(), message(number)) for number in range(3)]
            await until(lambda: len(core.core.received) == 3)
            assert [token for token, _ in core.core.sent] == tokens
            (flow,) = {flow for _, flow in core.core.sent}
            assert (flow.row, flow.zone, flow.nic, flow.peer_names) == (
                "T11-01",
                "pair",
                "inner",
                ("edge1.example.test",),
            )
            assert flow.local[0] == CORE and 25000 <= flow.local[1] <= 29999
            (seen,) = made.core.opened
            assert (seen.zone, seen.row, seen.peer_names) == ("pair", "T11-01", ("core1.example.test",))
            last = core.send(zone_hop(), message(9))
            assert core.core.sent[-1] == (last, flow)
            core.core.close(flow, "test")
            core.driver.settle(0.0)
            core.send(zone_hop(), message(10))  # the old one is closing: a new one is dialled
            await until(lambda: len(made.core.opened) == 2)
            core.dialer.close()

    run(main)


def test_a_connection_is_not_reused_for_another_name(files: Path) -> None:
    """CVE-2020-15260: the same address and port do not make it the same peer."""

    async def main() -> None:
        async with edge(files) as made:
            core = Core(files)
            core.send(zone_hop(), message(1))
            await until(lambda: len(core.core.received) == 1)
            token = core.send(zone_hop("other.example.test"), message(2))
            await until(lambda: bool(core.core.failed))
            assert core.core.failed[0][0] == token and "other.example.test" in core.core.failed[0][1]
            assert len(made.core.received) == 1
            core.dialer.close()

    run(main)


def test_a_stranger_behind_the_right_address_gets_nothing(files: Path, tmp_path: Path) -> None:
    async def main() -> None:
        create_authority(tmp_path)
        issue(tmp_path, "edge1", ["edge1.example.test"])  # the right name of another authority
        issue(tmp_path, "core1", ["core1.example.test"])
        async with edge(tmp_path) as made:
            core = Core(files)
            core.send(zone_hop(), message(1))
            await until(lambda: bool(core.core.failed))
            assert "certificate was refused: its CA is not in ca" in core.core.failed[0][1] and made.core.received == []
            await until(lambda: bool(made.core.refused))
            zone, why = made.core.refused[0]
            assert zone == "pair" and why.startswith(f"{CORE} connected, but ")

    run(main)


@pytest.mark.parametrize(
    ("hop", "reason"),
    [
        (zone_hop(), "connection refused"),
        (Hop("tls", EDGE_INNER, 7001, "inner", None, "pair"), "TLS without a name to verify"),
        (Hop("tcp", OUTSIDE, 5060, "inner"), "no catalog row allows this destination"),
        (Hop("tcp", "224.0.0.1", 5060, "inner"), "no unicast address"),
        (Hop("tcp", CORE, 5060, "inner"), "an address of this node itself"),
        (Hop("udp", INSIDE, 5060, "inner"), "there is no SIP listener on UDP"),
    ],
)
def test_a_failed_dial_says_why(files: Path, hop: Hop, reason: str) -> None:
    async def main() -> None:
        core = Core(files)
        token = core.send(hop, message())
        await until(lambda: bool(core.core.failed))
        assert core.core.failed[0][0] == token and reason in core.core.failed[0][1]
        assert "\n" not in core.core.failed[0][1]
        assert core.sockets.table() == [] and core.core.opened == []

    run(main)


def test_a_plain_endpoint_inside_is_dialled_by_its_row(files: Path) -> None:
    async def main() -> None:
        got: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.put_nowait((await reader.readexactly(len(message())), writer.get_extra_info("peername")[1]))
            writer.close()

        server = await asyncio.start_server(serve, INSIDE, 5070)
        core = Core(files, {"phone.example.test": INSIDE})
        core.send(Hop("tcp", "phone.example.test", 5070, "inner"), message())
        data, port = await within(got.get())
        assert data == message() and 25000 <= port <= 29999
        assert core.core.sent[0][1].row == "T11-03"
        await until(lambda: bool(core.core.closed))
        assert core.sockets.table() == []
        server.close()

    run(main)


def test_idle_connections_make_room_and_give_their_ports_back(files: Path) -> None:
    async def main() -> None:
        async with edge(files):
            peers = []
            for port in (5070, 5071, 5072):
                peers.append(await asyncio.start_server(lambda r, w: None, INSIDE, port))
            core = Core(files)
            core.dialer._limit = 2

            def send(hop: Hop) -> None:
                core.core.send_to(hop, message())
                core.driver.settle(time.monotonic())

            hops = [Hop("tcp", INSIDE, port, "inner") for port in (5070, 5071, 5072)]
            for hop in hops[:2]:
                send(hop)
            await until(lambda: len(core.core.sent) == 2)
            send(hops[2])
            await until(lambda: bool(core.core.failed))
            assert "2 connections are dialled already" in core.core.failed[0][1]
            now = time.monotonic()
            assert core.dialer.recycle(now + 59, 60.0) == 0
            for link in core.dialer._links.values():
                link.used -= 61
                assert link.connection is not None
                link.connection.spoke -= 61
            send(hops[1])  # that one is used again
            send(hops[2])
            await until(lambda: len(core.core.sent) == 4)
            assert sorted(key[2] for key in core.dialer._links) == [5071, 5072]
            assert [reason for _, reason in core.core.closed] == ["no message for 60 s"]
            core.dialer.close()
            for each in peers:
                each.close()

    run(main)


def test_quiet_connections_that_we_dialled_are_pinged(files: Path) -> None:
    """RFC 5626 §4.4.1 as client; a peer that knows no pings is left in peace."""

    async def main() -> None:
        heard: list[bytes] = []
        answers = True

        async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                heard.append(data)
                if answers and data == PING:
                    writer.write(b"\r\n")
            writer.close()

        server = await asyncio.start_server(peer, INSIDE, 5070)
        core = Core(files)
        core.send(Hop("tcp", INSIDE, 5070, "inner"), message())
        await until(lambda: heard == [message()])
        (link,) = core.dialer._links.values()
        connection = link.connection
        assert connection is not None
        now = time.monotonic()
        core.dialer.keep_alive(now + 80)
        core.dialer.keep_alive(now + 91)
        await until(lambda: core.core.pongs == 1)
        assert heard[1:] == [PING] and connection.ponged and connection.pinged is None
        answers = False
        connection.ponged = False  # as one that never did
        for later in (200, 300, 400):
            core.dialer.keep_alive(now + later)
        await until(lambda: b"".join(heard[2:]) == PING * 3)
        assert not core.core.closed
        connection.ponged = True
        core.dialer.keep_alive(now + 431)
        await until(lambda: [reason for _, reason in core.core.closed] == ["no answer to a ping"])
        assert not core.dialer._links
        core.dialer.close()
        server.close()

    run(main)


def test_many_half_open_dials_end(files: Path) -> None:
    """R31: connect and close at once, many times, leaves nothing behind."""

    async def main() -> None:
        async with edge(files) as made:
            for _ in range(300):
                with socket.create_connection((EDGE_OUTER, 5061), source_address=(OUTSIDE, 0)):
                    await asyncio.sleep(0)
            await until(lambda: len(made.connections) == 0)
            assert made.core.opened == [] and len(asyncio.all_tasks()) < 5

    run(main)


def test_new_files_are_for_new_connections_and_open_ones_stay(files: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with edge(files) as made:

            def shown(writer: asyncio.StreamWriter) -> str:
                return str(writer.get_extra_info("ssl_object").getpeercert()["serialNumber"])

            context = client_context(files, None)
            options = {"ssl": context, "server_hostname": "edge1.example.test"}
            reader, writer = await dial(5061, **options)
            fresh = certificates_again(files, tmp_path)
            made.tls.reload(fresh)
            writer.write(message())
            assert await within(reader.readexactly(len(message()))) == message()
            _, second = await dial(5061, **options)
            assert shown(second) != shown(writer)
            for each in (writer, second):
                each.close()

    run(main)


def certificates_again(files: Path, folder: Path) -> TlsFiles:
    """Another certificate of the edge from the same CA."""
    for name in ("ca.pem", "ca.key"):
        (folder / name).write_bytes((files / name).read_bytes())
    issue(folder, "edge1", ["edge1.example.test"])
    (folder / "ca.key").unlink()
    return tls_files(folder, "edge1")
