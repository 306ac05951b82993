"""Network interfaces of the current network namespace: numbers, addresses, counts. Without sockets or subprocesses."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterable
from pathlib import Path

__all__ = ["interfaces_of", "is_hardware", "number_of", "sent_by"]


class _Name(ctypes.Structure):
    """struct sockaddr, as far as it matters: family, then for IPv4 port and address, for IPv6 port, flow, address."""

    _fields_ = (("family", ctypes.c_ushort), ("rest", ctypes.c_ubyte * 26))


class _Entry(ctypes.Structure):
    """struct ifaddrs of getifaddrs(3)."""


_Entry._fields_ = (
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.POINTER(_Name)),
    ("mask", ctypes.c_void_p),
    ("destination", ctypes.c_void_p),
    ("data", ctypes.c_void_p),
)


def interfaces_of(addresses: Iterable[str]) -> list[str]:
    """Names of the interfaces that hold these addresses, each once, in the order of `addresses`; an address that no
    interface holds is left out. Raises `OSError`."""
    held = _addresses()
    wanted = [_octets(address) for address in addresses]
    return list(dict.fromkeys(name for each in wanted for name in held.get(each, ())))


def number_of(interface: str) -> int:
    """Raises `OSError` when there is no such interface."""
    return socket.if_nametoindex(interface)


def is_hardware(interface: str) -> bool:
    """False for veth, bridges and the like, and when it cannot be seen (/sys of another network namespace)."""
    return (Path("/sys/class/net") / interface / "device").exists()


def sent_by(interface: str) -> int:
    """Packets that left by the interface since it exists."""
    for line in Path("/proc/thread-self/net/dev").read_text().splitlines():
        name, colon, counts = line.partition(":")
        if colon and name.strip() == interface:
            return int(counts.split()[9])
    return 0


def _octets(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address.partition("%")[0])


def _addresses() -> dict[bytes, list[str]]:
    library = ctypes.CDLL(None, use_errno=True)
    first = ctypes.POINTER(_Entry)()
    if library.getifaddrs(ctypes.byref(first)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"addresses of interfaces: {os.strerror(code).lower()}")
    found: dict[bytes, list[str]] = {}
    try:
        each = first
        while each:
            entry = each.contents
            if entry.address:
                name = entry.address.contents
                span = {socket.AF_INET: slice(2, 6), socket.AF_INET6: slice(6, 22)}.get(name.family)
                if span is not None:
                    found.setdefault(bytes(name.rest[span]), []).append(entry.name.decode())
            each = entry.next
    finally:
        library.freeifaddrs(first)
    return found
