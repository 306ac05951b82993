"""Waiting for a TCP connection that `sockets.py` has begun."""

from __future__ import annotations

import asyncio

from seaway.runtime.sockets import RowSocket, Sockets

__all__ = ["wait_connected"]


async def wait_connected(loop: asyncio.AbstractEventLoop, sock: RowSocket) -> None:
    """Start the connect of a socket from `Sockets.dial` and wait for it. Raises `SocketError` or `OSError`."""
    if Sockets.start_connect(sock):
        return
    done: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock.fileno(), _set, done)
    try:
        await done
    finally:
        loop.remove_writer(sock.fileno())
    Sockets.finish_connect(sock)


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
