"""Relay ports of the TURN server: a socket for each relayed address, opened when the core asks for it."""

from __future__ import annotations

import errno
from collections.abc import Callable

from seaway.core.turn.io import Address, Family, PortRefused, RelayKey, RelayTransport
from seaway.media.flows import FlowError, FlowTable, PortKind
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.sockets import RowSocket, SocketError, Sockets
from seaway.runtime.turn_places import RelayPlaces
from seaway.wire.endpoint import shown

__all__ = ["TurnPorts"]

_NO_PORTS_BELOW = 1024
"""The rows of relayed media lead to ports from here up; what a client wants to send below never leaves."""


class TurnPorts:
    """`opened` and `closing` are called with each socket: who reads it is not known here. `opened` is told whether the
    fast path has it."""

    def __init__(
        self,
        sockets: Sockets,
        places: RelayPlaces,
        table: FlowTable | None,
        counters: Counters,
        opened: Callable[[RelayKey, RowSocket, bool], None],
        closing: Callable[[RelayKey, RowSocket], None],
    ) -> None:
        self._sockets = sockets
        self._places = places
        self._table = table
        self._counters = counters
        self._opened, self._closing = opened, closing
        self._open: dict[RelayKey, RowSocket] = {}
        self._attached: set[RelayKey] = set()
        self._log = log.get(part="turn")

    def __len__(self) -> int:
        return len(self._open)

    def open(self, family: Family, transport: RelayTransport, port: int) -> tuple[RelayKey, Address]:
        """See `RelayPorts` of the core. Raises `PortRefused`."""
        place = self._places.get(family)
        if place is None:
            raise PortRefused(in_use=False)
        try:
            if transport == "udp":
                made = self._sockets.udp(place.udp, place.nic, port, family=family)
            else:
                made = self._sockets.listen(place.listens, place.nic, port, family=family, shared=True)
        except SocketError as error:
            self._counters.add("turn.port.refused")
            self._log.warning("relay_port.refused", reason=str(error))
            raise PortRefused(in_use=error.errno == errno.EADDRINUSE) from error
        except OSError as error:  # no more descriptors
            self._counters.add("turn.port.refused")
            self._log.error("relay_port.refused", reason=error.strerror, remedy="raise the limit of open files")
            raise PortRefused(in_use=False) from error
        local = made.entry.local
        key = RelayKey(transport, local)
        self._open[key] = made
        attached = self._attach(key, made)
        if attached:
            self._attached.add(key)
        self._opened(key, made, attached)
        return key, local

    def _attach(self, key: RelayKey, made: RowSocket) -> bool:
        if self._table is None or key.transport != "udp":
            return False
        try:
            self._table.attach(made, PortKind.PLAIN)
        except FlowError as error:
            self._counters.add("turn.flow.refused")
            self._log.warning("flow.refused", reason=str(error))
            return False
        return True

    def close(self, key: RelayKey) -> None:
        made = self._open.pop(key, None)
        if made is None:
            return
        self._closing(key, made)
        if self._table is not None and key in self._attached:
            self._attached.discard(key)
            self._table.detach(key.local)
        made.close()

    def close_all(self) -> None:
        for key in list(self._open):
            self.close(key)

    def send(self, key: RelayKey, remote: Address, data: bytes) -> None:
        """One datagram; media is never queued: late is as bad as lost."""
        made = self._open.get(key)
        if made is None or remote[1] < _NO_PORTS_BELOW:
            self._counters.add("turn.peer.refused")
            return
        try:
            made.sendto(data, remote)
        except OSError:
            self._counters.add("turn.peer.unsent")

    def dial(self, key: RelayKey, remote: Address) -> RowSocket:
        """A TCP socket from the relayed address, not yet connected. Raises `SocketError`."""
        place = self._places[6 if ":" in key.local[0] else 4]
        reasons = []
        for row in place.dials:
            try:
                return self._sockets.dial_from(row, remote, nic=place.nic, port=key.local[1])
            except SocketError as error:
                reasons.append(error)
        if reasons:
            raise reasons[0]
        raise SocketError("-", f"{shown(remote)}/tcp", "no row has TCP relays", "switch tcp_relays off")
