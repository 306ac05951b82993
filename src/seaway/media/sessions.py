"""The sessions of the Python relay: opening, growing, closing and describing them. Packets are in `engine.py`."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.media.allocate import Allocator, LegMemory, NoDemux, PortRefused
from seaway.media.fast import FastFlows
from seaway.media.legs import ComponentState, DemuxPair, PortKey, SessionState, StreamState
from seaway.media.pool import PortsExhausted
from seaway.media.protocol import (
    AddStreams,
    Close,
    Closed,
    Describe,
    Described,
    Failed,
    List,
    Listed,
    Open,
    Opened,
    Relabel,
    Reply,
    SessionInfo,
    Stats,
    StatsReply,
    StreamRequest,
)
from seaway.media.totals import Totals

__all__ = ["MAX_LABEL", "MAX_SESSIONS", "MAX_STREAMS", "SessionMemory", "SessionTable", "no_session"]

MAX_SESSIONS = 1000
MAX_STREAMS = 16  # of one session


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """What makes the same session again in a later process."""

    name: str
    label: str
    streams: tuple[tuple[LegMemory, LegMemory], ...]


_MAX_NAME = 255  # characters of a session's name
MAX_LABEL = 8192

_WHAT: dict[type[Exception], str] = {
    PortsExhausted: "ports-exhausted",
    PortRefused: "port-refused",
    NoDemux: "no-demux",
}


class SessionTable:
    """`owners` is the engine's map from local ports to components, kept up to date here."""

    def __init__(
        self,
        allocator: Allocator,
        owners: dict[PortKey, ComponentState | DemuxPair],
        fast: FastFlows,
        max_sessions: int,
        max_streams: int,
    ) -> None:
        self.sessions: dict[str, SessionState] = {}
        self._allocator = allocator
        self.pool = allocator.pool
        self._owners = owners
        self._fast = fast
        self._max_sessions, self._max_streams = max_sessions, max_streams
        self._totals = Totals()

    def open(self, command: Open, now: float) -> Reply:
        name = command.session
        if name in self.sessions:
            return Failed(command.request, name, "session-exists", f"session {name} is already open")
        if not 0 < len(name) <= _MAX_NAME or len(command.label) > MAX_LABEL:
            return Failed(command.request, None, "bad-name", "session name or label is empty or too long")
        if len(self.sessions) >= self._max_sessions:
            reason = f"the relay has its maximum of {self._max_sessions} sessions; try again when calls have ended"
            return Failed(command.request, name, "sessions-exhausted", reason)
        session = SessionState(name, command.label, now)
        reply = self._streams(command.request, session, command.streams, now)
        if isinstance(reply, Opened):
            self.sessions[name] = session
        return reply

    def add_streams(self, command: AddStreams, now: float) -> Reply:
        session = self.sessions.get(command.session)
        if session is None:
            return no_session(command.request, command.session)
        return self._streams(command.request, session, command.streams, now)

    def _streams(
        self, request: int, session: SessionState, requests: tuple[StreamRequest, ...], now: float
    ) -> Opened | Failed:
        """All of them or none."""
        if len(session.streams) + len(requests) > self._max_streams:
            reason = f"more than {self._max_streams} streams in session {session.name}"
            return Failed(request, session.name, "streams-exhausted", reason)
        made: list[StreamState] = []
        try:
            for each in requests:
                made.append(self._allocator.stream(session, len(session.streams) + len(made), each, now))
        except (PortsExhausted, PortRefused, NoDemux) as error:
            for stream in made:
                self._allocator.free(stream.a, now)
                self._allocator.free(stream.b, now)
            return Failed(request, session.name, _WHAT[type(error)], str(error))
        self._grow(session, made)
        return Opened(request, session.name, tuple(stream.address for stream in made))

    def again(self, memory: SessionMemory, now: float) -> SessionState:
        """A session of an earlier process, at the same ports; who its far sides are is not restored here.

        Raises `PortRefused`, `NoDemux`, `ValueError`; then nothing is left of it.
        """
        session = SessionState(memory.name, memory.label, now)
        made: list[StreamState] = []
        try:
            for a, b in memory.streams:
                made.append(self._allocator.stream_again(session, len(made), a, b, now))
        except (PortRefused, NoDemux, ValueError):
            for stream in made:
                self._allocator.free(stream.a, now)
                self._allocator.free(stream.b, now)
            raise
        self._grow(session, made)
        self.sessions[session.name] = session
        return session

    def _grow(self, session: SessionState, made: list[StreamState]) -> None:
        session.streams += made
        for leg in (leg for stream in made for leg in (stream.a, stream.b)):
            if leg.demux is None:
                for component in leg.components:
                    self._owners[component.local] = component

    def command(self, command: Relabel | Close | Stats | List, now: float) -> Reply | None:
        match command:
            case Relabel():
                return self.relabel(command)
            case Close():
                return self.close(command, now)
            case Stats():
                return self.stats(command)
            case List():
                return self.list(command)

    def relabel(self, command: Relabel) -> Failed | None:
        """Keep another label."""
        session = self.sessions.get(command.session)
        if session is None:
            return no_session(0, command.session)
        if len(command.label) > MAX_LABEL:
            return Failed(0, command.session, "bad-name", "the label is too long")
        session.label = command.label
        return None

    def close(self, command: Close, now: float) -> Reply:
        session = self.sessions.pop(command.session, None)
        if session is None:
            return no_session(command.request, command.session)
        session.closed = True
        stats = tuple(map(self._fast.stats, session.streams))
        self._totals.ended(session.streams, stats)
        self._fast.forget(session.streams)
        for leg in (leg for stream in session.streams for leg in (stream.a, stream.b)):
            if leg.demux is None:
                for component in leg.components:
                    del self._owners[component.local]
            self._allocator.free(leg, now)
        return Closed(command.request, session.name, stats)

    def stats(self, command: Stats) -> Reply:
        if command.session is None:
            return StatsReply(command.request, tuple(map(self._info, self.sessions.values())))
        session = self.sessions.get(command.session)
        if session is None:
            return no_session(command.request, command.session)
        return StatsReply(command.request, (self._info(session),))

    def list(self, command: List) -> Reply:
        return Listed(command.request, tuple(map(self._info, self.sessions.values())))

    def describe(self, command: Describe, unknown_source: int, now: float) -> Described:
        """All but what the process knows: its engine, and datagrams that did not leave."""
        fast, pool = self._fast, self.pool
        streams = [stream for session in self.sessions.values() for stream in session.streams]
        return Described(
            command.request, "python", "no fast path", len(self.sessions), fast.flows(), fast.refused,
            fast.last_refusal, tuple(fast.rows().items()), unknown_source, 0, 0, pool.size, pool.used,
            pool.resting(now), self._totals.now(streams, map(fast.stats, streams)),
        )  # fmt: skip

    def _info(self, session: SessionState) -> SessionInfo:
        return SessionInfo(
            session.name,
            session.label,
            tuple(map(self._fast.stats, session.streams)),
            tuple(stream.address for stream in session.streams),
        )


def no_session(request: int, name: str) -> Failed:
    return Failed(request, name, "no-session", f"session {name} is not open")
