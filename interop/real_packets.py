"""Runs the packet-in, packet-out cases of the relay (`tests/media/cases.py`) with real packets on a real fast path.

Two hosts: `relay` has the addresses of the relay, `far` has every address of the cases. What the fast path does not
take goes to the Python engine, whose clock is the case's; what leaves either way is read at the far sockets.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from seaway.catalog.ports import PortRange
from seaway.media.engine import Engine, SendPacket
from seaway.media.fast import FastFlows
from seaway.media.flows import FlowCounters, FlowKey, FlowTable, PortKind
from seaway.media.legs import PortKey
from seaway.media.pool import PortPool
from seaway.media.protocol import Address
from tests.media.cases import CASES, Case, In, Out, ProbeAnswer, ProbeRequest, Told
from tests.media.harness import HOSTS, FakePorts, Random, Runner, demux_pair, drain
from tests.media.ice_cases import ICE_CASES

__all__ = ["RealPorts", "RealRunner", "hosts", "in_namespace", "unbound"]

_QUIET = 0.03  # seconds without a packet after which nothing more is expected
_PATIENCE = 1.0
_HOST = f"sw-cases{os.environ.get('SEAWAY_LAB', '')}"
_RELAY, _FAR = f"{_HOST}-relay", f"{_HOST}-far"
ALL = (*CASES, *ICE_CASES)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def sources() -> list[str]:
    """Every address that a case sends from or to."""
    found = {step.source[0] for case in ALL for step in case.steps if isinstance(step, In)}
    return sorted(found - set(HOSTS.values()))


@contextmanager
def hosts() -> Iterator[None]:
    """The two namespaces, joined by one cable."""
    for name in (_RELAY, _FAR):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    try:
        for name in (_RELAY, _FAR):
            _ip("netns", "add", name)
        _ip("link", "add", "near", "netns", _RELAY, "type", "veth", "peer", "name", "far", "netns", _FAR)
        for name, device in ((_RELAY, "near"), (_FAR, "far")):
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", device, "up")
            subprocess.run(["ip", "netns", "exec", name, "ethtool", "-K", device, "gro", "on"], check=True)
        for address in HOSTS.values():
            _ip("-n", _RELAY, "addr", "add", f"{address}/32", "dev", "near")
            _ip("-n", _FAR, "route", "add", f"{address}/32", "dev", "far")
        for address in sources():
            _ip("-n", _FAR, "addr", "add", f"{address}/32", "dev", "far")
            _ip("-n", _RELAY, "route", "add", f"{address}/32", "dev", "near")
        yield
    finally:
        for name in (_RELAY, _FAR):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextmanager
def in_namespace(name: str) -> Iterator[None]:
    """This thread, for a while, in the network of `relay` or `far`."""
    library = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{_HOST}-{name}", os.O_RDONLY)
    try:
        assert library.setns(there, 0) == 0
        yield
    finally:
        assert library.setns(before, 0) == 0
        os.close(before)
        os.close(there)


def unbound(where: str, count: int = 1) -> list[socket.socket]:
    """UDP sockets of that host; many at once, because a change of namespace takes a while."""
    with in_namespace(where):
        made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in made:
        each.setblocking(False)
    return made


def _udp(where: str, address: Address) -> socket.socket:
    (made,) = unbound(where)
    made.bind(address)
    return made


class Clocked:
    """A table that says when it heard something in the time of the case."""

    def __init__(self, table: FlowTable) -> None:
        self.table = table
        self.now = 0.0
        self.fast = 0
        self._heard: dict[FlowKey, tuple[int, float | None]] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self.table, name)

    def read(self, key: FlowKey) -> FlowCounters | None:
        return self._in_case_time(key, self.table.read(key))

    def remove(self, key: FlowKey) -> FlowCounters | None:
        found = self._in_case_time(key, self.table.remove(key))
        self._heard.pop(key, None)
        return found

    def look(self) -> None:
        for key in self.table.keys():  # noqa: SIM118
            self.read(key)

    def _in_case_time(self, key: FlowKey, counters: FlowCounters | None) -> FlowCounters | None:
        if counters is None:
            return None
        packets, when = self._heard.get(key, (0, None))
        if counters.packets != packets:
            self.fast += counters.packets - packets
            when = self.now
        self._heard[key] = (counters.packets, when)
        return replace(counters, last_seen=when)


class RealPorts(FakePorts):
    """Sockets in the relay's host, known to the table."""

    def __init__(self, table: FlowTable, ready: int = 0) -> None:
        super().__init__()
        self.table = table
        self.sockets: dict[PortKey, socket.socket] = {}
        self._ready = unbound("relay", ready)

    def open(self, row: str, nic: str, port: int, family: int | None = None) -> tuple[PortKey, Address]:
        key, address = super().open(row, nic, port, family)
        made = self._ready.pop() if self._ready else unbound("relay")[0]
        made.bind(address)
        self.sockets[key] = made
        self.table.attach(self.sockets[key], PortKind.PLAIN)
        return key, address

    def close(self, key: PortKey) -> None:
        _, nic, port = self.opened[key]
        self.table.detach((HOSTS[nic], port))
        self.sockets.pop(key).close()
        super().close(key)


