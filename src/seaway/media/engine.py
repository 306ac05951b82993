"""The Python relay engine: packets in, packets out, no I/O. Readable first; the oracle of any native engine.

`receive`, `handle_timeout` and `command` go in; after each, drain `next_output()` until `None` and ask
`next_deadline()`. Legs and their state are in `legs.py`, who may send in `latch.py` (plain), `demux.py` (edge) and
`core/traversal/probe.py` (core). Packets pass unchanged, octet for octet.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from seaway.core.traversal.probe import Bound, Lost, SendProbe
from seaway.identity.dtls import DtlsIdentity
from seaway.media.allocate import Allocator, NoDemux, PortRefused, Ports
from seaway.media.crossing import Crossing, well_formed
from seaway.media.demux import answer_probe, unbind
from seaway.media.far_side import FarSides
from seaway.media.fast import FastFlows
from seaway.media.handshakes import Handshake, Handshakes
from seaway.media.ice import IceLite
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
    Event,
    Ice,
    Idle,
    Latched,
    List,
    Open,
    Opened,
    Pause,
    Relabel,
    Reply,
    Security,
    SetRemote,
    Stats,
)  # fmt: skip
from seaway.media.sessions import MAX_SESSIONS, MAX_STREAMS, SessionTable
from seaway.wire.rtp.classify import PacketClass, classify, ssrc_of
from seaway.wire.stun.header import is_stun

__all__ = ["EARLY", "IDLE_AFTER", "Engine", "Output", "SendPacket"]

IDLE_AFTER = 30.0
"""Seconds without any accepted packet after which `Idle` is told, and again each time as long."""

EARLY = 1.0
"""Seconds for which a datagram of a handshake that came too early is kept: then it comes again (RFC 6347 §4.2.4.1)."""


class SendPacket(NamedTuple):
    """A datagram to send from a local port. A tuple because one is made for every media packet."""

    local: PortKey
    remote: Address
    data: bytes


Output = SendPacket | Event


class Engine:
    """`demux` pairs are opened by the caller and stay open. `random_octets(n)` gives n unpredictable octets. Without
    `identity` no leg can have DTLS."""

    def __init__(
        self, ports: Ports, pool: PortPool, random_octets: Callable[[int], bytes], *, demux: Sequence[DemuxPair] = (),
        fast: FastFlows | None = None, max_sessions: int = MAX_SESSIONS, max_streams: int = MAX_STREAMS, idle_after:
        float = IDLE_AFTER, identity: DtlsIdentity | None = None,
    ) -> None:  # fmt: skip
        self.unknown_source = 0  # packets at demultiplexing ports of no flow, probes that were not valid included
        self._random_octets = random_octets
        self._idle_after = idle_after
        self._owners: dict[PortKey, ComponentState | DemuxPair] = {}
        allocator = Allocator(ports, pool, demux, random_octets)
        self._fast = fast or FastFlows()
        self._table = SessionTable(allocator, self._owners, self._fast, max_sessions, max_streams)
        self._outputs: deque[Output] = deque()
        self._identity = identity
        self._handshakes = Handshakes(
            identity, random_octets, lambda at, data, to: self._outputs.append(SendPacket(at.local, to, data)),
            self._outputs.append, self._secured, self._push,
        )  # fmt: skip
        self._far_sides = FarSides(self._table.sessions, self._fast, random_octets, self._drain_probe, self._handshakes)
        self._timers: list[tuple[float, int, ComponentState | SessionState | Handshake]] = []
        self._timer_count = 0
        self._changed: set[str] = set()
        self._crossing = Crossing(self._fast, lambda name: self._changed.add(name))
        for pair in demux:
            self._owners[pair.rtp] = self._owners[pair.rtcp] = pair

    # Packets

    def receive(self, data: bytes, port: PortKey, source: Address, now: float) -> None:
        """One datagram that arrived on `port`. Never raises for what is in it."""
        if (owner := self._owners.get(port)) is None:
            return  # closed while the datagram was on its way
        kind = classify(data)
        if kind is PacketClass.STUN and (isinstance(owner, DemuxPair) or not owner.opaque or is_stun(data)):
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
        clear = self._accepted(component, kind, data, source, now) if well_formed(kind, data, component) else None
        if clear is None:
            counter.refused += 1
            if kind is PacketClass.DTLS:
                component.early = data, source, now
            return
        if not clear:
            return  # part of a handshake
        component.session.last_packet = now
        if kind is PacketClass.RTP:
            if component.flow is None:
                counter.rtp(data, now)
            else:
                counter.rtp_aside(len(data))
        elif kind is PacketClass.RTCP:
            counter.rtcp_packets += 1
        peer = component.way_out(rtcp=kind is PacketClass.RTCP)
        if peer is None:
            return
        remote = peer.remote
        knocks = kind is PacketClass.DTLS or component.opaque or peer.knocks
        if remote is None and knocks and peer.ice is None and peer.latch:
            remote = peer.latch.knock()
        sent = self._crossing.leave(component, peer, kind, clear) if remote is not None else None
        if remote is not None and sent is not None:
            self._outputs.append(SendPacket(peer.local, remote, sent))

    def _accepted(
        self, component: ComponentState, kind: PacketClass, data: bytes, source: Address, now: float
    ) -> bytes | None:
        """The packet as it is to go on, or `None`: it does not count. Nothing is learned from a packet whose source or
        whose authentication is wrong (R12, R13)."""
        latch, shield = component.latch, component.shield
        verdict = Verdict.ACCEPTED
        if component.ice is not None:
            latch = None
            if not component.ice.admits(source, now):
                return None
        elif latch is not None:
            if component.flow is not None and source != latch.source:
                latch.heard(self._fast.heard(component) or 0.0)
            verdict = latch.judge(source, now, ssrc_of(data))
        elif component.probe is not None:
            if source != component.probe.remote:
                return None
        elif component.kind != "demux":  # that was found by its source; a probe leg without a remote yet hears nobody
            return None
        if verdict is Verdict.REFUSED:
            return None
        if shield is not None and shield.mode != "pass":
            if shield.mode == "dtls" and kind is PacketClass.DTLS:
                self._handshakes.receive(component, data, source, now)
                return b""
            opened = self._crossing.enter(component, shield, kind, data, verdict)
            if opened is None:
                return None
            data = opened
        if latch is not None and (component.ice is None or source == latch.source):
            latch.accept(source, now)
            if verdict is Verdict.LATCHED:
                component.remote = source
                self._latched(component, source, now)
        return data

    def _stun(self, owner: ComponentState | DemuxPair, data: bytes, port: PortKey, source: Address, now: float) -> None:
        """STUN ends here. On a plain leg without ICE it may open the way (RFC 6263), but is never answered."""
        if isinstance(owner, DemuxPair):
            answer = answer_probe(owner, port, data, source, now)
            if answer is None:
                self.unknown_source += 1
                return
            self._outputs.append(SendPacket(port, source, answer.data))
            if answer.lost is not None:
                self._lost(answer.lost)
            if answer.moved:
                self._latched(answer.component, source, now)
            if answer.component.remote is not None:
                self._schedule(answer.component, answer.component.consent_ends)
        elif owner.probe is not None:
            if owner.probe.receive(data, source, now):
                self._drain_probe(owner, now)
            else:
                owner.counter.refused += 1
        elif owner.ice is not None:
            self._check(owner, owner.ice, data, source, now)
        elif not is_stun(data) or self._accepted(owner, PacketClass.STUN, data, source, now) is None:
            owner.counter.refused += 1

    def _check(self, component: ComponentState, ice: IceLite, data: bytes, source: Address, now: float) -> None:
        """A connectivity check of ICE; it may select where media goes."""
        answer = ice.receive(data, source, now)
        if answer is None:
            component.counter.refused += 1
        elif answer:
            self._outputs.append(SendPacket(component.local, source, answer))
            if (selected := ice.selected) is not None and selected != component.remote:
                component.remote = selected
                self._handshakes.moved(component, selected)
                self._latched(component, selected, now)

    def _secured(self, component: ComponentState, source: Address, now: float) -> None:
        """A handshake with `source` ended well: media comes from there, and goes there."""
        if component.ice is None and component.latch is not None:
            component.latch.accept(source, now)
            component.remote = source
        self._latched(component, source, now)

    # Time

    def next_deadline(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def handle_timeout(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            when, _, owner = heapq.heappop(self._timers)
            if isinstance(owner, SessionState):
                self._idle_timer(owner, now)
            elif isinstance(owner, Handshake):
                self._handshakes.timeout(owner, when, now)
            elif owner.due == when and not owner.session.closed:
                owner.due = None
                self._component_timer(owner, now)

    def next_output(self) -> Output | None:
        return self._outputs.popleft() if self._outputs else None

    def _component_timer(self, component: ComponentState, now: float) -> None:
        if component.probe is not None:
            component.probe.handle_timeout(now)
            self._drain_probe(component, now)
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
        if any(each.offloaded for stream in session.streams for each in stream.shields):
            self._changed.add(session.name)  # the indexes are elsewhere: note now and then where they are
        due = session.last_packet + self._idle_after
        if due <= now:
            self._outputs.append(Idle(session.name, round(now - session.last_packet, 3)))
            due = now + self._idle_after
        self._push(due, session)

    def _drain_probe(self, component: ComponentState, now: float) -> None:
        probe = component.probe
        assert probe is not None
        while (output := probe.next_output()) is not None:
            match output:
                case SendProbe(data, remote):
                    self._outputs.append(SendPacket(component.local, remote, data))
                case Bound():
                    component.remote = probe.remote
                    self._latched(component, probe.remote, now)
                case Lost():
                    component.remote = None
                    self._lost(component)
        component.due = None
        self._schedule(component, probe.next_deadline())

    def _schedule(self, component: ComponentState, when: float) -> None:
        if component.due is None or when < component.due:
            component.due = when
            self._push(when, component)

    def _push(self, when: float, owner: ComponentState | SessionState | Handshake) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, owner))

    def _latched(self, component: ComponentState, source: Address, now: float) -> None:
        self._fast.moved(component)
        self._handshakes.start(component, source, now)
        self._changed.add(component.session.name)
        self._outputs.append(
            Latched(component.session.name, component.stream, component.leg, component.component, source)
        )

    def _lost(self, component: ComponentState) -> None:
        self._fast.moved(component)
        self._changed.add(component.session.name)

    # Commands

    def command(self, command: Command, now: float) -> Reply | None:
        """Carry out one command; `None` for what needs no reply and worked."""
        if not isinstance(command, Stats | List | Describe):
            self._changed.add(command.session)
        match command:
            case Open():
                reply = self._table.open(command, now)
                if isinstance(reply, Opened):
                    self._push(now + self._idle_after, self._table.sessions[command.session])
                return self._named(reply)
            case AddStreams():
                return self._named(self._table.add_streams(command, now))
            case SetRemote():
                failed = self._far_sides.set_remote(command, now)
                if failed is None:
                    self._early(command, now)
                return failed
            case Security() | Ice():
                return self._far_sides.secure(command, now)
            case Pause():
                return self._far_sides.pause(command)
            case Relabel() | Close() | Stats() | List():
                return self._table.command(command, now)
            case Describe():
                return self._table.describe(command, self.unknown_source, now)

    def ports_free(self, now: float) -> bool:
        """Whether a session could be opened now, as far as ports go."""
        pool = self._table.pool
        return pool.used + pool.resting(now) < pool.size

    def _early(self, command: SetRemote, now: float) -> None:
        """A handshake that was faster than its signalling goes on, else its next try is a second away."""
        for component in self._table.sessions[command.session].streams[command.stream].leg(command.leg).components:
            early, component.early = component.early, None
            if early is not None and now - early[2] <= EARLY:
                self.receive(early[0], component.local, early[1], now)

    def _named(self, reply: Reply) -> Reply:
        """With the fingerprint of our certificate."""
        if isinstance(reply, Opened) and self._identity is not None:
            return replace(reply, fingerprint=self._identity.fingerprint)
        return reply

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
        for (component, leg), remote in zip(session.components, remotes, strict=True):
            self._resume(component, leg, remote, now)
        for component, _ in session.components:
            self._fast.moved(component)
        self._push(now + self._idle_after, session)
        self._changed.add(session.name)
        return None

    def _resume(self, component: ComponentState, leg: LegState, memory: ComponentMemory, now: float) -> None:
        """Who is at the far side, as far as the earlier process knew."""
        memory.apply(component, leg, now, self._random_octets)
        self._handshakes.again(component)
        if component.probe is not None:
            self._drain_probe(component, now)
        elif component.kind == "demux" and component.remote is not None:
            self._schedule(component, component.consent_ends)

    def remove_orphans(self) -> int:
        """Take flows away that belong to no session. Returns how many."""
        sessions = self._table.sessions.values()
        return self._fast.remove_orphans(each for session in sessions for each, _ in session.components)
