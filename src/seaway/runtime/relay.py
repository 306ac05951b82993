"""The `relay` process: real UDP sockets around the Python relay engine, and its control socket `relay.sock`.

It knows no calls. Sessions live until they are closed, whoever comes and goes at the control socket: when `signal`
dies media goes on, and the next `signal` asks `List`. Needs no privileges: all its ports are above 1023.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Protocol

import uvloop

from seaway.catalog.ports import PortRange
from seaway.catalog.resolve import Resolution
from seaway.identity.dtls import DtlsIdentity
from seaway.media.allocate import PortRefused
from seaway.media.encoding import MAX_COMMAND, ProtocolError, decode_command, encode
from seaway.media.engine import Engine, SendPacket
from seaway.media.fast import FastFlows
from seaway.media.flows import FlowError, FlowTable, PortKind
from seaway.media.legs import DemuxPair, PortKey
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Describe, Described, Failed, List, Stats
from seaway.observe import log
from seaway.observe.alarms import MEDIA_PORTS
from seaway.runtime.admission import Admission
from seaway.runtime.alarm_watch import AlarmWatch
from seaway.runtime.alarms import AlarmBook, AlarmBooks
from seaway.runtime.fastpath.split import SplitTable
from seaway.runtime.ipc import LineConnection, serve
from seaway.runtime.journal import Journal
from seaway.runtime.sockets import SocketError, Sockets
from seaway.runtime.timer import DeadlineTimer
from seaway.runtime.tuning import calm_collector, raise_descriptor_limit
from seaway.wire.endpoint import version_of

if TYPE_CHECKING:
    from seaway.runtime.fastpath.choose import FastPath

__all__ = ["DEMUX_ROWS", "SOCKET_NAME", "DemuxPorts", "Relay", "UdpSockets", "demux_ports", "run_relay"]

SOCKET_NAME = "relay.sock"
DEMUX_ROWS = ("T11-09", "T11-10")
"""Catalog rows of the edge's demultiplexing ports: RTP and RTCP."""

_BATCH = 64
"""Datagrams read from one socket before others get their turn."""

_LARGEST = 9216
"""Octets; a datagram of this size or more may have been cut by the read and is dropped."""


class UdpSockets(Protocol):
    """The part of `Sockets` that is used here."""

    def udp(
        self,
        rows: str | Iterable[str],
        nic: str,
        port: int,
        *,
        family: int | None = None,
        adopted: dict[Address, int] | None = None,
    ) -> socket: ...


@dataclass(frozen=True, slots=True)
class DemuxPorts:
    nic: str
    rtp: int
    rtcp: int
    address: str


def demux_ports(resolution: Resolution, node: str) -> tuple[DemuxPorts, ...]:
    """The demultiplexing pairs on which `node` listens, IPv4 first; () for a core."""
    found: dict[tuple[str, int, int], str] = {}
    for connection in resolution.of_row(DEMUX_ROWS[0], node):
        party = connection.destination
        if node in party.hosts and party.nic is not None:
            address = party.networks[0].partition("/")[0]
            found |= {(party.nic, connection.version, port): address for port in party.ports}
    return tuple(DemuxPorts(nic, port, port + 1, address) for (nic, _, port), address in sorted(found.items()))


