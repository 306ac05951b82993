"""`turn.sock`: the views of the TURN process, asked by the signal process for `seaway status turn` and `sockets`.

The protocol is that of `control.sock`: one JSON object per line, `{"show": "turn"}` and `{"show": ..., "rows": [...]}`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from seaway.core.turn.allocation import Allocation
from seaway.runtime.control_protocol import MAX_ANSWER, TURN_SOCKET
from seaway.runtime.ipc import IpcError, LineConnection, ask, serve
from seaway.wire.endpoint import shown

if TYPE_CHECKING:
    from seaway.runtime.turn_process import TurnProcess

__all__ = ["TurnStatus", "ask_turn"]

_MAX_QUESTION = 4096
_SHOWS = ("turn", "sockets", "counters")


async def ask_turn(run_dir: Path, show: str) -> list[dict[str, object]]:
    """The rows of a view. Raises `IpcError` when the TURN process does not answer."""
    path = run_dir / TURN_SOCKET
    question = json.dumps({"show": show}).encode() + b"\n"
    answer = json.loads(await ask(path, question, max_line=MAX_ANSWER, timeout=2.0))
    if "rows" not in answer:
        raise IpcError(path, str(answer.get("error", "no rows")), "look at the log of the TURN process")
    rows: list[dict[str, object]] = answer["rows"]
    return rows


class TurnStatus:
    """Serves `run_dir/turn.sock`. Nothing here changes anything."""

    def __init__(self, run_dir: Path, process: TurnProcess) -> None:
        self._path = run_dir / TURN_SOCKET
        self._process = process
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Raises `IpcError`."""
        self._server = await serve(self._path, self, max_line=_MAX_QUESTION)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    # -- LineHandler

    def connected(self, connection: LineConnection) -> None:
        pass

    def lost(self, connection: LineConnection, reason: str) -> None:
        pass

    def line(self, connection: LineConnection, line: bytes) -> None:
        answer: dict[str, object]
        try:
            question = json.loads(line)
            show = question.get("show") if isinstance(question, dict) else None
            if show not in _SHOWS:
                raise ValueError(f"there is no such view; there are {', '.join(_SHOWS)}")
            answer = {"show": show, "rows": self._rows(show)}
        except (ValueError, RecursionError) as error:
            answer = {"error": str(error)}
        connection.send(json.dumps(answer, default=str).encode() + b"\n")

    def _rows(self, show: str) -> list[dict[str, object]]:
        if show == "turn":
            return self._allocations(time.monotonic())
        if show == "counters":
            return [{"name": name, "value": value} for name, value in self._counters(time.monotonic()).items()]
        return [
            {
                "process": "turn",
                "kind": each.kind,
                "transport": each.transport,
                "nic": each.nic,
                "local": shown(each.local),
                "remote": shown(each.remote) if each.remote else None,
                "rows": list(each.rows),
            }
            for each in self._process.sockets.table()
        ]

    def _counters(self, now: float) -> dict[str, int]:
        """Events, what was relayed, and how much room there is."""
        traffic, core = self._process.total_traffic(), self._process.core
        counters = self._process.counters.snapshot() | {
            "turn.allocations": core.allocations,
            "turn.packets_to_peers": traffic.packets_out,
            "turn.octets_to_peers": traffic.octets_out,
            "turn.packets_to_clients": traffic.packets_in,
            "turn.octets_to_clients": traffic.octets_in,
        }
        for (family, transport), pool in core.pools(now).items():
            amounts = {"size": pool.size, "free": pool.free, "resting": pool.resting}
            counters |= {f"turn.ports.{transport}{family}.{name}": value for name, value in amounts.items()}
        return counters

    def _allocations(self, now: float) -> list[dict[str, object]]:
        """One row for each allocation, those of one user together."""
        found = sorted(self._process.allocations(), key=lambda each: (each.login.user, each.client))
        count = Counter(each.login.user for each in found)
        return [self._allocation(each, count[each.login.user], now) for each in found]

    def _allocation(self, each: Allocation, of_user: int, now: float) -> dict[str, object]:
        traffic = self._process.traffic(each)
        return {
            "user": each.login.user,
            "of_user": of_user,
            "client": f"{shown(each.client.remote)}/{each.client.transport}",
            "server": shown(each.client.local),
            "relay": [f"{shown(address)}/{each.transport}" for address in each.relayed],
            "seconds_left": round(each.expires - now),
            "permissions": sorted(host for host, end in each.permissions.items() if end > now),
            "channels": {
                f"{number:#x}": f"{shown(channel.peer)} ({self._process.engine_of(each, channel)})"
                for number, channel in sorted(each.channels.items())
                if channel.expires > now
            },
            "packets_to_peers": traffic.packets_out,
            "octets_to_peers": traffic.octets_out,
            "packets_to_client": traffic.packets_in,
            "octets_to_client": traffic.octets_in,
        }
