"""Which UDP sockets are bound on this host, as the kernel says it."""

from __future__ import annotations

import socket

__all__ = ["udp_bound"]


def udp_bound(host: str, port: int) -> bool:
    """Whether a UDP socket is bound to exactly this IPv4 address and port."""
    number = int.from_bytes(socket.inet_aton(host), "little")
    wanted = f"{number:08X}:{port:04X}"
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1] == wanted for line in table if ":" in line)
