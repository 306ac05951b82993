"""An IP address and a port as one text, for views and log lines: an IPv6 address in brackets (RFC 5952 §6)."""

from __future__ import annotations

__all__ = ["shown"]


def shown(address: tuple[str, int]) -> str:
    """ "203.0.113.20:5060", "[2001:db8::20]:5060"."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
