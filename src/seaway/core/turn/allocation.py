"""An allocation and what hangs on it: relays, permissions, channels (RFC 8656 §3.2, §9, §12). State only."""

from __future__ import annotations

from seaway.core.turn.io import Address, ClientKey, Family, RelayKey, RelayTransport
from seaway.core.turn.login import Login

__all__ = ["CHANNEL_LIFETIME", "CHANNEL_REST", "PERMISSION_LIFETIME", "Allocation", "Channel", "Relay"]

PERMISSION_LIFETIME = 300.0
CHANNEL_LIFETIME = 600.0
CHANNEL_REST = 300.0
"""Seconds after the end of a channel in which its number and its peer are good for each other only (RFC 8656 §12)."""


class Relay:
    """One open relay port. `public` is the address as advertised."""

    __slots__ = ("family", "key", "local", "port", "public")

    def __init__(self, key: RelayKey, local: Address, public: Address, family: Family) -> None:
        self.key = key
        self.local = local
        self.public = public
        self.family = family
        self.port = local[1]


class Channel:
    """`peer` as the client says it, `wire` where packets go; both are the same but for our own relay ports."""

    __slots__ = ("expires", "flowing", "number", "own", "peer", "relay", "wire")

    def __init__(self, number: int, peer: Address, wire: Address, own: bool, relay: Relay) -> None:
        self.number = number
        self.peer = peer
        self.wire = wire
        self.own = own
        self.relay = relay
        self.expires = 0.0
        self.flowing = False  # ChannelFlowAdded was told


class Allocation:
    """Times on the monotonic clock. `permissions`: host -> end. `armed`: when its timer fires next."""

    __slots__ = (
        "answer", "armed", "by_peer", "channels", "client", "expires", "lifetime", "login", "mapped", "permissions",
        "relays", "source", "stream", "transaction_id", "transport",
    )  # fmt: skip

    def __init__(self, client: ClientKey, login: Login, transport: RelayTransport, source: str) -> None:
        self.client = client
        self.login = login
        self.transport = transport
        self.source = source
        self.stream = client.transport != "udp"
        self.relays: dict[int, Relay] = {}
        self.permissions: dict[str, float] = {}
        self.channels: dict[int, Channel] = {}
        self.by_peer: dict[Address, Channel] = {}
        self.expires = 0.0
        self.lifetime = 0
        self.armed = 0.0
        self.transaction_id = b""
        self.answer = b""

    @property
    def relayed(self) -> tuple[Address, ...]:
        return tuple(relay.public for relay in self.relays.values())

    def permitted(self, host: str, now: float) -> bool:
        return self.permissions.get(host, 0.0) > now

    def relay_for(self, host: str) -> Relay | None:
        """The relay of the peer's address family."""
        return self.relays.get(6 if ":" in host else 4)

    def first_end(self) -> float:
        """When the first of all that it has ends."""
        ends = [self.expires, *self.permissions.values()]
        for channel in self.channels.values():
            ends.append(channel.expires if channel.flowing else channel.expires + CHANNEL_REST)
        return min(ends)
