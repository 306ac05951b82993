"""The TURN process on loopback: aioice as client over UDP, TCP and TLS, an echoing peer, limits, and a fast path."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import resolve
from seaway.media.flows import DatagramUp, FlowKind, FlowTable, PortKind, Prefix
from seaway.observe.alarms import ALLOCATIONS, RELAY_PORTS, TURN_SHARE, AlarmKind
from seaway.runtime.alarms import AlarmBook
from seaway.runtime.config import parse_node_config
from seaway.runtime.journal import Journal
from seaway.runtime.turn import prepare_turn
from seaway.runtime.turn_process import TurnProcess
from seaway.runtime.turn_status import TurnStatus, ask_turn
from tests.media.fake_table import FakeTable
from tests.runtime.rig import DEPLOYMENT, EDGE_OUTER, INSIDE, certificates, run, until, within

SERVER = (EDGE_OUTER, 3478)
CONFIG = """node = "edge1"
deployment = "deployment.toml"
run_dir = "run"
tls = { ca = "tls/ca.pem", certificate = "tls/edge1.pem", key = "tls/edge1.key" }
[turn]
allow_peers = ["127.0.0.0/8"]
"""
USER = '[[turn.user]]\nname = "al"\npassword = "pw"\n'


@asynccontextmanager
async def turn(
    folder: Path, extra: str = "", *, table: FlowTable | None = None, ports: str = "", alarms: AlarmBook | None = None
) -> AsyncIterator[TurnProcess]:
    certificates(folder / "tls")
    text = DEPLOYMENT.replace("sip_calls = true", "sip_calls = true\nturn = true") + ports
    deployment = parse_deployment(text, "test")
    config = parse_node_config(CONFIG + extra + USER, folder / "node.toml")
    process = TurnProcess(prepare_turn(config, deployment, resolve(deployment), bytes(32)), table, alarms)
    try:
        yield process
    finally:
        process.stop()
        await asyncio.sleep(0)


class Heard(asyncio.DatagramProtocol):
    """What came to a client or a peer; a peer echoes."""

    def __init__(self, *, echo: bool = False) -> None:
        self.packets: list[bytes] = []
        self._echo = echo
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.append(data)
        if self._echo:
            self.transport.sendto(data, addr)


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[Heard, tuple[str, int]]]:
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(lambda: Heard(echo=True), local_addr=(INSIDE, 0))
    try:
        yield peer, transport.get_extra_info("sockname")
    finally:
        transport.close()


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_a_client_relays_and_leaves(tmp_path: Path, way: str) -> None:
    async def main() -> None:
        async with turn(tmp_path) as process, echo() as (peer, address):
            client, heard = await create_turn_endpoint(
                Heard, SERVER, "al", "pw", transport="tcp" if way == "tls" else way,
                ssl=trusting() if way == "tls" else None,
            )  # fmt: skip
            for number in range(5):
                client.sendto(b"packet %d" % number, address)
            await until(lambda: len(heard.packets) == 5)
            assert sorted(heard.packets) == sorted(peer.packets) == [b"packet %d" % each for each in range(5)]
            (allocation,) = process.allocations()
            assert allocation.client.transport == way
            traffic = process.traffic(allocation)
            assert (traffic.packets_out, traffic.octets_out) == (5, 40) == (traffic.packets_in, traffic.octets_in)
            assert len(process.ports) == 1
            client.close()
            await until(lambda: not process.allocations())
            assert len(process.ports) == 0 and process.counters.get("turn.AllocationDeleted") == 1

    run(main)


def test_a_full_server_names_another_at_its_port(tmp_path: Path) -> None:
    async def main() -> None:
        full = 'allocations = 1\nalternates = ["203.0.113.21", "2001:db8::1"]\n'
        async with turn(tmp_path, full) as process:
            client, _ = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            with pytest.raises(TransactionFailed) as refused:
                await create_turn_endpoint(Heard, SERVER, "al", "pw")
            assert refused.value.response.attributes["ERROR-CODE"][0] == 300
            assert process._alternate(4) == ("203.0.113.21", SERVER[1]) and process._alternate(6) is not None
            client.close()

    run(main)


def test_a_closed_stream_ends_its_allocation(tmp_path: Path) -> None:
    async def main() -> None:
        async with turn(tmp_path) as process:
            client, _ = await create_turn_endpoint(Heard, SERVER, "al", "pw", transport="tcp")
            assert len(process.allocations()) == 1 and len(process.clients) == 1
            client._TurnTransport__inner_protocol.transport.abort()
            await until(lambda: not process.allocations())
            assert not process.clients and not len(process.ports)

    run(main)


def test_the_view_over_its_socket(tmp_path: Path) -> None:
    async def main() -> None:
        async with turn(tmp_path) as process, echo() as (_, address):
            status = TurnStatus(tmp_path, process)
            await status.start()
            client, heard = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            client.sendto(b"x", address)
            await until(lambda: heard.packets == [b"x"])
            (row,) = await ask_turn(tmp_path, "turn")
            assert row["user"] == "al" and row["permissions"] == [INSIDE] and row["packets_to_peers"] == 1
            (relay,) = row["relay"]
            sockets = {each["local"]: each["rows"] for each in await ask_turn(tmp_path, "sockets")}
            assert sockets[relay.removesuffix("/udp")] == ["T11-16", "T11-17"]
            assert sockets[f"{EDGE_OUTER}:3478"] == ["T11-14"]
            client.close()
            await until(lambda: not process.allocations())
            status.stop()

    run(main)


def test_a_channel_becomes_two_flows(tmp_path: Path) -> None:
    async def main() -> None:
        table = FakeTable()
        async with turn(tmp_path, table=table) as process, echo() as (_, address):
            client, heard = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            client.sendto(b"x", address)
            await until(lambda: heard.packets == [b"x"])
            relay = process.allocations()[0].relayed[0]
            out, back = sorted(table.flows.values(), key=lambda flow: flow.key.prefix is None)
            assert out.key.local == SERVER and out.key.prefix == 0x4000 and out.add is None
            assert (out.out_local, out.out_remote) == (relay, address)
            assert back.key == (relay, address, None) and back.out_local == SERVER
            assert back.out_remote == out.key.remote and back.add == Prefix(PortKind.CHANNEL, 0x4000)
            assert out.kind is back.kind is FlowKind.DATA
            table.passed(out.key, 10, 1.0)
            assert process.traffic(process.allocations()[0]).packets_out == 11
            client.close()
            await until(lambda: not process.allocations())
            assert not table.flows

    run(main)


class ReadingTable(FakeTable):
    """Reads the attached sockets itself, like the worker process: what has no flow comes out of `receive`."""

    reads_sockets = True

    def __init__(self) -> None:
        super().__init__()
        self.attached: dict[tuple[str, int], socket.socket] = {}
        self._ends = socket.socketpair()
        self.order: list[str] = []

    def attach(self, made: socket.socket, kind: PortKind) -> None:
        self.attached[made.getsockname()] = made
        asyncio.get_running_loop().add_reader(made.fileno(), self._ends[1].send, b"x")

    def detach(self, local: tuple[str, int]) -> None:
        asyncio.get_running_loop().remove_reader(self.attached.pop(local).fileno())
        assert not [key for key in self.flows if key.local == local], "a flow outlives its port"
        self.order.append("detach")

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def receive(self) -> list[DatagramUp]:
        self._ends[0].recv(4096)
        found = []
        for local, made in self.attached.items():
            with suppress(BlockingIOError):
                while True:
                    data, source = made.recvfrom(65535)
                    found.append(DatagramUp(local, source, data))
        return found

    def close(self) -> None:
        for end in self._ends:
            end.close()


def test_an_engine_that_reads_the_sockets(tmp_path: Path) -> None:
    async def main() -> None:
        table = ReadingTable()
        async with turn(tmp_path, table=table) as process, echo() as (_, address):
            client, heard = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            client.sendto(b"x", address)
            await until(lambda: heard.packets == [b"x"])
            assert SERVER in table.attached and process.allocations()[0].relayed[0] in table.attached
            assert len(table.flows) == 2
            client.close()
            await until(lambda: not process.allocations())
            assert table.order == ["detach"] and not table.flows
        assert not table.attached
        table.close()

    run(main)


def test_a_full_table_costs_no_packets(tmp_path: Path) -> None:
    async def main() -> None:
        table = FakeTable()
        table.full = True
        async with turn(tmp_path, table=table) as process, echo() as (_, address):
            client, heard = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            client.sendto(b"x", address)
            await until(lambda: heard.packets == [b"x"])
            assert not table.flows and process.counters.get("turn.flow.refused") == 1
            client.close()
            await until(lambda: not process.allocations())

    run(main)


async def _answer(data: bytes, port: int = 3478) -> bytes:
    """What a connection gets until it is closed."""
    reader, writer = await asyncio.open_connection(EDGE_OUTER, port)
    writer.write(data)
    try:
        return await within(reader.read())
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("data", [b"\x00\x03\x00\x00not the cookie......", b"\xff" * 40, b"\x80\x00\x00\x00" * 8])
def test_what_is_no_turn_is_closed(tmp_path: Path, data: bytes) -> None:
    async def main() -> None:
        async with turn(tmp_path) as process:
            assert await _answer(data) == b""
            await until(lambda: not process.clients)
            assert process.counters.get("turn.stream.unreadable") == 1

    run(main)


def test_silence_ends(tmp_path: Path) -> None:
    """Nobody keeps a connection without a word: neither without a first octet nor with half a message."""

    async def main() -> None:
        async with turn(tmp_path, "first_request = 0.2\n"):
            assert await asyncio.gather(_answer(b""), _answer(b"\x00\x03\x00\x08")) == [b"", b""]

    run(main)


def test_connections_of_one_source_are_bounded(tmp_path: Path) -> None:
    async def main() -> None:
        async with turn(tmp_path, "connections_per_source = 2\n") as process:
            held = [await asyncio.open_connection(EDGE_OUTER, 3478) for _ in range(2)]
            assert await _answer(b"") == b""
            assert process.counters.get("turn.stream.over_limit") == 1
            for _, writer in held:
                writer.close()
            await asyncio.sleep(0.05)
            client, _ = await create_turn_endpoint(Heard, SERVER, "al", "pw", transport="tcp")
            client.close()
            await until(lambda: not process.allocations())

    run(main)


@pytest.mark.skipif(os.geteuid() != 0, reason="port 443 needs root")
@pytest.mark.parametrize("tls", [False, True])
def test_web_requests_on_443_are_refused_in_their_own_words(tmp_path: Path, tls: bool) -> None:
    async def main() -> None:
        ports = "[ports]\nturn_tcp443 = true\nweb_admin = 7443\n"
        async with turn(tmp_path, ports=ports) as process:
            context = trusting() if tls else None
            if context is not None:
                context.set_alpn_protocols(["http/1.1"])
            reader, writer = await asyncio.open_connection(EDGE_OUTER, 443, ssl=context)
            writer.write(b"GET / HTTP/1.1\r\nHost: edge1.example.test\r\n\r\n")
            assert (await within(reader.read())).startswith(b"HTTP/1.1 400 ")
            writer.close()
            client, _ = await create_turn_endpoint(
                Heard, (EDGE_OUTER, 443), "al", "pw", transport="tcp", ssl=trusting() if tls else None
            )
            assert len(process.allocations()) == 1
            client.close()
            await until(lambda: not process.allocations())

    run(main)


def test_relay_ports_of_others_are_passed_over(tmp_path: Path) -> None:
    """Another program holds most of a small range: the core finds a free port."""

    async def main() -> None:
        async with turn(tmp_path, ports='[ports]\nrelay = "24000-24003"\n') as process:
            held = []
            for port in (24000, 24001, 24002):
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                made.bind((EDGE_OUTER, port))
                held.append(made)
            client, _ = await create_turn_endpoint(Heard, SERVER, "al", "pw")
            assert process.allocations()[0].relayed == ((EDGE_OUTER, 24003),)
            client.close()
            await until(lambda: not process.allocations())
            for made in held:
                made.close()

    run(main)


@pytest.mark.parametrize(
    ("extra", "ports", "room", "kind"),
    [
        ("allocations_per_user = 1\n", "", 1, TURN_SHARE),
        ("allocations = 1\n", "", 1, ALLOCATIONS),
        ("", '[ports]\nrelay = "24000-24001"\n', 2, RELAY_PORTS),
    ],
)
def test_a_refusal_for_want_of_room_is_an_alarm(
    tmp_path: Path, extra: str, ports: str, room: int, kind: AlarmKind
) -> None:
    async def main() -> None:
        book = AlarmBook(Journal.create())
        async with turn(tmp_path, extra, ports=ports, alarms=book) as process:
            clients = [(await create_turn_endpoint(Heard, SERVER, "al", "pw"))[0] for _ in range(room)]
            assert not any(book.is_raised(each) for each in (TURN_SHARE, ALLOCATIONS, RELAY_PORTS))
            with pytest.raises(TransactionFailed):
                await create_turn_endpoint(Heard, SERVER, "al", "pw")
            assert [each for each in (TURN_SHARE, ALLOCATIONS, RELAY_PORTS) if book.is_raised(each)] == [kind]
            for client in clients:
                client.close()
            await until(lambda: not process.allocations())

    run(main)


def test_a_flood_of_failed_handshakes_fills_no_log(tmp_path: Path) -> None:
    """What strangers do to sockets is told ten times a second at most."""

    async def main() -> None:
        async with turn(tmp_path) as process:
            for number in range(1, 200):  # on a slow machine ten may take more than a second
                reader, writer = await asyncio.open_connection(*SERVER)
                writer.write(bytes((0x16, 3, 1, 0, 4)) + b"none")
                await within(reader.read())
                writer.close()
                await until(lambda count=number: process.counters.get("turn.stream.refused") == count)  # type: ignore[misc]
                if process.counters.get("log.suppressed.sockets"):
                    break
            assert process.counters.get("log.suppressed.sockets") == 1

    run(main)
