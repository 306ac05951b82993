"""What goes in and out of the TURN core: keys, the port interface, outputs, events. Values only.

Outputs that are made for each packet are named tuples (cheap); nothing here carries a secret.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from seaway.wire.stun.address import Address

__all__ = [
    "Address", "AllocationCreated", "AllocationDeleted", "AllocationExpired", "AllocationRefused",
    "AuthenticationFailed", "ChannelFlowAdded", "ChannelFlowRemoved", "ClientKey", "CloseClient", "CloseConnection",
    "ConnectToPeer", "ConnectionKey", "Family", "JoinConnections", "Output", "PortRefused", "RelayKey", "RelayPorts",
    "RelayTransport", "SendToClient", "SendToPeer",
]  # fmt: skip

Family = Literal[4, 6]
RelayTransport = Literal["udp", "tcp"]


class ClientKey(NamedTuple):
    """The 5-tuple of a client (RFC 8656 §3). `connection` tells streams apart that follow each other on one 5-tuple; 0
    with UDP. Hosts are IP literals as the kernel prints them, without a zone index."""

    transport: Literal["udp", "tcp", "tls"]
    local: Address
    remote: Address
    connection: int = 0


class RelayKey(NamedTuple):
    """An open relay port. `local` is the NIC address and port that packets carry."""

    transport: RelayTransport
    local: Address


ConnectionKey = tuple[Literal["in", "out"], int]
"""A TCP connection with a peer (RFC 6062): "out" is numbered by the core, "in" by the runtime."""


class PortRefused(Exception):
    """`RelayPorts.open` could not. `in_use`: another port may do (the core tries some more); else 508 at once."""

    def __init__(self, *, in_use: bool) -> None:
        super().__init__("relay port is in use" if in_use else "no relay port can be opened")
        self.in_use = in_use


class RelayPorts(Protocol):
    """How the core gets sockets at relay ports. Called from inside `receive` and `handle_timeout`; must not block."""

    def open(self, family: Family, transport: RelayTransport, port: int) -> tuple[RelayKey, Address]:
        """Bind `port` on the relay NIC (TCP: listen too). The address is the local one. Raises `PortRefused`."""

    def close(self, key: RelayKey) -> None: ...


class SendToClient(NamedTuple):
    """UDP: one datagram. Streams: one whole frame, padded (RFC 8656 §12.5)."""

    client: ClientKey
    data: bytes


class SendToPeer(NamedTuple):
    """One datagram from a relay port. `remote` is where to send: of a peer that is a relay of ours, its NIC address."""

    relay: RelayKey
    remote: Address
    data: bytes


class ChannelFlowAdded(NamedTuple):
    """A channel of a UDP client over a UDP relay is bound and its permission is in force: packets of both directions
    may take a fast path from now on. `own`: the peer is a relay port of this server, for which packets never leave the
    node and the core looks at each one: no fast path."""

    client: ClientKey
    channel: int
    relay: RelayKey
    relay_address: Address
    """The local one, as in `relay`."""
    peer: Address
    """As packets carry it."""
    own: bool


class ChannelFlowRemoved(NamedTuple):
    """The channel or its permission ended. The same values as when it was added."""

    client: ClientKey
    channel: int
    relay: RelayKey
    relay_address: Address
    peer: Address
    own: bool


class ConnectToPeer(NamedTuple):
    """Connect from the relay's address (RFC 6062 §5.2), then `peer_connected` or `peer_connection_failed`."""

    relay: RelayKey
    connection: ConnectionKey
    remote: Address


class JoinConnections(NamedTuple):
    """From now on octets pass both ways between this client stream and the peer connection, after what was sent to the
    client before; none of them comes to `receive` any more (RFC 6062 §5.4)."""

    client: ClientKey
    connection: ConnectionKey


class CloseConnection(NamedTuple):
    connection: ConnectionKey


class CloseClient(NamedTuple):
    """Close the client's stream, after what was sent before."""

    client: ClientKey
    reason: str


class AllocationCreated(NamedTuple):
    client: ClientKey
    user: str
    relayed: tuple[Address, ...]
    """As advertised: the public addresses."""
    transport: RelayTransport
    lifetime: int


class AllocationDeleted(NamedTuple):
    """By a Refresh of lifetime 0, or because the client's stream closed."""

    client: ClientKey
    user: str
    relayed: tuple[Address, ...]
    reason: Literal["refresh", "closed"]


class AllocationExpired(NamedTuple):
    client: ClientKey
    user: str
    relayed: tuple[Address, ...]


class AllocationRefused(NamedTuple):
    """An Allocate of an authenticated user was refused with STUN error `code`."""

    client: ClientKey
    user: str
    code: int


class AuthenticationFailed(NamedTuple):
    """A request with integrity that does not fit, or of an unknown or expired user. `user` is what the peer claims."""

    client: ClientKey
    user: str
    method: int
    reason: Literal["unknown user", "expired", "wrong password"]


Event = AllocationCreated | AllocationDeleted | AllocationExpired | AllocationRefused | AuthenticationFailed
Output = (
    SendToClient
    | SendToPeer
    | ChannelFlowAdded
    | ChannelFlowRemoved
    | ConnectToPeer
    | JoinConnections
    | CloseConnection
    | CloseClient
    | Event
)
