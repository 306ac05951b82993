"""What the methods of the server share: settings, tables, policy, the queue of outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from seaway.core.turn.auth import Authenticator
from seaway.core.turn.config import TurnConfig
from seaway.core.turn.io import Address, Family, Output, RelayPorts, RelayTransport
from seaway.core.turn.peer_policy import PeerPolicy
from seaway.core.turn.relays import Relays
from seaway.core.turn.table import Table
from seaway.core.turn.timers import Timers

__all__ = ["Parts"]


class Parts:
    def __init__(self, config: TurnConfig, ports: RelayPorts, random_octets: Callable[[int], bytes]) -> None:
        self.config = config
        self.random_octets = random_octets
        self.outputs: deque[Output] = deque()
        self.timers = Timers()
        self.relays = Relays(config, ports, random_octets, self.timers)
        self.table = Table(config, self.relays, self.timers, self.outputs.append)
        self.auth = Authenticator(config, random_octets, self.outputs.append)
        self.policy = policy_of(config)
        self.alternate: Callable[[Family], Address | None] = lambda family: None
        self.redirect = False

    def route(self, transport: RelayTransport, peer: Address) -> tuple[Address, bool] | None:
        """Where packets for a peer go, and whether that is a relay port of ours; `None` when it may not be reached.

        A live relay port at our public address is a peer; its packets go to its local address, without any router
        in between. Everything else of our own is refused by the policy.
        """
        relay = self.relays.by_public.get((transport, peer))
        if relay is not None:
            return relay.local, True
        if peer[0] in self.relays.hosts or not self.policy.allows(peer[0]):
            return None
        return peer, False

    def update(self, config: TurnConfig) -> None:
        """New users, secrets and networks; the rest of the settings is for a new start."""
        self.config = replace(
            self.config,
            users=config.users,
            secrets=config.secrets,
            own=config.own,
            allow=config.allow,
            deny=config.deny,
            nat64=config.nat64,
        )
        self.auth = Authenticator(self.config, self.random_octets, self.outputs.append)
        self.policy = policy_of(self.config)
        for allocation in self.table.by_client.values():
            allocation.login.good_until = 0.0  # the next request is proven anew
            self.table.forbid(allocation, self._still)

    def _still(self, peer: Address) -> bool:
        public = any(peer[0] == relay.public[0] for _, relay in self.relays.owners.values())
        return public or self.policy.allows(peer[0])


def policy_of(config: TurnConfig) -> PeerPolicy:
    """Public addresses are our own, whether they are named or not (R2)."""
    own = (*config.own, *config.public.keys(), *config.public.values())
    return PeerPolicy(own, config.allow, config.deny, config.nat64, config.inside)
