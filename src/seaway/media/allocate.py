"""Making and undoing legs: port pairs, sockets, demultiplexing pairs, probe credentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from seaway.media.latch import Latch
from seaway.media.legs import ComponentState, DemuxPair, LegState, PortKey, SessionState, StreamState
from seaway.media.pool import PortPool
from seaway.media.protection import Shield
from seaway.media.protocol import Address, LegAddress, LegName, LegRequest, StreamRequest
from seaway.media.stats import DirectionCounter

__all__ = ["Allocator", "LegMemory", "NoDemux", "PortRefused", "Ports"]

_BIND_ATTEMPTS = 8
"""Pairs to try when another process holds a port of the media range."""


_Bound = tuple[PortKey, Address]


@dataclass(frozen=True, slots=True)
class LegMemory:
    """What makes the same leg again in a later process. `user`, `password`: of the probes; "" for plain legs."""

    request: LegRequest
    rtp: Address
    user: str
    password: str = field(repr=False)
    shields: tuple[Shield | None, Shield | None] = (None, None)  # of its components


class PortRefused(Exception):
    """A local port could not be opened. `in_use`: another port of the range may do. `reason` is one clear line."""

    def __init__(self, reason: str, *, in_use: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.in_use = in_use


class NoDemux(Exception):
    """A demux leg was asked for on a NIC without demultiplexing ports."""

    def __init__(self, nic: str) -> None:
        super().__init__(f"no demultiplexing ports on the {nic} NIC of this node; only an edge has them")
        self.nic = nic


class Ports(Protocol):
    """What the engine needs of the world: local UDP ports by catalog row."""

    def open(self, row: str, nic: str, port: int, family: int | None = None) -> tuple[PortKey, Address]:
        """The key and the bound address. `family`: IP version; `None`: the first one that the NIC has.

        Raises `PortRefused`.
        """

    def close(self, key: PortKey) -> None: ...


class Allocator:
    def __init__(
        self, ports: Ports, pool: PortPool, demux: Sequence[DemuxPair], random_octets: Callable[[int], bytes]
    ) -> None:
        self._ports = ports
        self.pool = pool
        self._demux = tuple(demux)
        self._random_octets = random_octets

    def stream(self, session: SessionState, index: int, request: StreamRequest, now: float) -> StreamState:
        """Both legs, joined. Raises `PortsExhausted`, `PortRefused`, `NoDemux`; then nothing is left allocated."""
        a = self._leg(session, index, "a", request.a, now)
        try:
            return _joined(a, self._leg(session, index, "b", request.b, now))
        except Exception:
            self.free(a, now)
            raise

    def stream_again(
        self, session: SessionState, index: int, a_memory: LegMemory, b_memory: LegMemory, now: float
    ) -> StreamState:
        """Both legs of an earlier process, joined. Raises `PortRefused`, `NoDemux`, `ValueError`."""
        a = self._leg_again(session, index, "a", a_memory, now)
        try:
            return _joined(a, self._leg_again(session, index, "b", b_memory, now))
        except Exception:
            self.free(a, now)
            raise

    def _leg_again(self, session: SessionState, index: int, name: LegName, memory: LegMemory, now: float) -> LegState:
        """A leg of an earlier process, at the same ports. Raises `PortRefused`, `NoDemux`, `ValueError`."""
        leg = self._unshielded_again(session, index, name, memory, now)
        leg.rtp.shield, leg.rtcp.shield = memory.shields
        return leg

    def _unshielded_again(
        self, session: SessionState, index: int, name: LegName, memory: LegMemory, now: float
    ) -> LegState:
        request = memory.request
        if request.kind == "demux":
            pair = next((pair for pair in self._demux if pair.addresses[0] == memory.rtp), None)
            if pair is None or memory.user.encode() in pair.legs:
                raise NoDemux(request.nic)
            return self._demux_leg(session, index, name, request, pair, memory.user, memory.password)
        port = memory.rtp[1]
        self.pool.claim(port)
        try:
            rtp, rtcp = self._bind(request, port)
        except PortRefused:
            self.pool.release(port, now)
            raise
        leg = self._own_leg(session, index, name, request, port, rtp, rtcp)
        leg.user, leg.key = memory.user.encode(), memory.password.encode()
        return leg

    def free(self, leg: LegState, now: float) -> None:
        if leg.demux is not None:
            del leg.demux.legs[leg.user]
            for component in leg.components:
                flows = leg.demux.flows[component.local]
                if component.remote is not None and flows.get(component.remote) is component:
                    del flows[component.remote]
        elif leg.port is not None:
            for component in leg.components:
                self._ports.close(component.local)
            self.pool.release(leg.port, now)

    def _leg(self, session: SessionState, index: int, name: LegName, request: LegRequest, now: float) -> LegState:
        if request.kind == "demux":
            return self._demux_leg(session, index, name, request, *self._demux_credential(request))
        port, rtp, rtcp = self._pair(request, now)
        return self._own_leg(session, index, name, request, port, rtp, rtcp)

    @staticmethod
    def _demux_leg(
        session: SessionState, index: int, name: LegName, request: LegRequest, pair: DemuxPair, user: str, password: str
    ) -> LegState:
        counter = DirectionCounter()
        rtp, rtcp = pair.addresses
        leg = LegState(
            ComponentState(session, index, name, "rtp", "demux", pair.rtp, rtp, counter),
            ComponentState(session, index, name, "rtcp", "demux", pair.rtcp, rtcp, counter),
            LegAddress(rtp, rtcp, user, password),
            None,
            request,
            pair,
            user.encode(),
            password.encode(),
        )
        pair.legs[leg.user] = leg
        return leg

    @staticmethod
    def _own_leg(
        session: SessionState, index: int, name: LegName, request: LegRequest, port: int, rtp: _Bound, rtcp: _Bound
    ) -> LegState:
        """With a port pair of its own: plain or probe."""
        counter = DirectionCounter()
        leg = LegState(
            ComponentState(session, index, name, "rtp", request.kind, *rtp, counter),
            ComponentState(session, index, name, "rtcp", request.kind, *rtcp, counter),
            LegAddress(rtp[1], rtcp[1]),
            port,
            request,
        )
        if request.kind == "plain":
            for component in leg.components:
                component.latch, component.knocks = Latch(), request.knocks
        return leg

    def _demux_credential(self, request: LegRequest) -> tuple[DemuxPair, str, str]:
        """The pair with the fewest legs, and a fresh short-term credential (letters and digits, as SDP wants them)."""
        pairs = [pair for pair in self._demux if pair.nic == request.nic and request.family in (None, pair.family)]
        if not pairs:
            raise NoDemux(request.nic)
        if request.family is None:  # IPv4, where the NIC has both
            first = min(pair.family for pair in pairs)
            pairs = [pair for pair in pairs if pair.family == first]
        user = self._random_octets(8).hex()
        while any(user.encode() in pair.legs for pair in self._demux):
            user = self._random_octets(8).hex()
        return min(pairs, key=lambda pair: len(pair.legs)), user, self._random_octets(16).hex()

    def _pair(self, request: LegRequest, now: float) -> tuple[int, _Bound, _Bound]:
        """A pair that could be bound. A pair of which another process holds a port rests like a released one."""
        attempt = 0
        while True:
            attempt += 1
            port = self.pool.take(now)
            try:
                return port, *self._bind(request, port)
            except PortRefused as refused:
                self.pool.release(port, now)
                if not refused.in_use or attempt == _BIND_ATTEMPTS:
                    raise

    def _bind(self, request: LegRequest, port: int) -> tuple[_Bound, _Bound]:
        rtp = self._ports.open(request.rows[0], request.nic, port, request.family)
        try:
            return rtp, self._ports.open(request.rows[1], request.nic, port + 1, request.family)
        except PortRefused:
            self._ports.close(rtp[0])
            raise


def _joined(a: LegState, b: LegState) -> StreamState:
    for one, other in zip(a.components, b.components, strict=True):
        one.peer, other.peer = other, one
    return StreamState(a, b)
