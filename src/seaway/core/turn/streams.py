"""TCP relays (RFC 6062): Connect, ConnectionBind, and connections that peers make. Off unless configured (R3).

A peer connection: CONNECTING (Connect asked, answer owed) -> WAITING (it has a CONNECTION-ID, 30 s for ConnectionBind)
-> JOINED (octets pass, nothing of them comes here). Peers that connect to a relay port begin with WAITING.
"""

from __future__ import annotations

from enum import Enum

from seaway.core.turn.allocation import Allocation
from seaway.core.turn.io import (
    Address,
    ClientKey,
    CloseClient,
    CloseConnection,
    ConnectionKey,
    ConnectToPeer,
    JoinConnections,
    RelayKey,
    SendToClient,
)
from seaway.core.turn.login import Login
from seaway.core.turn.parts import Parts
from seaway.core.turn.request import Request, encoded, failure, plain, success
from seaway.wire.stun.address import decode_xor_address, xor_peer_address
from seaway.wire.stun.allocation import connection_id, decode_connection_id
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.methods import INDICATION, Method
from seaway.wire.stun.view import View

__all__ = ["BIND_TIME", "CONNECT_TIME", "Streams"]

CONNECT_TIME = 30.0
"""Seconds for the connection to a peer (RFC 6062 §5.2)."""

BIND_TIME = 30.0
"""Seconds for ConnectionBind (RFC 6062 §5.2, §5.3)."""

MAX_CONNECTIONS = 64
"""Of one allocation."""

_PEER = AttributeType.XOR_PEER_ADDRESS.value
_CONNECTION_ID = AttributeType.CONNECTION_ID.value
_ATTEMPT = Method.CONNECTION_ATTEMPT | INDICATION


class _State(Enum):
    CONNECTING = "connecting"
    WAITING = "waiting"
    JOINED = "joined"


class _Connection:
    """`request`: the Connect that is owed an answer. `client`: the data connection it is joined to."""

    __slots__ = ("allocation", "client", "id", "key", "peer", "request", "state")

    def __init__(self, key: ConnectionKey, allocation: Allocation, peer: Address) -> None:
        self.key = key
        self.allocation = allocation
        self.peer = peer
        self.state = _State.CONNECTING
        self.id = 0
        self.request: Request | None = None
        self.client: ClientKey | None = None