class Relay:
    """Sockets, timer and control connections of one engine, in the running event loop.

    Raises `SocketError` when a demultiplexing port cannot be opened.
    """

    def __init__(
        self,
        sockets: UdpSockets,
        media: PortRange,
        demux: Sequence[DemuxPorts] = (),
        *,
        table: FlowTable | None = None,
        fast: FastFlows | None = None,
        journal: Journal | None = None,
        identity: DtlsIdentity | None = None,
        reason: str = "no fast path",
        alarms: AlarmBook | None = None,
    ) -> None:
        self.unsent = 0  # datagrams the kernel did not take
        self.oversize = 0
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._table = table
        self._journal = journal
        self._reason = reason  # why there is no table
        self._open: dict[PortKey, socket] = {}
        self._keys: dict[Address, PortKey] = {}
        self._adopted: dict[Address, int] = _sockets_of(table) if table is not None else {}
        self._next_key = 0
        self._log = log.get(part="relay")
        self._connections: dict[LineConnection, bool] = {}  # whether it is told events: not one that only looks
        self._owner: LineConnection | None = None
        self._timer = DeadlineTimer(self._loop, self._timeout)
        try:
            pairs = [self._demux_pair(each) for each in demux]
        except SocketError:
            for key in list(self._open):  # the first of a pair that cannot be had whole
                self.close(key)
            raise
        reserved = {port for each in demux for port in (each.rtp, each.rtcp)}
        pool = PortPool(media, reserved=reserved, shuffle=random.SystemRandom().shuffle)
        self._engine = Engine(self, pool, secrets.token_bytes, demux=pairs, fast=fast, identity=identity)
        if isinstance(table, SplitTable):
            table.lent = self._lent
        if table is not None and table.fileno() >= 0:
            self._loop.add_reader(table.fileno(), self._up, table)
        self._resume()
        self._no_ports = AlarmWatch(alarms, MEDIA_PORTS, lambda: self._engine.ports_free(time.monotonic()))

    def _resume(self) -> None:
        """Take over what an earlier process left: sessions from the journal, their sockets and flows."""
        if self._journal is None:
            return
        found, now = self._journal.load(), time.monotonic()
        for name, data in found.items():
            failure = self._engine.restore(data, now)
            if failure is not None:
                self._log.warning("relay.session_lost", session=name, reason=failure)
                self._journal.note({name: None})
        orphans = self._engine.remove_orphans()
        for local, descriptor in self._adopted.items():
            os.close(descriptor)
            assert self._table is not None
            self._table.detach(local)
        self._adopted.clear()
        if found or orphans:
            self._log.info("relay.taken_over", sessions=len(found), orphaned_flows=orphans)
        self._flush()

    # Ports (what the engine asks for)

    def open(self, row: str, nic: str, port: int, family: int | None = None) -> tuple[PortKey, Address]:
        try:
            return self._add((row,), nic, port, family)
        except SocketError as error:
            raise PortRefused(str(error), in_use=error.errno == errno.EADDRINUSE) from error
        except OSError as error:  # no more descriptors
            raise PortRefused(f"row {row}, port {port}/udp: {error.strerror}; raise the limit of open files") from error

    def close(self, key: PortKey) -> None:
        made = self._open.pop(key)
        local = _local(made)
        del self._keys[local]
        if self._table is not None:
            self._table.detach(local)
        self._loop.remove_reader(made.fileno())
        made.close()

    def _add(self, rows: tuple[str, ...], nic: str, port: int, family: int | None) -> tuple[PortKey, Address]:
        made = self._sockets.udp(rows, nic, port, family=family, adopted=self._adopted)
        self._next_key += 1
        key, local = self._next_key, _local(made)
        self._open[key] = made
        self._keys[local] = key
        attached = True
        if self._table is not None:
            try:
                self._table.attach(made, PortKind.PLAIN)
            except FlowError as error:
                self._log.warning("relay.no_fast_path", port=port, reason=str(error))
                attached = False
        if self._table is None or not self._table.reads(local) or not attached:
            self._loop.add_reader(made.fileno(), self._readable, key, made)
        return key, local

    def _lent(self, local: Address) -> None:
        """A fast path reads this socket from now on."""
        self._loop.remove_reader(self._open[self._keys[local]].fileno())

    def _demux_pair(self, ports: DemuxPorts) -> DemuxPair:
        family = version_of((ports.address, ports.rtp))
        rtp, rtp_address = self._add(DEMUX_ROWS[:1], ports.nic, ports.rtp, family)
        rtcp, rtcp_address = self._add(DEMUX_ROWS[1:], ports.nic, ports.rtcp, family)
        return DemuxPair(ports.nic, rtp, rtcp, (rtp_address, rtcp_address), {rtp: {}, rtcp: {}})

    # Packets and time

    def _up(self, table: FlowTable) -> None:
        """Datagrams without a flow, from an engine that reads the sockets."""
        now = time.monotonic()
        for local, source, data in table.receive():
            key = self._keys.get(local)
            if key is not None:
                self._engine.receive(data, key, source, now)
        self._flush()

    def _readable(self, key: PortKey, made: socket) -> None:
        receive, recvfrom = self._engine.receive, made.recvfrom
        now = time.monotonic()
        for _ in range(_BATCH):
            try:
                data, source = recvfrom(_LARGEST)
            except OSError:
                break  # nothing left, or an error that was reported for an earlier packet
            if len(data) == _LARGEST:
                self.oversize += 1
                continue
            receive(data, key, source[:2], now)
        self._flush()

    def _flush(self) -> None:
        """Carry out what the engine wants, then set the timer."""
        next_output, opened = self._engine.next_output, self._open
        while (output := next_output()) is not None:
            if isinstance(output, SendPacket):
                try:
                    opened[output.local].sendto(output.data, output.remote)
                except (OSError, KeyError):
                    self.unsent += 1  # media is never queued: late is as bad as lost
            else:
                line = encode(output)
                for connection, told in self._connections.items():
                    if told:
                        connection.send(line)
        changed = self._engine.take_changed()
        if changed and self._journal is not None:
            self._journal.note(changed)
        self._timer.arm(self._engine.next_deadline())

    def _timeout(self) -> None:
        self._engine.handle_timeout(time.monotonic())
        self._flush()

    # Control connections

    def connected(self, connection: LineConnection) -> None:
        self._connections[connection] = False
        self._log.debug("relay.control_connected", pid=connection.peer_pid)

    def line(self, connection: LineConnection, line: bytes) -> None:
        try:
            command = decode_command(line)
        except ProtocolError as error:
            self._log.error("relay.protocol_error", field=error.field, reason=error.what)
            connection.send(encode(Failed(0, None, "protocol-error", str(error))))
            connection.close("protocol error")
            return
        if not isinstance(command, Stats | Describe):
            self._connections[connection] = True
        if not isinstance(command, List | Stats | Describe):
            if self._owner is None:
                self._owner = connection
                self._log.info("relay.owner", pid=connection.peer_pid)
            elif self._owner is not connection:
                request = 0 if not hasattr(command, "request") else command.request
                reason = f"process {self._owner.peer_pid} owns the sessions of this relay"
                connection.send(encode(Failed(request, command.session, "not-owner", reason)))
                return
        reply = self._engine.command(command, time.monotonic())
        if isinstance(reply, Described):
            reply = self._described(reply)
        if reply is not None:
            if isinstance(reply, Failed):
                self._log.warning("relay.command_failed", what=reply.what, reason=reply.reason, session=reply.session)
                if reply.what == "ports-exhausted":
                    self._no_ports.report(reply.reason)
            connection.send(encode(reply))
        self._flush()

    def _described(self, reply: Described) -> Described:
        if self._table is None:
            return replace(reply, reason=self._reason, unsent=self.unsent, oversize=self.oversize)
        engine, reason = self._table.engine, self._table.reason
        return replace(reply, engine=engine, reason=reason, unsent=self.unsent, oversize=self.oversize)

    def lost(self, connection: LineConnection, reason: str) -> None:
        self._connections.pop(connection, None)
        if self._owner is connection:
            self._owner = None
            self._log.info("relay.owner_lost", pid=connection.peer_pid, reason=reason)

    def shut(self) -> None:
        """Close every socket. The engine is not used afterwards."""
        self._timer.cancel()
        self._no_ports.stop()
        for connection in list(self._connections):
            connection.close("the relay stops")
        if self._table is not None and self._table.fileno() >= 0:
            self._loop.remove_reader(self._table.fileno())
        for key in list(self._open):
            self.close(key)
        if self._table is not None:
            self._table.close()


