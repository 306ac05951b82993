"""Streams of the TURN server: clients over TCP and TLS, and connections of TCP relays (RFC 6062).

A client's stream is cut into STUN messages and ChannelData. When a client binds its stream to a peer's connection
(RFC 6062 §4.4) both become a pipe: each is read as fast as the other takes it. A client that does not read what is
relayed to it loses datagrams, as on a full link, and the connection when even answers pile up.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Protocol, cast

from seaway.core.turn.io import ClientKey, ConnectionKey
from seaway.observe.counters import Counters
from seaway.runtime.turn_accept import ALPN_WEB
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.framing import Framer

__all__ = ["ClientStream", "PeerStream", "Pipe", "StreamOwner"]

_DROP = 128 * 1024  # octets waiting to be sent at which relayed data is dropped
_BOUND = 512 * 1024  # octets waiting at which the client is given up
_PIPE_PAUSE = 64 * 1024  # octets waiting at one end of a pipe at which the other is not read
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class StreamOwner(Protocol):
    """Who is told. `client_data` and `client_gone` are about a client's stream, the others about a peer's."""

    counters: Counters

    def client_data(self, stream: ClientStream, frames: list[bytes]) -> None: ...
    def client_gone(self, stream: ClientStream, reason: str) -> None: ...
    def web_request(self, stream: ClientStream, first: bytes) -> bool:
        """True when somebody else took the stream over; false refuses it."""

    def peer_gone(self, stream: PeerStream, reason: str) -> None: ...
    def settle(self) -> None: ...


class Pipe(asyncio.Protocol):
    """One end of a joined pair, once it is joined; before that, whatever the subclass makes of what arrives."""

    def __init__(self) -> None:
        self.other: Pipe | None = None
        self.transport: asyncio.Transport | None = None
        self.reason = ""
        self._held: list[bytes] = []

    def join(self, other: Pipe) -> None:
        """What arrives here goes to `other` from now on."""
        self.other = other
        for data in self._held:
            other.put(data)
        self._held.clear()

    def put(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def close(self, reason: str) -> None:
        """After what is waiting has been sent."""
        self.reason = self.reason or reason
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def abort(self, reason: str) -> None:
        self.reason = self.reason or reason
        if self.transport is not None:
            self.transport.abort()


class ClientStream(Pipe):
    """A TURN client. `left()` is called once when the connection has gone."""

    def __init__(
        self, sock: socket.socket, tls: bool, web: bool, owner: StreamOwner, number: int, left: Callable[[], None]
    ) -> None:
        super().__init__()
        self.since = self.waits_since = time.monotonic()
        self.heard = False  # a whole message has arrived
        self.web = web
        self._owner = owner
        self._left = left
        self._framer = Framer()
        self._first = True
        self._remote = sock.getpeername()[:2]
        local = sock.getsockname()[:2]
        self.key = ClientKey("tls" if tls else "tcp", local, self._remote, number)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's TLS transports do not inherit from it
        self.transport.set_write_buffer_limits(_PIPE_PAUSE)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.put(data)
            return
        if self.transport is None or self.transport.is_closing():
            return
        if self._first:
            self._first = False
            if self._is_web(data):
                self._refuse_web(data)
                return
        try:
            frames = self._framer.feed(data)
        except StunError as error:
            self._owner.counters.add("turn.stream.unreadable")
            self.close(str(error))
            return
        if frames:
            self.heard = True
        if frames or not self._framer.pending:
            self.waits_since = time.monotonic()
        self._owner.client_data(self, frames)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._left()
        self.transport = None
        if self.other is not None:
            self.other.close("the other end closed")
        self._owner.client_gone(self, self.reason or (f"connection lost: {error}" if error else "closed by the client"))

    # -- what the server wants

    def send(self, data: bytes, *, droppable: bool) -> bool:
        """False when it was dropped."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        waiting = transport.get_write_buffer_size()
        if droppable and waiting > _DROP:
            self._owner.counters.add("turn.stream.dropped")
            return False
        if waiting > _BOUND:
            self._owner.counters.add("turn.stream.not_reading")
            self.abort("the client does not read")
            return False
        transport.write(data)
        return True

    def join(self, other: Pipe) -> None:
        rest = self._framer.take_rest()
        if rest:
            other.put(rest)
        super().join(other)

    def overdue(self, now: float, patience: float) -> str | None:
        """Why a slow sender is to be closed."""
        if self.other is not None:
            return None
        if not self.heard and now - self.since > patience:
            return f"no whole message within {patience:g} s"
        if self._framer.pending and now - self.waits_since > patience:
            return f"half a message for {patience:g} s"
        return None

    # -- inside

    def _is_web(self, data: bytes) -> bool:
        """ALPN says so, or a letter where a first STUN message has 0 to 3. No client begins with ChannelData."""
        assert self.transport is not None
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        if found is not None and found.selected_alpn_protocol() == ALPN_WEB:
            return True
        return b"A"[0] <= data[0] <= b"Z"[0]

    def _refuse_web(self, data: bytes) -> None:
        if self.web and self._owner.web_request(self, data):
            return
        self._owner.counters.add("turn.stream.web_refused")
        assert self.transport is not None
        self.transport.write(_REFUSAL)
        self.close("a web request; there is no web service on this port")


class PeerStream(Pipe):
    """A connection between a TCP relay and a peer. It is not read until a client has bound it."""

    def __init__(self, key: ConnectionKey, owner: StreamOwner) -> None:
        super().__init__()
        self.key = key
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(_PIPE_PAUSE)
        if self.other is None:
            self.transport.pause_reading()

    def join(self, other: Pipe) -> None:
        super().join(other)
        if self.transport is not None:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._held.append(data)  # read before the pause took hold
        else:
            self.other.put(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.other is not None:
            self.other.close("the peer closed")
        self._owner.peer_gone(self, self.reason or (f"connection lost: {error}" if error else "closed by the peer"))
