"""The TURN server: one core for one set of allocations (RFC 8656; RFC 6062 when it is on).

`receive`, `peer_data`, `handle_timeout` and the named actions go in; after each, drain `next_output()` until `None` and
ask `next_deadline()`. `now` is a monotonic clock in seconds, `wall` seconds since 1970.
Neighbours: `auth.py` (who asks), `allocate.py`, `peers.py` (what is asked), `relaying.py` (data), `table.py` (state).
"""

from __future__ import annotations

from collections.abc import Callable

from seaway.core.turn.allocate import Allocate
from seaway.core.turn.allocation import Allocation
from seaway.core.turn.auth import MAX_GAIN
from seaway.core.turn.config import TurnConfig
from seaway.core.turn.io import (
    Address,
    ClientKey,
    CloseClient,
    ConnectionKey,
    Family,
    Output,
    RelayKey,
    RelayPorts,
    RelayTransport,
    SendToClient,
)
from seaway.core.turn.login import Login
from seaway.core.turn.parts import Parts
from seaway.core.turn.peers import Peers
from seaway.core.turn.port_pool import RelayPortPool
from seaway.core.turn.relaying import Relaying
from seaway.core.turn.request import Request, encoded, failure, mapped, success
from seaway.core.turn.streams import Streams
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.error_code import unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.icmp import Icmp
from seaway.wire.stun.methods import INDICATION, Method
from seaway.wire.stun.view import view

__all__ = ["TurnServer"]

_KNOWN = frozenset(
    kind.value for kind in AttributeType if kind < 0x8000 and kind not in (AttributeType.XOR_MAPPED_ADDRESS,)
)
_SEND = Method.SEND | INDICATION
_BINDING = Method.BINDING.value