class Streams:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tell = parts.outputs.append
        self._connections: dict[ConnectionKey, _Connection] = {}
        self._by_id: dict[int, _Connection] = {}
        self._by_peer: dict[tuple[ClientKey, Address], _Connection] = {}
        self._by_client: dict[ClientKey, _Connection] = {}
        self._counts: dict[ClientKey, int] = {}
        self._number = 0
        parts.table.on_removed = self._allocation_removed

    # Methods of clients

    def connect(self, request: Request, login: Login) -> bytes:
        """RFC 6062 §5.2; empty while the connection is being made."""
        allocation, value = request.allocation, request.message.values.get(_PEER)
        if allocation is None:
            return failure(request, 437)
        if allocation.login.user != login.user:
            return failure(request, 441)
        if value is None or allocation.transport != "tcp":
            return failure(request, 400)
        try:
            peer = decode_xor_address(value, request.message.transaction_id)
        except StunError:
            return failure(request, 400)
        relay, route = allocation.relay_for(peer[0]), self._parts.route("tcp", peer)
        if relay is None:
            return failure(request, 443)
        if route is None or peer[1] not in self._parts.config.tcp_peer_ports:
            return failure(request, 403)
        if (allocation.client, peer) in self._by_peer:
            return failure(request, 446)
        if self._counts.get(allocation.client, 0) >= MAX_CONNECTIONS:
            return failure(request, 508)
        self._number += 1
        connection = self._add(("out", self._number), allocation, peer)
        connection.request = request
        self._parts.timers.at(request.now + CONNECT_TIME, lambda now: self._late(connection, _State.CONNECTING))
        self._tell(ConnectToPeer(relay.key, connection.key, route[0]))
        return b""

    def bind(self, request: Request, login: Login) -> bytes:
        """ConnectionBind (RFC 6062 §5.4): once, in time, by the user of the allocation, on a stream without one."""
        value = request.message.values.get(_CONNECTION_ID)
        if value is None or request.client.transport == "udp" or request.allocation is not None:
            return failure(request, 400)
        try:
            connection = self._by_id.get(decode_connection_id(value))
        except StunError:
            return failure(request, 400)
        if connection is None or connection.state is not _State.WAITING:
            return failure(request, 400)
        if connection.allocation.login.user != login.user:
            return failure(request, 441)
        connection.state = _State.JOINED
        connection.client = request.client
        del self._by_id[connection.id]
        self._by_client[request.client] = connection
        self._tell(SendToClient(request.client, success(request, encoded(connection_id(connection.id)))))
        self._tell(JoinConnections(request.client, connection.key))
        return b""

    # What the runtime tells

    def connected(self, key: ConnectionKey, now: float) -> None:
        connection = self._connections.get(key)
        if connection is None or connection.request is None:
            self._tell(CloseConnection(key))  # given up meanwhile
            return
        request, connection.request = connection.request, None
        self._wait(connection, now)
        self._tell(SendToClient(request.client, success(request, encoded(connection_id(connection.id)))))

    def failed(self, key: ConnectionKey) -> None:
        connection = self._connections.get(key)
        if connection is not None:
            self._forget(connection)
            self._answer_failure(connection)

    def accepted(self, relay: RelayKey, key: ConnectionKey, source: Address, now: float) -> None:
        """A peer connected to a relay port (RFC 6062 §5.3): only with a permission."""
        owner = self._parts.relays.owners.get(relay)
        peer = self._parts.relays.public_source("tcp", source)
        if owner is None or peer is None or not self._welcome(owner[0], peer, now):
            self._tell(CloseConnection(key))
            return
        connection = self._add(key, owner[0], peer)
        self._wait(connection, now)
        transaction_id = self._parts.random_octets(12)
        body = encoded(connection_id(connection.id), xor_peer_address(peer, transaction_id))
        message = View(bytes(8) + transaction_id, 0)
        self._tell(SendToClient(owner[0].client, plain(message, _ATTEMPT, body)))

    def closed(self, key: ConnectionKey) -> None:
        connection = self._connections.get(key)
        if connection is not None:
            self._forget(connection)
            self._answer_failure(connection)
            if connection.client is not None:
                self._tell(CloseClient(connection.client, "peer closed"))

    def client_closed(self, client: ClientKey) -> None:
        """A data connection ended."""
        connection = self._by_client.get(client)
        if connection is not None:
            self._forget(connection)
            self._tell(CloseConnection(connection.key))

    def _welcome(self, allocation: Allocation, peer: Address, now: float) -> bool:
        return (
            allocation.permitted(peer[0], now)
            and (allocation.client, peer) not in self._by_peer
            and self._counts.get(allocation.client, 0) < MAX_CONNECTIONS
        )

    def _add(self, key: ConnectionKey, allocation: Allocation, peer: Address) -> _Connection:
        connection = _Connection(key, allocation, peer)
        client = allocation.client
        self._connections[key] = self._by_peer[client, peer] = connection
        self._counts[client] = self._counts.get(client, 0) + 1
        return connection

    def _wait(self, connection: _Connection, now: float) -> None:
        """CONNECTION-ID is unpredictable (RFC 6062 §5.2)."""
        while not connection.id or connection.id in self._by_id:
            connection.id = int.from_bytes(self._parts.random_octets(4), "big")
        self._by_id[connection.id] = connection
        connection.state = _State.WAITING
        self._parts.timers.at(now + BIND_TIME, lambda at: self._late(connection, _State.WAITING))

    def _late(self, connection: _Connection, state: _State) -> None:
        if self._connections.get(connection.key) is connection and connection.state is state:
            self._end(connection)
            self._answer_failure(connection)

    def _allocation_removed(self, allocation: Allocation) -> None:
        """All its connections end with it (RFC 6062 §5.5)."""
        if allocation.transport == "tcp":
            for connection in [each for each in self._connections.values() if each.allocation is allocation]:
                self._end(connection)

    def _end(self, connection: _Connection) -> None:
        self._forget(connection)
        self._tell(CloseConnection(connection.key))
        if connection.client is not None:
            self._tell(CloseClient(connection.client, "allocation ended"))

    def _forget(self, connection: _Connection) -> None:
        client = connection.allocation.client
        del self._connections[connection.key]
        del self._by_peer[client, connection.peer]
        self._by_id.pop(connection.id, None)
        if connection.client is not None:
            del self._by_client[connection.client]
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]

    def _answer_failure(self, connection: _Connection) -> None:
        """The Connect that waits for an answer gets 447."""
        request, connection.request = connection.request, None
        if request is not None:
            self._tell(SendToClient(request.client, failure(request, 447)))
