"""Relay ports: which are open, which are held for a RESERVATION-TOKEN, and whose they are (RFC 8656 §7.2)."""

from __future__ import annotations

from collections.abc import Callable

from seaway.core.turn.allocation import Allocation, Relay
from seaway.core.turn.config import TurnConfig
from seaway.core.turn.io import Address, Family, PortRefused, RelayKey, RelayPorts, RelayTransport
from seaway.core.turn.login import Login
from seaway.core.turn.port_pool import RelayPortPool
from seaway.core.turn.timers import Timers

__all__ = ["RESERVATION_LIFETIME", "Relays"]

RESERVATION_LIFETIME = 30.0
"""Seconds for which the port after an even one is held (RFC 8656 §7.2 step 8)."""

_TRIES = 8  # ports that turn out to be in use by others before giving up


class Relays:
    """`owners`: relay -> its allocation. `local_of`: transport and public address of an open relay -> the relay."""

    def __init__(
        self, config: TurnConfig, ports: RelayPorts, random_octets: Callable[[int], bytes], timers: Timers
    ) -> None:
        self._config = config
        self._ports = ports
        self._random_octets = random_octets
        self._timers = timers
        self._pools: dict[tuple[Family, RelayTransport], RelayPortPool] = {}
        self._reserved: dict[bytes, tuple[Relay, Login, float]] = {}  # token -> relay, who, end
        self.owners: dict[RelayKey, tuple[Allocation, Relay]] = {}
        self.by_public: dict[tuple[RelayTransport, Address], Relay] = {}
        for each in config.families:  # now: a pool of all high ports takes some milliseconds to shuffle
            self._pool(each, "udp")
        self.hosts: set[str] = set()
        """Local hosts of all relays there were: nothing from there is a peer unless it is an open relay."""

    def open(self, family: Family, transport: RelayTransport, now: float) -> Relay | None:
        """A relay at any free port; `None` when there is none."""
        pool = self._pool(family, transport)
        for _ in range(_TRIES):
            port = pool.take(now)
            if port is None:
                return None
            relay, again = self._bind(family, transport, port, now)
            if relay is not None or not again:
                return relay
        return None

    def open_even(self, family: Family, now: float, *, login: Login, reserve_next: bool) -> tuple[Relay, bytes] | None:
        """An even port, and the token of the next one when that is wanted (empty otherwise)."""
        pool = self._pool(family, "udp")
        for _ in range(_TRIES):
            port = pool.take_even(now, with_next=reserve_next)
            if port is None:
                return None
            relay, again = self._bind(family, "udp", port, now)
            if relay is None:
                if reserve_next:
                    pool.release(port + 1, now)
                if not again:
                    return None
                continue
            if not reserve_next:
                return relay, b""
            held, again = self._bind(family, "udp", port + 1, now)
            if held is not None:
                return relay, self._hold(held, login, now)
            self.close(relay, now)
            if not again:
                return None
        return None

    def redeem(self, token: bytes, user: str, now: float) -> Relay | None:
        """The reserved relay, once and only for the user that got the token."""
        held = self._reserved.get(token)
        if held is None or held[1].user != user or held[2] <= now:
            return None
        del self._reserved[token]
        return held[0]

    def reserved_by(self, owner: str) -> int:
        """Ports held for a user count as allocations (R9): else Allocate and Refresh 0 by turns would take them all."""
        return sum(login.owner == owner for _, login, _ in self._reserved.values()) if self._reserved else 0

    def own(self, relay: Relay, allocation: Allocation) -> None:
        """From now on the relay is the allocation's, and a possible peer of others."""
        self.owners[relay.key] = (allocation, relay)
        self.by_public[relay.key.transport, relay.public] = relay

    def close(self, relay: Relay, now: float) -> None:
        self.owners.pop(relay.key, None)
        self.by_public.pop((relay.key.transport, relay.public), None)
        self._ports.close(relay.key)
        self._pool(relay.family, relay.key.transport).release(relay.port, now)

    def public_source(self, transport: RelayTransport, source: Address) -> Address | None:
        """A source as clients know it: that of an own relay is its public address; `None` for other ports of ours."""
        if source[0] not in self.hosts:
            return source
        found = self.owners.get(RelayKey(transport, source))
        return None if found is None else found[1].public

    def pools(self, now: float) -> dict[tuple[Family, RelayTransport], RelayPortPool]:
        """Of the families and transports that were asked for so far."""
        for pool in self._pools.values():
            pool.wake(now)
        return self._pools

    def _pool(self, family: Family, transport: RelayTransport) -> RelayPortPool:
        pool = self._pools.get((family, transport))
        if pool is None:
            pool = self._pools[family, transport] = RelayPortPool(self._config.relay_ports, self._random_octets)
        return pool

    def _bind(self, family: Family, transport: RelayTransport, port: int, now: float) -> tuple[Relay | None, bool]:
        """The relay, or whether another port may be tried."""
        try:
            key, local = self._ports.open(family, transport, port)
        except PortRefused as refusal:
            self._pool(family, transport).release(port, now)
            return None, refusal.in_use
        self.hosts.add(local[0])
        public = (self._config.public.get(local[0], local[0]), local[1])
        return Relay(key, local, public, family), False

    def _hold(self, relay: Relay, login: Login, now: float) -> bytes:
        token = self._random_octets(8)
        self._reserved[token] = (relay, login, now + RESERVATION_LIFETIME)

        def lapse(at: float) -> None:
            held = self._reserved.pop(token, None)
            if held is not None:
                self.close(held[0], at)

        self._timers.at(now + RESERVATION_LIFETIME, lapse)
        return token