class RealRunner(Runner):
    """A runner whose packets are real. `fast` counts those that the fast path passed."""

    def __init__(self, table: FlowTable) -> None:
        super().__init__()
        self.clocked = Clocked(table)
        self.ports = self.real = RealPorts(table)
        flows = FastFlows(self.clocked)  # type: ignore[arg-type]
        demux = [demux_pair(self.ports, 2776)]
        self.engine = Engine(self.ports, PortPool(PortRange(36000, 36199)), Random(), demux=demux, fast=flows)
        self.far: dict[Address, socket.socket] = {}

    def close(self) -> None:
        for key in list(self.real.opened):
            self.real.close(key)
        for key in self.clocked.table.keys():  # noqa: SIM118
            self.clocked.table.remove(key)
        for each in self.far.values():
            each.close()

    @property
    def fast(self) -> int:
        return self.clocked.fast

    def play(self, case: Case) -> None:
        """Like `run`; where a packet went does not matter, only what came out, and what was told."""
        for number, step in enumerate(case.steps):
            where = f"{case.name}, step {number}: {step}"
            self.clocked.now = step.at
            for out in step.then:
                if isinstance(out, Out):
                    self._at(out.remote)
            outputs: list[object] = []
            if isinstance(step, In):
                self._at(step.source).sendto(self._input(step), self._address(step.local))
                self._pump(step, outputs)
                self.clocked.look()
            elif hasattr(step, "command"):
                reply = self.engine.command(step.command, step.at)
                assert (getattr(reply, "what", "") or "") == step.fails, where
                for index, stream in enumerate(getattr(reply, "streams", ())):
                    self.legs |= {f"{index}.a": stream.a, f"{index}.b": stream.b}
            else:
                self.engine.handle_timeout(step.at)
            outputs += self._sent(drain(self.engine))
            self._check(step.then, outputs, where)

    def _at(self, address: Address) -> socket.socket:
        if address not in self.far:
            self.far[address] = _udp("far", address)
        return self.far[address]

    def _pump(self, step: In, outputs: list[object]) -> None:
        """Hand to the engine what went up, until the packet came out as often as it should, or all is quiet."""
        limit = time.monotonic() + _PATIENCE
        wanted = sum(isinstance(each, Out) for each in step.then)
        while time.monotonic() < limit:
            up = self._up(_QUIET)
            for local, source, data in up:
                self.engine.receive(data, self.ports.key_of(local), source, step.at)
                outputs += self._sent(drain(self.engine))
            if not up and (len(self._waiting()) >= wanted or not wanted):
                return

    def _up(self, seconds: float) -> list[tuple[Address, Address, bytes]]:
        table = self.clocked.table
        by_file = {
            made.fileno(): key for key, made in self.real.sockets.items() if not table.reads(made.getsockname()[:2])
        }
        engine = [table.fileno()] if table.fileno() >= 0 else []
        readable = select.select([*by_file, *engine], [], [], seconds)[0]
        found = [(each.local, each.source, each.data) for each in table.receive()]
        for ready in readable:
            if ready in engine:
                continue
            key = by_file[ready]
            data, source = self.real.sockets[key].recvfrom(65536)
            _, nic, port = self.real.opened[key]
            found.append(((HOSTS[nic], port), source, data))
        return found

    def _waiting(self) -> list[socket.socket]:
        return select.select(list(self.far.values()), [], [], 0)[0]

    def _sent(self, outputs: Iterable[object]) -> list[object]:
        """Really send what the engine sends; events stay."""
        rest: list[object] = []
        for output in outputs:
            if isinstance(output, SendPacket):
                self._at(output.remote)
                self.real.sockets[output.local].sendto(output.data, output.remote)
            else:
                rest.append(output)
        return rest

    def _check(self, expected: Iterable[Out | Told], told: list[object], where: str) -> None:
        outs = [each for each in expected if isinstance(each, Out)]
        arrived = self._arrived(len(outs))
        got = [SendPacket(self._local_key(source), remote, data) for source, remote, data in arrived]
        ordered: list[object] = []
        for each in expected:  # in the order that the case has, so that the runner's own comparison serves
            if isinstance(each, Out):
                match = next((g for g in got if self._is(each, g)), None)
                assert match is not None, f"{where}: {each} did not arrive; arrived: {arrived}"
                got.remove(match)
                ordered.append(match)
            else:
                assert told, f"{where}: {each} was not told"
                ordered.append(told.pop(0))
        assert not got and not told, f"{where}: more than expected: {got} {told}"
        self._compare(tuple(expected), ordered, where)

    def _is(self, want: Out, got: SendPacket) -> bool:
        if (got.local, got.remote) != (self._key(want.local), want.remote):
            return False
        if isinstance(want.data, ProbeAnswer | ProbeRequest):
            return got.data[0] < 4
        return got.data == want.data

    def _local_key(self, source: Address) -> PortKey:
        return self.ports.key_of(source)

    def _arrived(self, count: int) -> list[tuple[Address, Address, bytes]]:
        """(from which local address, at which far address, data), until quiet."""
        found: list[tuple[Address, Address, bytes]] = []
        limit = time.monotonic() + _PATIENCE
        while self.far and time.monotonic() < limit:
            patience = _QUIET if len(found) >= count else _PATIENCE
            ready = select.select(list(self.far.values()), [], [], patience)[0]
            if not ready:
                break
            for made in ready:
                data, source = made.recvfrom(65536)
                found.append((source, made.getsockname(), data))
        return found


def runs(make: Callable[[], FlowTable]) -> tuple[int, int]:
    """All cases; returns how many there were and how many packets the fast path passed."""
    fast = 0
    for case in ALL:
        runner = RealRunner(make())
        try:
            runner.play(case)
        finally:
            runner.close()
        fast += runner.fast
        runner.clocked.table.close()
    return len(ALL), fast
