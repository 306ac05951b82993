"""Which process holds a port: read from /proc, for the one line that says who to stop."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

__all__ = ["who_holds"]


def who_holds(transport: str, local: tuple[str, int]) -> str | None:
    """`"kamailio (pid 812)"` for the holder of a TCP listener or UDP socket; `None` when it cannot be seen."""
    inodes = {
        inode for suffix in ("", "6") for inode in _inodes(Path(f"/proc/net/{transport}{suffix}"), transport, local)
    }
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) in wanted:
                    return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # gone meanwhile, or another user's
    return None


def _inodes(table: Path, transport: str, local: tuple[str, int]) -> list[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    found = []
    for line in lines:
        fields = line.split()
        host, _, port = fields[1].partition(":")
        listening = transport == "udp" or fields[3] == "0A"
        if listening and int(port, 16) == local[1] and _covers(host, local[0]):
            found.append(fields[9])
    return found


def _covers(printed: str, host: str) -> bool:
    """Whether the kernel's hexadecimal address (32-bit words in host order) is `host` or the wildcard."""
    octets = b"".join(bytes.fromhex(printed[i : i + 8])[::-1] for i in range(0, len(printed), 8))
    return not any(octets) or octets == ip_address(host).packed
