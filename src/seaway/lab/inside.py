"""Reach a port that a program opened inside a lab host, from outside of it.

A socket belongs to the network namespace in which it was made, for ever. So a short-lived thread steps into the
namespace, makes the socket, and ends; the main thread never leaves its own network.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from seaway.lab.errors import LabError

__all__ = ["connect", "inside"]

_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def inside(namespace: str | None, make: Callable[[], T]) -> T:
    """Call `make` with the thread in `namespace` (`None`: the own one). Raises what `make` raises, or LabError."""
    if namespace is None:
        return make()
    made: list[T] = []
    failed: list[BaseException] = []

    def step_in() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
            try:
                if libc.setns(handle, _CLONE_NEWNET):
                    raise LabError(f"cannot enter: {os.strerror(ctypes.get_errno())}", f"namespace {namespace}")
            finally:
                os.close(handle)
            made.append(make())
        except BaseException as error:  # noqa: BLE001  handed to the caller below
            failed.append(error)

    thread = threading.Thread(target=step_in)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def connect(
    namespace: str | None, address: tuple[str, int], timeout: float = 2.0, source: str | None = None
) -> socket.socket:
    """A TCP connection made inside `namespace`. Raises OSError like `socket.create_connection`."""
    return inside(namespace, lambda: socket.create_connection(address, timeout, (source, 0) if source else None))
