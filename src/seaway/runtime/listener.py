"""Accepting SIP connections: bounded in total and per source before any TLS work, slow senders closed.

We accept by hand instead of through the loop's server: the limits have to be looked at before the handshake.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from seaway.call.config import Listener
from seaway.core.sip.io import Address
from seaway.policy.intrusion import Category
from seaway.runtime.driver import Driver
from seaway.runtime.faults import describe
from seaway.runtime.room import Unproved
from seaway.runtime.sockets import RowSocket
from seaway.runtime.stream import StreamConnection, StreamKind
from seaway.runtime.tls import TlsContexts
from seaway.wire.endpoint import scoped, source_of

__all__ = ["Connections", "StreamListener"]

Make = Callable[[StreamKind, Driver, Callable[[StreamConnection], None]], StreamConnection]
"""What makes the protocol of an accepted connection."""

_BURST = 64  # connections accepted per wake-up
_HANDSHAKE = 10.0  # seconds for a TLS handshake
_PAUSE = 0.5  # seconds without accepting when descriptors ran out
_SWEEP = 1.0  # seconds between looks for slow senders


class Connections:
    """All accepted connections of a process, and their limits (R69)."""

    def __init__(self, driver: Driver, *, limit: int, per_source: int, patience: float) -> None:
        self._driver = driver
        self._limit = limit
        self._per_source = per_source
        self._patience = patience
        self._sources: dict[str, int] = {}
        self._count = 0
        self._open: set[StreamConnection] = set()
        self._unproved = Unproved()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_SWEEP, self._sweep)

    def __len__(self) -> int:
        return self._count

    def admit(
        self, sock: socket.socket, source: str, kind: StreamKind, context: ssl.SSLContext | None,
        make: Make = StreamConnection,
    ) -> None:  # fmt: skip
        """Take one accepted socket, or close it at once when a limit is reached."""
        if source in self._driver.blocked and kind.zone is None:  # a traversal peer may be behind an address of others
            self._driver.counters.add("protection.closed")
            sock.close()
            return
        counted = source_of(source)
        held = self._sources.get(counted, 0)
        if held >= self._per_source and kind.zone is None:
            self._driver.offence(Category.FLOOD, source, True)
        if held >= self._per_source or (self._count >= self._limit and not self._make_room()):
            self._driver.counters.add("sip.stream.over_limit")
            sock.close()
            return
        self._count += 1
        self._sources[counted] = self._sources.get(counted, 0) + 1  # the one that went may have been its own
        connection = make(kind, self._driver, lambda ended: self._release(ended, source))
        self._open.add(connection)
        task = self._loop.create_task(self._open_one(connection, sock, source, context))
        self._unproved.add(connection, task)
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _make_room(self) -> bool:
        """Close a connection that has proved nothing, rather than refuse whoever comes next (R32)."""
        found = self._unproved.take(time.monotonic())
        if found is None:
            return False
        connection, task = found
        self._driver.counters.add("sip.stream.made_room")
        task.cancel()  # of a handshake that goes on; else it is done
        connection.abort("others came, and it had proved nothing")
        connection.forget()
        return True

    async def _open_one(
        self, connection: StreamConnection, sock: socket.socket, source: str, context: ssl.SSLContext | None
    ) -> None:
        kind = connection.kind
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE if context else None,
                ssl_shutdown_timeout=2.0 if context else None,
            )
        except (TimeoutError, OSError, ssl.SSLError) as error:
            self._driver.counters.add("sip.tls.refused" if context else "sip.stream.lost")
            if context is not None and kind.zone is None:
                self._driver.offence(Category.HANDSHAKE, source, True)
            reason = describe(error)
            if self._driver.noise.allows(time.monotonic()):
                self._driver.log.info("stream.refused", source=source, row=kind.row, reason=reason)
            if context is not None and kind.zone is not None:
                now = time.monotonic()
                self._driver.tell(self._driver.core.link_refused, kind.zone, f"{source} connected, but {reason}", now)
                self._driver.settle(now)
            sock.close()
            self._release(connection, source)
        except asyncio.CancelledError:
            sock.close()
            self._release(connection, source)
            raise

    def _release(self, connection: StreamConnection, source: str) -> None:
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._unproved.discard(connection)
        self._count -= 1
        counted = source_of(source)
        left = self._sources[counted] - 1
        if left:
            self._sources[counted] = left
        else:
            del self._sources[counted]

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(_SWEEP, self._sweep)
        now = time.monotonic()
        promised = self._driver.promised
        for number in [each for each in promised if each not in self._driver.streams]:
            del promised[number]
        for connection in list(self._open):
            seconds = promised.get(connection.flow.id) if promised and connection.flow is not None else None
            if seconds is not None and connection.silent(now, seconds):
                self._driver.counters.add("sip.stream.silent")
                connection.abort(f"no keep-alive within {seconds:g} s")
                continue
            reason = connection.overdue(now, self._patience)
            if reason is not None and connection.connected:
                self._driver.counters.add("sip.stream.slow")
                if (source := connection.source) and not connection.of_zone:
                    self._driver.offence(Category.FLOOD, source, True)
                connection.abort(reason)

    def drop(self, blocked: Callable[[str], bool]) -> None:
        """Close the connections of addresses that are blocked."""
        for connection in list(self._open):
            if connection.connected and not connection.of_zone and blocked(connection.source):
                connection.abort("its source is blocked")

    def close(self) -> None:
        self._timer.cancel()
        for task in list(self._handshakes):
            task.cancel()
        for connection in list(self._open):
            connection.abort("the node stops")


class StreamListener:
    """One listening socket. Each connection takes the TLS context of its moment from `contexts`."""

    def __init__(
        self,
        sock: RowSocket,
        listener: Listener,
        contexts: TlsContexts | None,
        connections: Connections,
        driver: Driver,
        make: Make = StreamConnection,
        named: Callable[[Address], str] | None = None,
        asked: frozenset[str] = frozenset(),
    ) -> None:
        """`named`: the row by which a peer comes, where the socket has several. `asked`: addresses of neighbours that
        are known by the name in their certificate."""
        self._socket = sock
        self._contexts = contexts if listener.transport in ("tls", "wss") else None
        self._make = make
        self._mutual = listener.mutual
        self._asked = asked
        self._connections = connections
        self._driver = driver
        self._kind = StreamKind(listener.transport, listener.nic, listener.row, listener.zone)
        self._named = named if listener.more else None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    def _readable(self) -> None:
        for _ in range(_BURST):
            try:
                sock, remote = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # gone before we accepted it
            except OSError as error:
                # Out of descriptors or memory: stop asking for a moment, or the loop would spin.
                self._driver.counters.add("sip.accept.failed")
                self._driver.log.error("accept.failed", row=self._kind.row, reason=error.strerror)
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(_PAUSE, self._resume)
                return
            if scoped(remote[0]):
                self._driver.counters.add("sip.stream.link_local")
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            kind = self._kind if self._named is None else replace(self._kind, row=self._named(remote[:2]))
            self._connections.admit(sock, remote[0], kind, self._context(remote[0]), self._make)

    def _context(self, source: str) -> ssl.SSLContext | None:
        if self._contexts is None:
            return None
        if self._mutual:
            return self._contexts.mutual
        return self._contexts.asking if source in self._asked else self._contexts.server

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
