"""Making and undoing legs: port pairs, sockets, demultiplexing pairs, probe credentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from seaway.media.latch import Latch
from seaway.media.legs import ComponentState, DemuxPair, LegState, PortKey, SessionState, StreamState
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Component, LegAddress, LegName, LegRequest, StreamRequest
from seaway.media.stats import DirectionCounter

__all__ = ["Allocator", "NoDemux", "PortRefused", "Ports"]

_BIND_ATTEMPTS = 8
"""Pairs to try when another process holds a port of the media range."""


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

    def open(self, row: str, nic: str, port: int) -> tuple[PortKey, Address]:
        """The key and the bound address. Raises `PortRefused`."""

    def close(self, key: PortKey) -> None: ...


class Allocator:
    def __init__(
        self, ports: Ports, pool: PortPool, demux: Sequence[DemuxPair], random_octets: Callable[[int], bytes]
    ) -> None:
        self._ports = ports
        self._pool = pool
        self._demux = tuple(demux)
        self._random_octets = random_octets

    def stream(self, session: SessionState, index: int, request: StreamRequest, now: float) -> StreamState:
        """Both legs, joined. Raises `PortsExhausted`, `PortRefused`, `NoDemux`; then nothing is left allocated."""
        a = self._leg(session, index, "a", request.a, now)
        try:
            b = self._leg(session, index, "b", request.b, now)
        except Exception:
            self.free(a, now)
            raise
        for one, other in zip(a.components, b.components, strict=True):
            one.peer, other.peer = other, one
        return StreamState(a, b)

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
            self._pool.release(leg.port, now)

    def _leg(self, session: SessionState, index: int, name: LegName, request: LegRequest, now: float) -> LegState:
        def component(which: Component, key: PortKey, address: Address) -> ComponentState:
            state = ComponentState(session, index, name, which, request.kind, key, address, counter)
            if request.kind == "plain":
                state.latch = Latch()
            return state

        counter = DirectionCounter()
        if request.kind == "demux":
            pair, user, password = self._demux_credential(request.nic)
            leg = LegState(
                component("rtp", pair.rtp, pair.addresses[0]),
                component("rtcp", pair.rtcp, pair.addresses[1]),
                LegAddress(*pair.addresses, user, password),
                None,
                request,
                pair,
                user.encode(),
                password.encode(),
            )
            pair.legs[leg.user] = leg
            return leg
        port, (rtp, rtp_address), (rtcp, rtcp_address) = self._pair(request, now)
        return LegState(
            component("rtp", rtp, rtp_address),
            component("rtcp", rtcp, rtcp_address),
            LegAddress(rtp_address, rtcp_address),
            port,
            request,
        )

    def _demux_credential(self, nic: str) -> tuple[DemuxPair, str, str]:
        """The pair with the fewest legs, and a fresh short-term credential (letters and digits, as SDP wants them)."""
        pairs = [pair for pair in self._demux if pair.nic == nic]
        if not pairs:
            raise NoDemux(nic)
        user = self._random_octets(8).hex()
        while any(user.encode() in pair.legs for pair in self._demux):
            user = self._random_octets(8).hex()
        return min(pairs, key=lambda pair: len(pair.legs)), user, self._random_octets(16).hex()

    def _pair(self, request: LegRequest, now: float) -> tuple[int, tuple[PortKey, Address], tuple[PortKey, Address]]:
        """A pair that could be bound. A pair of which another process holds a port rests like a released one."""
        attempt = 0
        while True:
            attempt += 1
            port = self._pool.take(now)
            try:
                return port, *self._bind(request, port)
            except PortRefused as refused:
                self._pool.release(port, now)
                if not refused.in_use or attempt == _BIND_ATTEMPTS:
                    raise

    def _bind(self, request: LegRequest, port: int) -> tuple[tuple[PortKey, Address], tuple[PortKey, Address]]:
        rtp = self._ports.open(request.rows[0], request.nic, port)
        try:
            return rtp, self._ports.open(request.rows[1], request.nic, port + 1)
        except PortRefused:
            self._ports.close(rtp[0])
            raise
