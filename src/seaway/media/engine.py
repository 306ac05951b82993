"""The Python relay engine: packets in, packets out, no I/O. Readable first; the oracle of any native engine.

`receive`, `handle_timeout` and `command` go in; after each, drain `next_output()` until `None` and ask
`next_deadline()`. Legs and their state are in `legs.py`, who may send in `latch.py` (plain), `demux.py` (edge) and
`core/traversal/probe.py` (core). Packets pass unchanged, octet for octet.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from seaway.core.traversal.probe import Bound, Lost, ProbeSender, SendProbe
from seaway.media.allocate import Allocator, NoDemux, PortRefused, Ports
from seaway.media.demux import answer_probe, unbind
from seaway.media.fast import FastFlows
from seaway.media.latch import Verdict
from seaway.media.legs import ComponentState, DemuxPair, LegState, PortKey, SessionState
from seaway.media.memory import ComponentMemory, describe, session_memory
from seaway.media.pool import PortPool
from seaway.media.protocol import (
    Address,
    AddStreams,
    Close,
    Command,
    Describe,
    Described,
    Failed,
    Idle,
    Latched,
    List,
    Open,
    Opened,
    Reply,
    Security,
    SetRemote,
    Stats,
)
from seaway.media.sessions import MAX_SESSIONS, MAX_STREAMS, SessionTable, no_session
from seaway.wire.rtp.classify import PacketClass, classify, ssrc_of
from seaway.wire.rtp.packet import is_rtp
from seaway.wire.rtp.rtcp import is_rtcp
from seaway.wire.stun.header import is_stun

__all__ = ["IDLE_AFTER", "Engine", "Output", "SendPacket"]

IDLE_AFTER = 30.0
"""Seconds without any accepted packet after which `Idle` is told, and again each time as long."""

_MAX_ALLOWED = 16  # addresses in one SetRemote
_MAX_CLOCKS = 16  # payload types in one SetRemote
_MAX_SSRCS = 64


class SendPacket(NamedTuple):
    """A datagram to send from a local port. A tuple because one is made for every media packet."""

    local: PortKey
    remote: Address
    data: bytes


Output = SendPacket | Latched | Idle


class Engine:
    """`demux` pairs are opened by the caller and stay open. `random_octets(n)` gives n unpredictable octets."""

    def __init__(
        self,
        ports: Ports,
        pool: PortPool,
        random_octets: Callable[[int], bytes],
        *,
        demux: Sequence[DemuxPair] = (),
        fast: FastFlows | None = None,
        max_sessions: int = MAX_SESSIONS,
        max_streams: int = MAX_STREAMS,
        idle_after: float = IDLE_AFTER,
    ) -> None:
        self.unknown_source = 0  # packets at demultiplexing ports of no flow, probes that were not valid included
        self._random_octets = random_octets
        self._idle_after = idle_after
        self._owners: dict[PortKey, ComponentState | DemuxPair] = {}
        allocator = Allocator(ports, pool, demux, random_octets)
        self._fast = fast or FastFlows()
        self._table = SessionTable(allocator, self._owners, self._fast, max_sessions, max_streams)
        self._outputs: deque[Output] = deque()
        self._timers: list[tuple[float, int, ComponentState | SessionState]] = []
        self._timer_count = 0
        self._changed: set[str] = set()
        for pair in demux:
            self._owners[pair.rtp] = self._owners[pair.rtcp] = pair

    # Packets

    def receive(self, data: bytes, port: PortKey, source: Address, now: float) -> None:
        """One datagram that arrived on `port`. Never raises for what is in it."""
        owner = self._owners.get(port)
        if owner is None:
            return  # closed while the datagram was on its way
        kind = classify(data)
        if kind is PacketClass.STUN:
            self._stun(owner, data, port, source, now)
            return
        if isinstance(owner, DemuxPair):
            component = owner.flows[port].get(source)
            if component is None:
                self.unknown_source += 1
                return
        else:
            component = owner
        counter = component.counter
        if not _well_formed(kind, data, component) or not self._from_its_source(component, data, source, now):
            counter.refused += 1
            return
        component.session.last_packet = now
        if kind is PacketClass.RTP:
            if component.flow is None:
                counter.rtp(data, now)
            else:
                counter.rtp_aside(len(data))
        elif kind is PacketClass.RTCP:
            counter.rtcp_packets += 1
        peer = component.peer
        if peer is not None and peer.remote is not None:
            self._outputs.append(SendPacket(peer.local, peer.remote, data))

    def _from_its_source(self, component: ComponentState, data: bytes, source: Address, now: float) -> bool:
        latch = component.latch
        if latch is not None:
            if component.flow is not None and source != latch.source:
                latch.heard(self._fast.heard(component) or 0.0)
            verdict = latch.packet(source, now, ssrc_of(data))
            if verdict is Verdict.LATCHED:
                component.remote = source
                self._latched(component, source)
            return verdict is not Verdict.REFUSED
        if component.probe is not None:
            return source == component.probe.remote
        return component.kind == "demux"  # found by its source; a probe leg without a remote yet hears nobody

    def _stun(self, owner: ComponentState | DemuxPair, data: bytes, port: PortKey, source: Address, now: float) -> None:
        """STUN ends here. On a plain leg it may open the way (keep-alives, RFC 6263), but is never answered."""
        if isinstance(owner, DemuxPair):
            answer = answer_probe(owner, port, data, source, now)
            if answer is None:
                self.unknown_source += 1
                return
            self._outputs.append(SendPacket(port, source, answer.data))
            if answer.lost is not None:
                self._lost(answer.lost)
            if answer.moved:
                self._latched(answer.component, source)
            if answer.component.remote is not None:
                self._schedule(answer.component, answer.component.consent_ends)
        elif owner.probe is not None:
            if owner.probe.receive(data, source, now):
                self._drain_probe(owner)
            else:
                owner.counter.refused += 1
        elif not is_stun(data) or not self._from_its_source(owner, data, source, now):
            owner.counter.refused += 1

    # Time

    def next_deadline(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def handle_timeout(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            when, _, owner = heapq.heappop(self._timers)
            if isinstance(owner, SessionState):
                self._idle_timer(owner, now)
            elif owner.due == when and not owner.session.closed:
                owner.due = None
                self._component_timer(owner, now)

    def next_output(self) -> Output | None:
        return self._outputs.popleft() if self._outputs else None

    def _component_timer(self, component: ComponentState, now: float) -> None:
        if component.probe is not None:
            component.probe.handle_timeout(now)
            self._drain_probe(component)
        elif component.remote is not None:
            if now >= component.consent_ends:
                pair = self._owners[component.local]
                assert isinstance(pair, DemuxPair)
                unbind(pair, component)
                self._lost(component)
            else:
                self._schedule(component, component.consent_ends)

    def _idle_timer(self, session: SessionState, now: float) -> None:
        if session.closed:
            return
        session.last_packet = max(session.last_packet, self._fast.heard_session(session))
        due = session.last_packet + self._idle_after
        if due <= now:
            self._outputs.append(Idle(session.name, round(now - session.last_packet, 3)))
            due = now + self._idle_after
        self._push(due, session)

    def _drain_probe(self, component: ComponentState) -> None:
        probe = component.probe
        assert probe is not None
        while (output := probe.next_output()) is not None:
            match output:
                case SendProbe(data, remote):
                    self._outputs.append(SendPacket(component.local, remote, data))
                case Bound():
                    component.remote = probe.remote
                    self._latched(component, probe.remote)
                case Lost():
                    component.remote = None
                    self._lost(component)
        component.due = None
        self._schedule(component, probe.next_deadline())

    def _schedule(self, component: ComponentState, when: float) -> None:
        if component.due is None or when < component.due:
            component.due = when
            self._push(when, component)

    def _push(self, when: float, owner: ComponentState | SessionState) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, owner))

    def _latched(self, component: ComponentState, source: Address) -> None:
        self._fast.moved(component)
        self._changed.add(component.session.name)
        self._outputs.append(
            Latched(component.session.name, component.stream, component.leg, component.component, source)
        )

    def _lost(self, component: ComponentState) -> None:
        self._fast.moved(component)
        self._changed.add(component.session.name)

    # Commands

    def command(self, command: Command, now: float) -> Reply | None:
        """Carry out one command; `None` for a `SetRemote` that worked."""
        if isinstance(command, Open | AddStreams | SetRemote | Close):
            self._changed.add(command.session)
        match command:
            case Open():
                reply = self._table.open(command, now)
                if isinstance(reply, Opened):
                    self._push(now + self._idle_after, self._table.sessions[command.session])
                return reply
            case AddStreams():
                return self._table.add_streams(command, now)
            case SetRemote():
                return self._set_remote(command, now)
            case Security():
                return Failed(0, command.session, "no-security", "this relay passes SRTP and does not end it")
            case Close():
                return self._table.close(command, now)
            case Stats():
                return self._table.stats(command)
            case List():
                return self._table.list(command)
            case Describe():
                return Described(
                    command.request, "python", "no fast path", len(self._table.sessions), self._fast.flows(),
                    self._fast.refused, self._fast.last_refusal, tuple(self._fast.rows().items()), self.unknown_source,
                    0, 0,
                )  # fmt: skip

    def _set_remote(self, command: SetRemote, now: float) -> Failed | None:
        session = self._table.sessions.get(command.session)
        if session is None:
            return no_session(0, command.session)
        if not 0 <= command.stream < len(session.streams):
            return Failed(0, session.name, "no-stream", f"session {session.name} has no stream {command.stream}")
        stream = session.streams[command.stream]
        leg = stream.leg(command.leg)
        for each in (stream.a, stream.b):  # an answer uses the offer's payload types
            each.rtp.counter.clocks.update(command.clocks[:_MAX_CLOCKS])
        try:
            if leg.rtp.kind == "plain":
                self._signal(leg, command, now)
            elif leg.rtp.kind == "probe":
                self._start_probes(leg, command, now)
        except ValueError as error:
            return Failed(0, session.name, "bad-address", f"stream {command.stream} leg {command.leg}: {error}")
        return None  # what is said of a demux leg's far side does not matter: only its probes do

    def _signal(self, leg: LegState, command: SetRemote, now: float) -> None:
        if len(command.allowed) > _MAX_ALLOWED:
            raise ValueError(f"more than {_MAX_ALLOWED} allowed addresses")
        allowed = frozenset(filter(None, map(_literal, command.allowed)))
        for component, hint in zip(leg.components, (command.rtp, command.rtcp), strict=True):
            assert component.latch is not None
            component.latch.signal(hint, allowed, now, frozenset(command.ssrcs[:_MAX_SSRCS]))
            component.remote = component.latch.source
            self._fast.moved(component)

    def _start_probes(self, leg: LegState, command: SetRemote, now: float) -> None:
        if not command.ufrag or not command.password or len(command.ufrag) > 256 or len(command.password) > 256:
            raise ValueError("a probe leg needs ufrag and password, 1 to 256 characters each")
        remotes = [_destination(address) for address in (command.rtp, command.rtcp)]
        credential = (command.ufrag.encode(), command.password.encode())
        for component, remote in zip(leg.components, remotes, strict=True):
            before = component.probe
            if before is not None and before.remote == remote and (leg.user, leg.key) == credential:
                continue
            component.remote = None
            self._fast.moved(component)
            sequence = before.sequence if before is not None else 0
            component.probe = ProbeSender(
                remote, command.ufrag, command.password, now, self._random_octets, sequence=sequence
            )
            self._drain_probe(component)
        leg.user, leg.key = credential

    # A later process

    def take_changed(self) -> dict[str, object | None]:
        """What a successor needs of each session that changed since the last call; `None`: the session is gone."""
        changed, self._changed = self._changed, set()
        sessions = self._table.sessions
        return {name: describe(sessions[name]) if name in sessions else None for name in sorted(changed)}

    def restore(self, data: object, now: float) -> str | None:
        """Make a session again from what `take_changed` of an earlier process told. Returns one line when it cannot be.

        Its flows in a fast path are kept; call `remove_orphans` when all sessions are back.
        """
        try:
            memory, remotes = session_memory(data)
            session = self._table.again(memory, now)
        except (PortRefused, NoDemux) as error:
            return str(error)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            return f"what was noted of the session makes no sense ({type(error).__name__})"
        components = [each for stream in session.streams for leg in (stream.a, stream.b) for each in leg.components]
        legs = [leg for stream in session.streams for leg in (stream.a, stream.b) for _ in leg.components]
        for component, leg, remote in zip(components, legs, remotes, strict=True):
            self._resume(component, leg, remote, now)
        for component in components:
            self._fast.moved(component)
        self._push(now + self._idle_after, session)
        self._changed.add(session.name)
        return None

    def _resume(self, component: ComponentState, leg: LegState, memory: ComponentMemory, now: float) -> None:
        """Who is at the far side, as far as the earlier process knew."""
        memory.apply(component, leg, now, self._random_octets)
        if component.probe is not None:
            self._drain_probe(component)
        elif component.kind == "demux" and component.remote is not None:
            self._schedule(component, component.consent_ends)

    def remove_orphans(self) -> int:
        """Take flows away that belong to no session. Returns how many."""
        return self._fast.remove_orphans(
            each
            for session in self._table.sessions.values()
            for stream in session.streams
            for leg in (stream.a, stream.b)
            for each in leg.components
        )


def _well_formed(kind: PacketClass, data: bytes, component: ComponentState) -> bool:
    """RTP on the RTP port only; RTCP on both (RFC 5761 puts it on the RTP port); DTLS records on both."""
    if kind is PacketClass.RTP:
        return component.component == "rtp" and is_rtp(data)
    if kind is PacketClass.RTCP:
        return is_rtcp(data)
    return kind is PacketClass.DTLS and len(data) >= 13  # a record header, RFC 6347 §4.1


def _literal(host: str) -> str | None:
    """The normal form of an IP literal. SDP may have a DNS name in `c=`; no packet comes from one, it is left out."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _destination(address: Address) -> Address:
    host, port = ip_address(address[0]), address[1]
    if host.is_multicast or host.is_unspecified or not 0 < port < 65536:
        raise ValueError(f"{address[0]} port {port} is no address to send probes to")
    return str(host), port
