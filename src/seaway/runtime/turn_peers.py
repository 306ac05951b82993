"""TCP relays (RFC 6062): connections between relayed addresses and peers, dialled and accepted.

The core decides who may connect and when a client's stream and a peer's become one; here are the sockets.
"""

from __future__ import annotations

import asyncio
import time
from socket import socket
from typing import Protocol

from seaway.core.turn.io import Address, ConnectionKey, ConnectToPeer, RelayKey
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.connecting import wait_connected
from seaway.runtime.faults import describe
from seaway.runtime.sockets import RowSocket, SocketError
from seaway.runtime.turn_ports import TurnPorts
from seaway.runtime.turn_streams import PeerStream, StreamOwner

__all__ = ["PeerCore", "TurnPeers"]

_BURST = 16
_CONNECT = 30.0  # seconds; the core gives up before that (RFC 6062 §5.2)
_MOST = 4000  # connections with peers


class PeerCore(Protocol):
    """The part of the core that hears of peers' connections."""

    def peer_connected(self, connection: ConnectionKey, now: float) -> None: ...
    def peer_connection_failed(self, connection: ConnectionKey, now: float) -> None: ...
    def peer_connection_accepted(
        self, relay: RelayKey, connection: ConnectionKey, source: Address, now: float
    ) -> None: ...


class TurnPeers:
    """What the core wants after it was told something is carried out by the owner's `settle`."""

    def __init__(self, core: PeerCore, owner: StreamOwner, counters: Counters) -> None:
        self._core = core
        self._owner = owner
        self._counters = counters
        self._log = log.get(part="turn")
        self._loop = asyncio.get_running_loop()
        self._streams: dict[ConnectionKey, PeerStream] = {}
        self._dialling: dict[ConnectionKey, asyncio.Task[None]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._streams)

    def get(self, connection: ConnectionKey) -> PeerStream | None:
        return self._streams.get(connection)

    def forget(self, connection: ConnectionKey) -> None:
        self._streams.pop(connection, None)

    def close(self, connection: ConnectionKey, reason: str) -> None:
        task = self._dialling.pop(connection, None)
        if task is not None:
            task.cancel()
        stream = self._streams.get(connection)
        if stream is not None:
            stream.close(reason)

    def close_all(self) -> None:
        for task in list(self._dialling.values()):
            task.cancel()
        for stream in list(self._streams.values()):
            stream.abort("the node stops")

    # -- dialled

    def dial(self, wanted: ConnectToPeer, ports: TurnPorts) -> None:
        task = self._loop.create_task(self._dial(wanted, ports))
        self._dialling[wanted.connection] = task
        task.add_done_callback(lambda _: self._dialling.pop(wanted.connection, None))

    async def _dial(self, wanted: ConnectToPeer, ports: TurnPorts) -> None:
        made: RowSocket | None = None
        try:
            made = ports.dial(wanted.relay, wanted.remote)
            await asyncio.wait_for(wait_connected(self._loop, made), _CONNECT)
            stream = PeerStream(wanted.connection, self._owner)
            await self._loop.connect_accepted_socket(lambda: stream, made)
        except (TimeoutError, OSError, SocketError) as error:
            if made is not None:
                made.close()
            self._counters.add("turn.peer.not_connected")
            self._log.info("peer.not_connected", remote=wanted.remote, reason=describe(error))
            self._core.peer_connection_failed(wanted.connection, time.monotonic())
        except asyncio.CancelledError:
            if made is not None:
                made.close()
            raise
        else:
            self._streams[wanted.connection] = stream
            self._core.peer_connected(wanted.connection, time.monotonic())
        self._owner.settle()

    # -- accepted

    def listen(self, relay: RelayKey, listening: RowSocket) -> None:
        self._loop.add_reader(listening.fileno(), self._readable, relay, listening)

    def _readable(self, relay: RelayKey, listening: RowSocket) -> None:
        for _ in range(_BURST):
            try:
                made, remote = listening.accept()
            except BlockingIOError:
                return
            except OSError:
                self._counters.add("turn.peer.accept_failed")
                return
            made.setblocking(False)
            if len(self._streams) >= _MOST:
                self._counters.add("turn.peer.over_limit")
                made.close()
                continue
            self._number += 1
            key: ConnectionKey = ("in", self._number)
            task = self._loop.create_task(self._accept(relay, key, made, remote[:2]))
            self._dialling[key] = task
            task.add_done_callback(lambda _, key=key: self._dialling.pop(key, None))  # type: ignore[misc]

    async def _accept(self, relay: RelayKey, key: ConnectionKey, made: socket, remote: Address) -> None:
        stream = PeerStream(key, self._owner)
        try:
            await self._loop.connect_accepted_socket(lambda: stream, made)
        except OSError:
            made.close()
            return
        self._streams[key] = stream
        self._core.peer_connection_accepted(relay, key, remote, time.monotonic())
        self._owner.settle()
