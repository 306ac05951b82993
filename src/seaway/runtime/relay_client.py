"""The signalling side's end of `relay.sock`: commands out, replies and events in, and coming back after a loss."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from seaway.media.encoding import MAX_REPLY, ProtocolError, decode_message, encode
from seaway.media.protocol import Command, Event, Reply
from seaway.observe import log
from seaway.runtime.ipc import IpcError, LineConnection, dial

__all__ = ["RelayClient", "RelayLost"]

_FIRST_RETRY = 0.05  # seconds
_LAST_RETRY = 1.0


class RelayLost(Exception):
    """There is no connection to the relay now; `relay_lost` told so, and `connected` tells when there is one."""


class RelayClient:
    """Callbacks run in the event loop, one at a time: `on_message` for each reply and event, `relay_lost` when the
    connection ends, `connected` each time there is one (ask `List` then: a restarted relay has no sessions)."""

    def __init__(
        self,
        path: Path,
        on_message: Callable[[Reply | Event], None],
        *,
        relay_lost: Callable[[str], None],
        connected: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._on_message = on_message
        self._relay_lost = relay_lost
        self._on_connected = connected
        self._connection: LineConnection | None = None
        self._retry: asyncio.Task[None] | None = None
        self._closed = False
        self._log = log.get(part="relay-client")

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_open

    async def connect(self, timeout: float = 10.0) -> None:
        """Try until the relay answers. Raises `IpcError` with the last reason after `timeout` seconds."""
        give_up = time.monotonic() + timeout
        delay = _FIRST_RETRY
        while True:
            try:
                await dial(self._path, self, max_line=MAX_REPLY)
                return
            except IpcError:
                if time.monotonic() + delay > give_up:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY)

    def send(self, command: Command) -> None:
        """Raises `RelayLost`."""
        if self._connection is None or not self._connection.is_open:
            raise RelayLost(f"no connection to the relay at {self._path}")
        self._connection.send(encode(command))

    async def close(self) -> None:
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._connection is not None:
            self._connection.close()

    # What `ipc` tells

    def connected(self, connection: LineConnection) -> None:
        self._connection = connection
        if self._on_connected is not None:
            self._on_connected()

    def line(self, connection: LineConnection, line: bytes) -> None:
        try:
            message = decode_message(line)
        except ProtocolError as error:
            self._log.error("relay.protocol_error", field=error.field, reason=error.what)
            connection.close("the relay sent no valid message")
            return
        self._on_message(message)

    def lost(self, connection: LineConnection, reason: str) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        if self._closed:
            return
        self._relay_lost(reason)
        self._retry = asyncio.get_running_loop().create_task(self._reconnect(), name="relay-reconnect")

    async def _reconnect(self) -> None:
        while not self._closed:
            try:
                await self.connect(timeout=60.0)
                return
            except IpcError as error:
                self._log.error("relay.unreachable", reason=str(error))
