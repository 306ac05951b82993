"""What each allocation relayed: counted here for what Python relayed, read from the fast path for its flows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seaway.core.turn.allocation import Allocation, Channel
from seaway.core.turn.io import ChannelFlowRemoved, RelayKey
from seaway.runtime.turn_flows import TurnFlows

__all__ = ["Traffic", "TrafficBook", "flow_of"]


@dataclass(slots=True)
class Traffic:
    packets_out: int = 0  # to peers
    octets_out: int = 0
    packets_in: int = 0  # to the client
    octets_in: int = 0


class TrafficBook:
    """By relay; `opened` and `closed` with each relay port. What ended flows carried is added by `add`."""

    def __init__(self, flows: TurnFlows) -> None:
        self._flows = flows
        self._relays: dict[RelayKey, Traffic] = {}
        self._ended = Traffic()

    def opened(self, relay: RelayKey) -> None:
        self._relays[relay] = Traffic()

    def closed(self, relay: RelayKey) -> None:
        traffic = self._relays.pop(relay, None)
        if traffic is not None:
            _add(self._ended, traffic)

    def to_peer(self, relay: RelayKey, octets: int) -> None:
        traffic = self._relays.get(relay)
        if traffic is not None:
            traffic.packets_out += 1
            traffic.octets_out += octets

    def from_peer(self, relay: RelayKey, octets: int) -> None:
        traffic = self._relays.get(relay)
        if traffic is not None:
            traffic.packets_in += 1
            traffic.octets_in += octets

    def add(self, relay: RelayKey, carried: Traffic) -> None:
        traffic = self._relays.get(relay)
        if traffic is not None:
            _add(traffic, carried)

    def of(self, allocation: Allocation) -> Traffic:
        total = Traffic()
        for relay in allocation.relays.values():
            if (traffic := self._relays.get(relay.key)) is not None:
                _add(total, traffic)
        for channel in allocation.channels.values():
            if channel.flowing and (read := self._flows.read(flow_of(allocation, channel))) is not None:
                out, back = read
                _add(total, Traffic(out.packets, out.octets, back.packets, back.octets))
        return total

    def total(self, allocations: Iterable[Allocation]) -> Traffic:
        """Of relays that are closed and of `allocations`, which are all there are."""
        total = Traffic()
        for each in (self._ended, *map(self.of, allocations)):
            _add(total, each)
        return total


def flow_of(allocation: Allocation, channel: Channel) -> ChannelFlowRemoved:
    relay = channel.relay
    return ChannelFlowRemoved(allocation.client, channel.number, relay.key, relay.local, channel.wire, channel.own)


def _add(total: Traffic, more: Traffic) -> None:
    total.packets_out += more.packets_out
    total.octets_out += more.octets_out
    total.packets_in += more.packets_in
    total.octets_in += more.octets_in
