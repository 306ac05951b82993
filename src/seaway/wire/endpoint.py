"""An IP address and a port: as one text for views and log lines, and of which IP version it is."""

from __future__ import annotations

from typing import Literal

__all__ = ["shown", "version_of"]


def shown(address: tuple[str, int]) -> str:
    """ "203.0.113.20:5060", "[2001:db8::20]:5060" (RFC 5952 §6)."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def version_of(address: tuple[str, int]) -> Literal[4, 6]:
    """The IP version of an address with an IP literal."""
    return 6 if ":" in address[0] else 4
