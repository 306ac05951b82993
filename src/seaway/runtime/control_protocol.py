"""Names and limits of the control sockets, for the node that serves it and for `seaway status` that asks."""

from __future__ import annotations

__all__ = ["CONTROL_SOCKET", "MAX_ANSWER", "SHOWS", "TURN_SOCKET"]

CONTROL_SOCKET = "control.sock"
TURN_SOCKET = "turn.sock"
MAX_ANSWER = 64 * 1024 * 1024  # octets of one line
SHOWS = (
    "status", "zones", "calls", "history", "registrations", "searches", "bandwidth", "sockets", "dns", "media", "relay",
    "legs", "turn", "counters", "alarms", "processes", "protection",
)  # fmt: skip
