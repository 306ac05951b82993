"""All allocations: by client, counted per user and source (R9), and their ends in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from seaway.core.turn.allocation import CHANNEL_REST, Allocation, Channel, Relay
from seaway.core.turn.config import TurnConfig
from seaway.core.turn.io import (
    Address,
    AllocationDeleted,
    AllocationExpired,
    ChannelFlowAdded,
    ChannelFlowRemoved,
    ClientKey,
    Output,
)
from seaway.core.turn.relays import Relays
from seaway.core.turn.timers import Timers

__all__ = ["Table"]


class Table:
    """`tell` takes outputs. `on_removed` is called with each allocation that goes, before its relays close."""

    def __init__(self, config: TurnConfig, relays: Relays, timers: Timers, tell: Callable[[Output], object]) -> None:
        self.config = config
        self.relays = relays
        self.by_client: dict[ClientKey, Allocation] = {}
        self.on_removed: Callable[[Allocation], None] = lambda allocation: None
        self._timers = timers
        self._tell = tell
        self._users: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()

    def refusal(self, owner: str, source: str) -> int:
        """Why no more allocation can be made: 486 for the user's or source's share, 508 for the whole, 0 if it can."""
        used = self._users.get(owner, 0) + self.relays.reserved_by(owner)
        if used >= self.config.per_user or self._sources.get(source, 0) >= self.config.per_source:
            return 486
        return 508 if len(self.by_client) >= self.config.max_allocations else 0

    def add(self, allocation: Allocation, now: float) -> None:
        self.by_client[allocation.client] = allocation
        self._users[allocation.login.owner] += 1
        self._sources[allocation.source] += 1
        for relay in allocation.relays.values():
            self.relays.own(relay, allocation)
        self.arm(allocation, now)

    def remove(self, allocation: Allocation, reason: Literal["refresh", "closed", "expired"], now: float) -> None:
        del self.by_client[allocation.client]
        _uncount(self._users, allocation.login.owner)
        _uncount(self._sources, allocation.source)
        for channel in allocation.channels.values():
            self.stop_flow(allocation, channel)
        self.on_removed(allocation)
        relayed = allocation.relayed
        for relay in allocation.relays.values():
            self.relays.close(relay, now)
        client, user = allocation.client, allocation.login.user
        if reason == "expired":
            self._tell(AllocationExpired(client, user, relayed))
        else:
            self._tell(AllocationDeleted(client, user, relayed, reason))

    def forbid(self, allocation: Allocation, allowed: Callable[[Address], bool]) -> None:
        """Takes back what a new policy no longer allows. Called with each peer of a channel, and with port 0 for the
        host of a permission."""
        for channel in [each for each in allocation.channels.values() if not allowed(each.peer)]:
            self.forget(allocation, channel)
        for host in [each for each in allocation.permissions if not allowed((each, 0))]:
            del allocation.permissions[host]

    def drop_relay(self, allocation: Allocation, relay: Relay, now: float) -> None:
        """One of two relays goes (RFC 8656 §8.2); what used it goes with it."""
        del allocation.relays[relay.family]
        for channel in [each for each in allocation.channels.values() if each.relay is relay]:
            self.forget(allocation, channel)
        self.relays.close(relay, now)

    def arm(self, allocation: Allocation, now: float) -> None:
        """Call after anything of the allocation got an end. A timer that is too early only looks and is set anew."""
        deadline = allocation.first_end()
        if allocation.armed and allocation.armed <= deadline:
            return
        allocation.armed = deadline
        self._timers.at(deadline, lambda at: self._fire(allocation, deadline, at))

    def start_flow(self, allocation: Allocation, channel: Channel, now: float) -> None:
        """A channel may flow while it is bound and its peer is permitted."""
        if channel.flowing or channel.expires <= now or not allocation.permitted(channel.peer[0], now):
            return
        channel.flowing = True
        if not allocation.stream:
            self._tell(ChannelFlowAdded(*_flow(allocation, channel)))

    def stop_flow(self, allocation: Allocation, channel: Channel) -> None:
        if channel.flowing and not allocation.stream:
            self._tell(ChannelFlowRemoved(*_flow(allocation, channel)))
        channel.flowing = False

    def _fire(self, allocation: Allocation, deadline: float, now: float) -> None:
        if self.by_client.get(allocation.client) is not allocation or allocation.armed != deadline:
            return
        if allocation.expires <= now:
            self.remove(allocation, "expired", now)
            return
        self._purge(allocation, now)
        allocation.armed = 0.0
        self.arm(allocation, now)

    def _purge(self, allocation: Allocation, now: float) -> None:
        """Permissions end after 5 minutes, channels after 10, their numbers are free 5 minutes later."""
        for host in [host for host, end in allocation.permissions.items() if end <= now]:
            del allocation.permissions[host]
        for channel in list(allocation.channels.values()):
            if channel.expires <= now or not allocation.permitted(channel.peer[0], now):
                self.stop_flow(allocation, channel)
            if channel.expires + CHANNEL_REST <= now:
                self.forget(allocation, channel)

    def forget(self, allocation: Allocation, channel: Channel) -> None:
        self.stop_flow(allocation, channel)
        del allocation.channels[channel.number]
        del allocation.by_peer[channel.peer]


def _uncount(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]


def _flow(allocation: Allocation, channel: Channel) -> tuple:  # type: ignore[type-arg]
    relay = channel.relay
    return (allocation.client, channel.number, relay.key, relay.local, channel.wire, channel.own)
