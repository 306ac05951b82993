"""Accepting TURN clients over TCP: bounded in total and per source, and told apart by their first octet.

One port takes TLS and bare STUN, and on the port of HTTPS web requests as well. The first octet is looked at before
anything is read: 0x16 begins a TLS handshake, all else stays as it is. What comes inside TLS is told apart once more,
by ALPN (`stun.turn`, RFC 7443) or again by its first octet; that is in `turn_streams.py`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

from seaway.call.noise import Noise
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.faults import describe
from seaway.runtime.sockets import RowSocket
from seaway.runtime.tls import TlsContexts
from seaway.wire.endpoint import scoped, source_of

__all__ = ["ALPN_TURN", "ALPN_WEB", "Acceptor", "Crowd"]

ALPN_TURN, ALPN_WEB = "stun.turn", "http/1.1"

_TLS = 0x16  # content type of a handshake record, RFC 8446 §5.1
_BURST = 64  # connections accepted per wake-up
_HANDSHAKE = 10.0  # seconds
_PAUSE = 0.5  # seconds without accepting when descriptors ran out


class Crowd:
    """How many connections there are, in total and of each source (an IPv4 address, an IPv6 /64)."""

    def __init__(self, limit: int, per_source: int) -> None:
        self._limit, self._per_source = limit, per_source
        self._sources: dict[str, int] = {}
        self.count = 0

    def enter(self, host: str) -> bool:
        source = source_of(host)
        held = self._sources.get(source, 0)
        if self.count >= self._limit or held >= self._per_source:
            return False
        self.count += 1
        self._sources[source] = held + 1
        return True

    def leave(self, host: str) -> None:
        source = source_of(host)
        self.count -= 1
        left = self._sources[source] - 1
        if left:
            self._sources[source] = left
        else:
            del self._sources[source]


class Acceptor:
    """One listening socket. `make(local, remote, tls, left)` makes the protocol of a connection; it, or nobody, calls
    `left` once when the connection has gone. `patience`: seconds until the first octet."""

    def __init__(
        self,
        listening: RowSocket,
        contexts: TlsContexts | None,
        crowd: Crowd,
        counters: Counters,
        make: Callable[[socket.socket, bool, Callable[[], None]], asyncio.Protocol],
        *,
        patience: float,
    ) -> None:
        self._listening = listening
        self._contexts = contexts
        self._crowd = crowd
        self._counters = counters
        self._make = make
        self._patience = patience
        self._log = log.get(part="turn")
        self._noise = Noise(lambda: counters.add("log.suppressed.sockets"))
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listening.fileno(), self._readable)

    def close(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
        for task in list(self._tasks):
            task.cancel()

    def _readable(self) -> None:
        for _ in range(_BURST):
            try:
                made, remote = self._listening.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # gone before we accepted it
            except OSError as error:
                # Out of descriptors or memory: stop asking for a moment, or the loop would spin.
                self._counters.add("turn.accept.failed")
                self._log.error("accept.failed", row=self._listening.entry.rows[0], reason=error.strerror)
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(_PAUSE, self._resume)
                return
            if scoped(remote[0]):
                self._counters.add("turn.client.link_local")
                made.close()
                continue
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._crowd.enter(remote[0]):
                self._counters.add("turn.stream.over_limit")
                made.close()
                continue
            task = self._loop.create_task(self._open(made, remote[0]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening.fileno(), self._readable)

    async def _open(self, made: socket.socket, source: str) -> None:
        here = True

        def left() -> None:
            nonlocal here
            if here:
                here = False
                self._crowd.leave(source)

        try:
            first = await asyncio.wait_for(self._first(made), self._patience)
            context = self._contexts.server if first == _TLS and self._contexts is not None else None
            tls = context is not None
            await self._loop.connect_accepted_socket(
                lambda: self._make(made, tls, left),
                made,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE if tls else None,
                ssl_shutdown_timeout=2.0 if tls else None,
            )
        except (TimeoutError, OSError, ssl.SSLError) as error:
            self._counters.add("turn.stream.refused")
            if self._noise.allows(time.monotonic()):
                row = self._listening.entry.rows[0]
                self._log.info("stream.refused", source=source, row=row, reason=describe(error))
            made.close()
            left()
        except asyncio.CancelledError:
            made.close()
            left()
            raise

    async def _first(self, made: socket.socket) -> int:
        """The first octet, left in the socket. Raises `OSError`, also when the peer closes before it."""
        descriptor = made.fileno()
        while True:
            with suppress(BlockingIOError):
                octet = made.recv(1, socket.MSG_PEEK)
                if not octet:
                    raise ConnectionResetError(0, "closed without a word")
                return octet[0]
            ready: asyncio.Future[None] = self._loop.create_future()
            self._loop.add_reader(descriptor, _set, ready)
            try:
                await ready
            finally:
                self._loop.remove_reader(descriptor)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
