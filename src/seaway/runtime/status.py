"""`control.sock`: what `seaway status` asks, answered by the signal process. One JSON object per line, both ways.

A question is `{"show": "zones"}`; an answer `{"show": "zones", "rows": [...]}` or `{"error": "..."}`. Only root and the
node's own user can connect. Nothing here changes anything but `{"do": "acknowledge", "alarm": ID}` and
`{"do": "unblock", "source": ADDRESS or "all"}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaway import compiled
from seaway.call.explaining import Asked, Explained
from seaway.call.record import label_shown
from seaway.media.encoding import MAX_REPLY, ProtocolError, decode_message, encode
from seaway.media.protocol import Describe, Described, Event, Reply, SessionInfo, Stats, StatsReply
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.alarms import AlarmBook, AlarmBooks
from seaway.runtime.control_protocol import CONTROL_SOCKET, SHOWS, TURN_SOCKET
from seaway.runtime.health import health
from seaway.runtime.ipc import IpcError, LineConnection, ask, serve
from seaway.runtime.listener import Connections
from seaway.runtime.locating import complete
from seaway.runtime.processes import processes
from seaway.runtime.protection import Protection
from seaway.runtime.relay import SOCKET_NAME
from seaway.runtime.resolver import Resolver
from seaway.runtime.turn_status import ask_turn
from seaway.runtime.udp import UdpListener
from seaway.wire.endpoint import shown

if TYPE_CHECKING:
    from seaway.runtime.signalling import MediaCore, Prepared

__all__ = ["StatusServer"]

_MAX_QUESTION = 4096


class StatusServer:
    """Serves `run_dir/control.sock`. The shows are those of `SHOWS`."""

    def __init__(
        self,
        run_dir: Path,
        prepared: Prepared,
        core: MediaCore,
        resolver: Resolver,
        connections: Connections,
        counters: Counters,
        datagrams: dict[tuple[str, int], UdpListener],
        alarms: AlarmBooks,
        book: AlarmBook,
        protection: Protection,
        further: Mapping[str, Callable[[], object]] | None = None,
        disconnect: Callable[[str | None], list[str]] | None = None,
    ) -> None:
        """`further`: more fields of the summary, and what gives each. `disconnect` ends one call, or all."""
        self.prepared = prepared
        self._run_dir = run_dir
        self._core = core
        self._resolver = resolver
        self._connections = connections
        self._counters = counters
        self._datagrams = datagrams
        self._alarms = alarms
        self._book = book
        self._protection = protection
        self._further = dict(further or {})
        self._disconnect_calls = disconnect
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = time.monotonic()
        self._log = log.get(part="status")

    async def start(self) -> None:
        """Raises `IpcError`."""
        self._server = await serve(self._run_dir / CONTROL_SOCKET, self, max_line=_MAX_QUESTION)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
            (self._run_dir / CONTROL_SOCKET).unlink(missing_ok=True)

    # -- LineHandler

    def connected(self, connection: LineConnection) -> None:
        pass

    def lost(self, connection: LineConnection, reason: str) -> None:
        pass

    def line(self, connection: LineConnection, line: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._reply(connection, line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, connection: LineConnection, line: bytes) -> None:
        try:
            question = json.loads(line)
            if not isinstance(question, dict):
                raise ValueError("a question is an object")
            show = question.get("show")
            answer: dict[str, Any]
            if question.get("do") == "acknowledge":
                answer = self._acknowledge(question.get("alarm"))
            elif question.get("do") in ("locate", "search"):
                answer = {"rows": await complete(_explained(self._core, question), self._resolver)}
            elif question.get("do") == "unblock":
                answer = self._unblock(question.get("source"))
            elif question.get("do") == "disconnect":
                answer = self._disconnect(question.get("call"))
            elif show in SHOWS:
                answer = {"show": show, "rows": await self._rows(show)}
            else:
                raise ValueError(f"there is no such view; there are {', '.join(SHOWS)}")
        except (ValueError, RecursionError, IpcError) as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  # a defect of ours: this question only
            self._log.error("defect", where="status", error=str(error), exc_info=error)
            answer = {"error": f"{type(error).__name__} in the node; its log has more"}
        connection.send(json.dumps(answer, default=str).encode() + b"\n")

    def _acknowledge(self, alarm: object) -> dict[str, Any]:
        failure = self._alarms.acknowledge(self._book, str(alarm))
        return {"error": failure} if failure is not None else {"done": "acknowledge"}

    def _unblock(self, source: object) -> dict[str, Any]:
        count = self._protection.unblock(None if source == "all" else str(source).removesuffix("/64"))
        return {"done": "unblock", "count": count}

    def _disconnect(self, call: object) -> dict[str, Any]:
        if self._disconnect_calls is None or not isinstance(call, str):
            raise ValueError("say which call: its session, or all")
        try:
            return {"done": "disconnect", "calls": self._disconnect_calls(None if call == "all" else call)}
        except KeyError:
            known = any(each["session"] == call for each in self._core.snapshot("calls", time.monotonic()))
            why = "does not go through the B2BUA, so it cannot be ended" if known else "is none of the calls here"
            raise ValueError(f"{call} {why}; `seaway status calls` shows them with their mode") from None

    # -- views

    async def _rows(self, show: str) -> list[dict[str, object]]:
        now = time.monotonic()
        if show == "status":
            return [await self._summary(now)]
        if show == "sockets":
            return await self._sockets()
        if show == "dns":
            return self._resolver.snapshot()
        if show == "media":
            return [_session(each) for each in await self._media()]
        if show == "processes":
            return processes(self._run_dir)
        if show == "alarms":
            return self._alarms.gather(self._book)
        if show == "protection":
            return self._protection.rows()
        if show == "legs":
            return [asdict(each) for each in (await self._described()).legs]
        if show == "relay":
            return [await self._relay()]
        if show == "turn":
            if not (self._run_dir / TURN_SOCKET).exists():
                raise ValueError("no TURN server runs here; an edge has one with `turn = true` under [services]")
            return await ask_turn(self._run_dir, show)
        if show == "counters":
            own = [{"name": name, "value": value} for name, value in self._counters.snapshot().items()]
            own += [
                {"name": f"sip.udp.flows.{nic}{'6' if version == 6 else ''}", "value": len(each)}
                for (nic, version), each in self._datagrams.items()
            ]
            own.append({"name": "sip.stream.accepted", "value": len(self._connections)})
            return [*self._core.snapshot("counters", now), *own, *await self._of_relay(), *await self._of_turn(show)]
        return self._core.snapshot(show, now)

    async def _summary(self, now: float) -> dict[str, object]:
        config = self.prepared.config
        relay: object = None
        engine = None
        with suppress(IpcError):
            relay = len(await self._media())
            engine = (await self._described()).engine
        zones = self._core.snapshot("zones", now)
        alarms = self._alarms.gather(self._book)
        further = {name: state() for name, state in self._further.items()}
        return {
            "health": health(zones, alarms, relay=relay is not None, overload=further.get("overload", "no") != "no"),
            "node": config.node,
            "role": self.prepared.control.role,
            "pid": os.getpid(),
            "signalling": compiled.build(),
            "seconds": round(now - self._started),
            "zones": {str(each["name"]): each.get("state") for each in zones},
            "calls": len(self._core.snapshot("calls", now)),
            "registrations": len(self._core.snapshot("registrations", now)),
            "connections": len(self._connections),
            "media_sessions": relay,  # null: the relay does not answer
            "engine": engine,  # what carries media
            "alarms": sum(each["state"] == "raised" for each in alarms),
            **further,
            "defects": self._counters.get("defects"),
        }

    async def _sockets(self) -> list[dict[str, object]]:
        """Every open socket of the node with its rows: ours, and the relay's by its sessions."""
        rows: list[dict[str, object]] = [
            {
                "process": "signal",
                "kind": each.kind,
                "transport": each.transport,
                "nic": each.nic,
                "local": shown(each.local),
                "remote": shown(each.remote) if each.remote else None,
                "rows": list(each.rows),
            }
            for each in self.prepared.sockets.table()
        ]
        rows += await self._of_turn("sockets")
        try:
            sessions = await self._media()
        except IpcError:
            return rows
        places = set(self.prepared.relay_ports)
        places |= {
            local
            for session in sessions
            for stream in session.addresses
            for leg in (stream.a, stream.b)
            for local in (leg.rtp, leg.rtcp)
        }
        for local in sorted(places):
            rows.append(
                {
                    "process": "relay",
                    "kind": "udp",
                    "transport": "udp",
                    "nic": None,
                    "local": shown(local),
                    "remote": None,
                    "rows": list(self.prepared.sockets.rows_at("udp", local)),
                }
            )
        return rows

    async def _of_relay(self) -> list[dict[str, object]]:
        """The relay's counters; none while it does not answer."""
        with suppress(IpcError):
            found = await self._relay()
            rows = dict(found.pop("rows"))  # type: ignore[call-overload]
            counted = {name: value for name, value in found.items() if isinstance(value, int)}
            counted |= {f"row.{row}": packets for row, packets in rows.items()}
            return [{"name": f"media.{name}", "value": value} for name, value in counted.items()]
        return []

    async def _of_turn(self, show: str) -> list[dict[str, object]]:
        """The TURN process's part of a view; none where there is no such process."""
        with suppress(IpcError):
            return await ask_turn(self._run_dir, show)
        return []

    async def _relay(self) -> dict[str, object]:
        """Which engine carries media, and why. Raises `IpcError` when the relay does not answer."""
        reply = await self._described()
        left_out = ("request", "legs")
        return {name: value for name, value in asdict(reply).items() if name not in left_out} | {
            "rows": dict(reply.rows)
        }

    async def _described(self) -> Described:
        reply = await self._ask_relay(Describe(1))
        if not isinstance(reply, Described):
            raise IpcError(self._run_dir / SOCKET_NAME, "no answer to the question", "look at the log of the relay")
        return reply

    async def _media(self) -> tuple[SessionInfo, ...]:
        """Raises `IpcError` when the relay does not answer."""
        reply = await self._ask_relay(Stats(1))
        return reply.sessions if isinstance(reply, StatsReply) else ()

    async def _ask_relay(self, question: Stats | Describe) -> Reply | Event:
        path = self._run_dir / SOCKET_NAME
        try:
            return decode_message(await ask(path, encode(question), max_line=MAX_REPLY, timeout=2.0))
        except ProtocolError as error:
            raise IpcError(path, str(error), "look at the log of the relay") from None


def _explained(core: MediaCore, question: dict[str, object]) -> Explained:
    """The answer to `seaway locate` or `seaway search`. Raises `ValueError`."""
    now = time.monotonic()

    def text(name: str) -> str:
        return str(question.get(name, ""))

    if question["do"] == "locate":
        authenticated = question.get("authenticated") == "yes"
        asked = Asked(text("alias"), text("zone"), text("source"), text("protocol"), authenticated)
        return core.explaining.locate(asked, now)
    return core.explaining.search(text("search"), now)


def _session(info: SessionInfo) -> dict[str, object]:
    return {
        "session": info.session,
        "label": label_shown(info.label),
        "streams": [
            {
                name: {
                    "packets": side.packets,
                    "octets": side.octets,
                    "rtcp_packets": side.rtcp_packets,
                    "lost": side.lost,
                    "jitter_ms": round(side.jitter_ms, 2),
                    "max_gap_ms": round(side.max_gap_ms, 1),
                    "refused": side.refused,
                    "unauthenticated": side.unauthenticated,
                    "security": side.security or None,
                    "source": shown(side.source) if side.source else None,
                }
                for name, side in (("from_a", stream.from_a), ("from_b", stream.from_b))
            }
            for stream in info.streams
        ],
    }
