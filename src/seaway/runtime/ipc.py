"""Unix sockets between the processes of a node: bounded, private, only for root and our own user.

Lines (`serve`, `dial`, `ask`), and packets (SOCK_SEQPACKET) for the native worker. Not here: what they mean
(`media/encoding.py` for the relay). These are the only sockets without a catalog row.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Protocol, cast

__all__ = [
    "IpcError", "LineConnection", "LineHandler", "ask", "dial", "dial_packets", "listen_packets", "private_pair",
    "serve",
]  # fmt: skip

_PEER_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class IpcError(Exception):
    """A Unix socket cannot be used. `str()` is one line with path, reason and remedy."""

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


class LineHandler(Protocol):
    """What the owner of connections is told. Called in the event loop; must not block."""

    def connected(self, connection: LineConnection) -> None: ...

    def line(self, connection: LineConnection, line: bytes) -> None:
        """One line without its line feed."""

    def lost(self, connection: LineConnection, reason: str) -> None:
        """Once for each connection that was `connected`."""


class LineConnection(asyncio.Protocol):
    """One end of a connection. `max_line` bounds what is read; `max_unsent` what waits for a slow reader."""

    def __init__(
        self, handler: LineHandler, *, max_line: int, max_unsent: int, only_uids: frozenset[int] | None = None
    ) -> None:
        self.peer_uid = -1
        self.peer_pid = -1
        self._handler = handler
        self._max_line, self._max_unsent = max_line, max_unsent
        self._only_uids = only_uids
        self._buffer = bytearray()
        self._scanned = 0
        self._transport: asyncio.Transport | None = None
        self._reason = "closed by the other side"
        self._told = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, line: bytes) -> None:
        """`line` ends with a line feed. A peer that does not read loses the connection, not our memory."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(line)
        if transport.get_write_buffer_size() > self._max_unsent:
            self._reason = f"the other side left {self._max_unsent} octets unread"
            transport.abort()

    def close(self, reason: str = "closed here") -> None:
        """After what was sent has gone out."""
        if self._transport is not None and not self._transport.is_closing():
            self._reason = reason
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size
        )
        self.peer_pid, self.peer_uid, _ = _PEER_CREDENTIALS.unpack(peer)
        if self._only_uids is not None and self.peer_uid not in self._only_uids:
            self._transport.abort()
            return
        self._told = True
        self._handler.connected(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start = 0
        while self.is_open and (end := buffer.find(b"\n", max(start, self._scanned))) >= 0:
            if end - start > self._max_line:
                break
            self._handler.line(self, bytes(buffer[start:end]))
            start = end + 1
        del buffer[:start]
        self._scanned = len(buffer)
        if self._scanned > self._max_line and self.is_open:
            self._reason = f"a line is longer than {self._max_line} octets"
            buffer.clear()
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._told:
            self._handler.lost(self, self._reason if exc is None else str(exc))


async def serve(
    path: Path, handler: LineHandler, *, max_line: int, max_unsent: int = 64 * 1024 * 1024, max_connections: int = 16
) -> asyncio.AbstractServer:
    """Listen at `path` (mode 0600) for root and our own user. A socket left behind by a crash is replaced.

    Raises `IpcError` when somebody answers there or the path cannot be used.
    """
    uids = frozenset((0, os.geteuid()))
    await _clear(path)
    limited = _Limited(handler, max_connections)
    loop = asyncio.get_running_loop()
    mask = os.umask(0o177)  # created private: no moment in which others could connect
    try:
        return await loop.create_unix_server(
            lambda: LineConnection(limited, max_line=max_line, max_unsent=max_unsent, only_uids=uids), str(path)
        )
    except OSError as error:
        raise IpcError(path, error.strerror or str(error), "check the run directory and its owner") from error
    finally:
        os.umask(mask)


async def dial(
    path: Path, handler: LineHandler, *, max_line: int, max_unsent: int = 16 * 1024 * 1024
) -> LineConnection:
    """Raises `IpcError` when nobody listens."""
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_unix_connection(
            lambda: LineConnection(handler, max_line=max_line, max_unsent=max_unsent), str(path)
        )
    except OSError as error:
        raise IpcError(path, error.strerror or str(error), "is the process that serves it running?") from error
    return connection


async def ask(path: Path, line: bytes, *, max_line: int, timeout: float = 5.0) -> bytes:
    """One line there, one line back. Raises `IpcError`, also when there is no answer in `timeout` seconds."""
    asked = _Asked()
    connection = await dial(path, asked, max_line=max_line)
    connection.send(line)
    try:
        return await asyncio.wait_for(asked.answer, timeout)
    except TimeoutError:
        raise IpcError(path, f"no answer in {timeout:g} s", "look at the log of that process") from None
    except ConnectionError as error:
        raise IpcError(path, str(error), "look at the log of that process") from None
    finally:
        connection.close()


def listen_packets(path: Path) -> socket.socket:
    """A listening SOCK_SEQPACKET socket at `path` (mode 0600), to be handed to the process that accepts. A socket left
    behind by a crash is replaced. Raises `IpcError` when somebody answers there or the path cannot be used."""
    try:
        dial_packets(path, timeout=1.0).close()
    except IpcError:
        if path.is_socket():
            path.unlink(missing_ok=True)
    else:
        raise IpcError(path, "another process serves it", "stop that process, or choose another run_dir")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mask = os.umask(0o177)  # created private: no moment in which others could connect
    try:
        made.bind(str(path))
        made.listen(64)
    except OSError as error:
        made.close()
        raise IpcError(path, error.strerror or str(error), "check the run directory and its owner") from error
    finally:
        os.umask(mask)
    return made


def private_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected SOCK_SEQPACKET sockets without a name, for a process and a child that it forks."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def dial_packets(path: Path, *, timeout: float) -> socket.socket:
    """A connected SOCK_SEQPACKET socket; `timeout` in seconds holds for later calls too. Raises `IpcError`."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.settimeout(timeout)
    try:
        made.connect(str(path))
    except OSError as error:
        made.close()
        raise IpcError(path, error.strerror or str(error), "is the process that serves it running?") from error
    return made


class _Limited:
    """Passes on to `handler`; connections over the limit are closed at once."""

    def __init__(self, handler: LineHandler, limit: int) -> None:
        self._handler = handler
        self._limit = limit
        self._open: set[LineConnection] = set()

    def connected(self, connection: LineConnection) -> None:
        if len(self._open) >= self._limit:
            connection.close("too many connections")
            return
        self._open.add(connection)
        self._handler.connected(connection)

    def line(self, connection: LineConnection, line: bytes) -> None:
        if connection in self._open:
            self._handler.line(connection, line)

    def lost(self, connection: LineConnection, reason: str) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._handler.lost(connection, reason)


class _Asked:
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connected(self, connection: LineConnection) -> None:
        pass

    def line(self, connection: LineConnection, line: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(line)

    def lost(self, connection: LineConnection, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionError(reason))


async def _clear(path: Path) -> None:
    """Remove a stale socket. Raises `IpcError` when it is alive or no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise IpcError(path, "there is a file that is no socket", "remove it")
    except FileNotFoundError:
        return
    except OSError as error:
        raise IpcError(path, error.strerror or str(error), "check the run directory and its owner") from error
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        path.unlink(missing_ok=True)
        return
    writer.close()
    raise IpcError(path, "another process serves it", "stop that process, or choose another run_dir")