class TurnServer:
    def __init__(
        self, config: TurnConfig, ports: RelayPorts, random_octets: Callable[[int], bytes], now: float, wall: float
    ) -> None:
        self._parts = parts = Parts(config, ports, random_octets)
        self._outputs = parts.outputs
        self._timers = parts.timers
        self._by_client = parts.table.by_client
        self._relaying = Relaying(parts)
        peers = Peers(parts)
        self._methods: dict[int, Callable[[Request, Login], bytes]] = {
            Method.BINDING.value: self._binding,
            Method.ALLOCATE.value: Allocate(parts).answer,
            Method.REFRESH.value: peers.refresh,
            Method.CREATE_PERMISSION.value: peers.create_permission,
            Method.CHANNEL_BIND.value: peers.channel_bind,
        }
        self._streams = streams = Streams(parts)
        if config.tcp_relay:
            self._methods |= {Method.CONNECT.value: streams.connect, Method.CONNECTION_BIND.value: streams.bind}

    def receive(self, data: bytes, client: ClientKey, now: float, wall: float) -> None:
        """One datagram of a client, or one frame of its stream. Never raises for what is in it. Methods that are not
        known, and answers to nothing we asked, are dropped (RFC 8489 §6.3)."""
        if self._timers.due(now):
            self._timers.run(now)
        try:
            if data and data[0] & 0xC0 == 0x40:
                self._relaying.channel_data(data, client, now)
                return
            message = view(data)
        except StunError:
            if client.transport != "udp":  # R4: a stream has lost its frame borders
                self._outputs.append(CloseClient(client, "malformed message"))
            return
        kind = message.type
        if kind in self._methods:
            answer = self._answer(Request(message, client, self._by_client.get(client), now, wall))
            if answer:
                self._outputs.append(SendToClient(client, answer))
        elif kind == _SEND:
            allocation = self._by_client.get(client)
            if allocation is not None:
                self._relaying.send(message, allocation, now)

    def peer_data(self, relay: RelayKey, source: Address, data: bytes, now: float) -> None:
        """A datagram at a relay port that no fast path took."""
        if self._timers.due(now):
            self._timers.run(now)
        self._relaying.peer_data(relay, source, data, now)

    def peer_unreachable(self, relay: RelayKey, remote: Address, error: Icmp, now: float) -> None:
        """An ICMP error came back for a datagram of this relay port."""
        self._relaying.peer_unreachable(relay, remote, error, now)

    def client_closed(self, client: ClientKey, now: float) -> None:
        """The client's stream ended, whoever ended it: its allocation goes (RFC 8656 §3.2), or the connection with a
        peer that it was joined to."""
        self._streams.client_closed(client)
        allocation = self._by_client.get(client)
        if allocation is not None:
            self._parts.table.remove(allocation, "closed", now)

    def peer_connected(self, connection: ConnectionKey, now: float) -> None:
        """What `ConnectToPeer` asked for is there. Octets of the peer are kept until `JoinConnections`."""
        self._streams.connected(connection, now)

    def peer_connection_failed(self, connection: ConnectionKey, now: float) -> None:
        """`ConnectToPeer` came to nothing."""
        self._streams.failed(connection)

    def peer_connection_accepted(self, relay: RelayKey, connection: ConnectionKey, source: Address, now: float) -> None:
        """A peer connected to a TCP relay port. Octets of the peer are kept until `JoinConnections`."""
        self._streams.accepted(relay, connection, source, now)

    def peer_closed(self, connection: ConnectionKey, now: float) -> None:
        """A connection with a peer ended, not by `CloseConnection`."""
        self._streams.closed(connection)

    def handle_timeout(self, now: float) -> None:
        self._timers.run(now)

    def next_deadline(self) -> float | None:
        return self._timers.next_deadline()

    def next_output(self) -> Output | None:
        return self._outputs.popleft() if self._outputs else None

    def set_alternate(self, alternate: Callable[[Family], Address | None], *, always: bool = False) -> None:
        """Where clients are sent when this server is full; with `always` at once, for a less loaded peer is known."""
        self._parts.alternate = alternate
        self._parts.redirect = always

    def update(self, config: TurnConfig) -> None:
        """Takes over users, secrets, `own`, `allow`, `deny` and `nat64` of new settings; the others need a new start.
        Allocations stay; their next request is proven against the new users, and peers that are forbidden now lose
        permission and channel at once."""
        self._parts.update(config)

    @property
    def allocations(self) -> int:
        return len(self._by_client)

    def pools(self, now: float) -> dict[tuple[Family, RelayTransport], RelayPortPool]:
        """The pools of relay ports that are in use, to be looked at and not changed."""
        return self._parts.relays.pools(now)

    def snapshot(self) -> list[Allocation]:
        """All allocations, to be looked at and not changed."""
        return list(self._by_client.values())

    def _answer(self, request: Request) -> bytes:
        message = request.message
        if message.type == _BINDING and self._parts.config.unauthenticated_binding:
            return self._open_binding(request)
        answer = self._parts.auth.check(request)
        login = request.login
        if login is None:
            return self._modest(request, answer or b"")
        if not message.values.keys() <= _KNOWN:
            unknown = tuple(kind for kind in message.values if kind < 0x8000 and kind not in _KNOWN)
            if unknown:  # RFC 8489 §6.3.1, after authentication
                return failure(request, 420, encoded(unknown_attributes(unknown)))
        return self._methods[message.type](request, login)

    def _modest(self, request: Request, answer: bytes) -> bytes:
        """Whatever somebody unproven gets is within `MAX_GAIN` times the request, over UDP."""
        message = request.message
        if not answer and message.type == _BINDING:
            answer = failure(request, 403)
        if request.client.transport == "udp" and len(answer) > MAX_GAIN * len(message.data):
            return b""
        return answer

    def _open_binding(self, request: Request) -> bytes:
        unknown = tuple(kind for kind in request.message.values if kind < 0x8000 and kind not in _KNOWN)
        if unknown:
            return self._modest(request, failure(request, 420, encoded(unknown_attributes(unknown[:8]))))
        return self._binding(request, None)

    def _binding(self, request: Request, login: Login | None) -> bytes:
        return success(request, mapped(request.client, request.message.transaction_id))