def run_relay(
    node_name: str,
    resolution: Resolution,
    run_dir: Path,
    *,
    path: FastPath | None = None,
    journal: Journal | None = None,
    identity: DtlsIdentity | None = None,
    closed_rows: frozenset[str] = frozenset(),
    alarms: AlarmBooks | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """The main of the process: serves `run_dir/relay.sock` until SIGTERM or SIGINT.

    `path` is the fast path, `closed_rows` are those that must not use it, `identity` is what DTLS shows. `ready` is
    called once when ports and control socket are open. Raises `SocketError`, `IpcError`.
    """
    raise_descriptor_limit()
    calm_collector()
    book = alarms.book("relay") if alarms is not None else None
    uvloop.run(_serve(node_name, resolution, run_dir, path, journal, identity, closed_rows, book, ready))


async def _serve(
    node_name: str,
    resolution: Resolution,
    run_dir: Path,
    fast_path: FastPath | None,
    journal: Journal | None,
    identity: DtlsIdentity | None,
    closed_rows: frozenset[str],
    alarms: AlarmBook | None,
    ready: Callable[[], None] | None,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    demux = demux_ports(resolution, node_name)
    table = fast_path.table("relay") if fast_path is not None else None
    fast = FastFlows(table, Admission(resolution, node_name, closed_rows))
    sockets = Sockets(resolution, node_name)
    reason = fast_path.reason if fast_path is not None else "no fast path"
    relay = Relay(
        sockets, resolution.deployment.ports.media, demux, table=table, fast=fast, journal=journal, reason=reason,
        identity=identity, alarms=alarms,
    )  # fmt: skip
    path = run_dir / SOCKET_NAME
    try:
        server = await serve(path, relay, max_line=MAX_COMMAND)
        log.get(part="relay").info("relay.ready", path=str(path), demux=[f"{each.nic} {each.rtp}" for each in demux])
        if ready is not None:
            ready()
        await stop.wait()
        server.close()
        path.unlink(missing_ok=True)
    finally:
        relay.shut()


def _sockets_of(table: FlowTable) -> dict[Address, int]:
    return {local: descriptor for local, _, descriptor in table.adopted()}


def _local(made: socket) -> Address:
    host, port = made.getsockname()[:2]
    return host, port
