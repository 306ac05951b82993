"""500 video calls at once: 2,000 flows each way on the fast path, every one carries, and all are gone afterwards."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.real_packets import RealPorts, hosts, in_namespace, unbound
from seaway.catalog.ports import PortRange
from seaway.media.engine import Engine, SendPacket
from seaway.media.fast import FastFlows
from seaway.media.flows import FlowTable
from seaway.media.legs import PortKey
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Close, Closed, Failed, Open, Opened, SetRemote, StreamRequest
from seaway.runtime.fastpath.kernel import KernelTable, load
from seaway.runtime.fastpath.worker import WorkerTable, start_worker
from tests.media.cases import PLAIN_INNER, PLAIN_OUTER, RTCP, rtp
from tests.media.harness import Random

_CALLS = 500
_STREAMS = 2  # audio and video
_FLOWS = _CALLS * _STREAMS * 4  # RTP and RTCP, both ways
_A, _B = "192.0.2.10", "198.51.100.20"

Make = Callable[[], FlowTable]


@pytest.fixture(params=["xdp-native", "tc", "userspace"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with hosts():
        if request.param == "userspace":
            process = start_worker(tmp_path / "worker.sock")
            try:
                yield lambda: WorkerTable(tmp_path / "worker.sock", 1)
            finally:
                process.terminate()
                process.wait(5)
        else:
            with in_namespace("relay"):
                loaded = load(["near"], request.param)
            yield lambda: KernelTable(loaded, 1)
            loaded.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Calls:
    """The relay of 500 calls, and one socket for each far side of each component."""

    def __init__(self, table: FlowTable) -> None:
        self.table = table
        self.ports = RealPorts(table, ready=_FLOWS)
        self.engine = Engine(self.ports, PortPool(PortRange(36000, 59999)), Random(), fast=FastFlows(table))
        self.far: list[tuple[socket.socket, Address, bytes]] = []  # a far side, the relay's port for it, its packet

    def open(self) -> None:
        ready = unbound("far", _FLOWS)
        for number in range(_CALLS):
            request = StreamRequest(PLAIN_OUTER, PLAIN_INNER)
            reply = self.engine.command(Open(1, f"c{number}", "", (request,) * _STREAMS), 0.0)
            assert isinstance(reply, Opened)
            for index, stream in enumerate(reply.streams):
                for leg, host, local in (("a", _A, stream.a), ("b", _B, stream.b)):
                    made = [ready.pop(), ready.pop()]
                    for each in made:
                        each.bind((host, 0))
                    hints = [each.getsockname() for each in made]
                    told = SetRemote(f"c{number}", index, "a" if leg == "a" else "b", hints[0], hints[1], (host,))
                    assert self.engine.command(told, 0.1) is None
                    self.far += [(made[0], local.rtp, rtp(1)), (made[1], local.rtcp, RTCP)]

    def latch(self) -> None:
        """Every far side sends; what went up is decided by Python, as in the relay process."""
        keys = {made.fileno(): key for key, made in self.ports.sockets.items()} if not self.table.reads_sockets else {}
        poll = select.epoll()
        for each in keys or [self.table.fileno()]:
            poll.register(each, select.EPOLLIN)
        for number, (made, local, data) in enumerate(self.far):
            made.sendto(data, local)
            if number % 50 == 49:
                self._decide(poll, keys, 0.002)
        self._decide(poll, keys, 0.2)
        poll.close()

    def _decide(self, poll: select.epoll, keys: dict[int, PortKey], patience: float) -> None:
        while ready := poll.poll(patience):
            if self.table.reads_sockets:
                for local, source, data in self.table.receive():
                    self.engine.receive(data, self.ports.key_of(local), source, 1.0)
            for number, _ in ready if keys else ():
                data, source = self.ports.sockets[keys[number]].recvfrom(2048)
                self.engine.receive(data, keys[number], source, 1.0)
            while (output := self.engine.next_output()) is not None:
                if isinstance(output, SendPacket):
                    self.ports.sockets[output.local].sendto(output.data, output.remote)

    def everyone_sends(self) -> int:
        """One packet from each far side; how many arrived at the others."""
        for made, _, _ in self.far:
            self._drain(made)
        arrived = 0
        for start in range(0, len(self.far), 200):
            for made, local, data in self.far[start : start + 200]:
                made.sendto(data, local)
            time.sleep(0.01)
        limit = time.monotonic() + 3.0
        while arrived < len(self.far) and time.monotonic() < limit:
            arrived += sum(self._drain(made) for made, _, _ in self.far)
        return arrived

    @staticmethod
    def _drain(made: socket.socket) -> int:
        count = 0
        while True:
            try:
                made.recv(2048)
            except BlockingIOError:
                return count
            count += 1

    def close(self) -> None:
        for made, _, _ in self.far:
            made.close()
        for key in list(self.ports.opened):
            self.ports.close(key)


def test_500_video_calls_at_once(make: Make) -> None:
    table = make()
    calls = Calls(table)
    try:
        calls.open()
        calls.latch()
        assert len(table.keys()) == _FLOWS
        before = sum(_packets(table))
        assert calls.everyone_sends() == _FLOWS
        assert sum(_packets(table)) - before == _FLOWS, "none of them came to Python"
        for number in range(_CALLS):
            reply = calls.engine.command(Close(2, f"c{number}"), 5.0)
            assert isinstance(reply, Closed)
            assert all(way.packets >= 2 for each in reply.streams for way in (each.from_a, each.from_b))
        assert table.keys() == []
    finally:
        calls.close()
        table.close()


def test_exhausted_ports_are_one_quick_line(make: Make) -> None:
    table = make()
    ports = RealPorts(table)
    engine = Engine(ports, PortPool(PortRange(36000, 36007)), Random(), fast=FastFlows(table))
    request = StreamRequest(PLAIN_OUTER, PLAIN_INNER)
    try:
        assert isinstance(engine.command(Open(1, "one", "", (request, request)), 0.0), Opened)
        reply = engine.command(Open(2, "two", "", (request,)), 0.1)
        assert isinstance(reply, Failed) and reply.what == "ports-exhausted" and "widen the media range" in reply.reason
        engine.command(Close(3, "one"), 0.2)
        assert isinstance(engine.command(Open(4, "three", "", (request,)), 0.3), Failed), "the guard time"
        assert isinstance(engine.command(Open(5, "four", "", (request,)), 11.0), Opened)
    finally:
        for key in list(ports.opened):
            ports.close(key)
        table.close()


def _packets(table: FlowTable) -> Iterator[int]:
    for key in table.keys():  # noqa: SIM118
        counters = table.read(key)
        yield counters.packets if counters is not None else 0
