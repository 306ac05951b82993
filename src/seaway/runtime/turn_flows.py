"""Channels of the TURN server as flows of a fast path: client to peer without the channel's prefix, and back with it.

A flow that is refused costs nothing but speed: packets then come to the sockets, and the core relays them.
"""

from __future__ import annotations

from seaway.core.turn.io import ChannelFlowAdded, ChannelFlowRemoved, RelayKey
from seaway.media.flows import Flow, FlowCounters, FlowError, FlowKey, FlowKind, FlowTable, PortKind, Prefix
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.wire.endpoint import version_of

__all__ = ["TurnFlows"]

_Channel = ChannelFlowAdded | ChannelFlowRemoved


class TurnFlows:
    """Flows that an earlier process left behind are removed: its allocations died with it."""

    def __init__(self, table: FlowTable | None, counters: Counters) -> None:
        self._table = table
        self._counters = counters
        self._log = log.get(part="turn")
        self._active: set[FlowKey] = set()
        self._relays: dict[RelayKey, set[ChannelFlowRemoved]] = {}
        for key in table.keys() if table is not None else ():
            table.remove(key)  # type: ignore[union-attr]

    def __len__(self) -> int:
        return len(self._active)

    @property
    def engine(self) -> str:
        return "python" if self._table is None else self._table.engine

    def add(self, channel: ChannelFlowAdded) -> None:
        if self._table is None or channel.own:
            return  # from one relay of ours to another no packet leaves
        mixed = version_of(channel.client.local) != version_of(channel.relay.local)
        if mixed and not self._table.reads_sockets:
            return  # the kernel's engines relay within a family
        self._relays.setdefault(channel.relay, set()).add(ChannelFlowRemoved(*channel))
        for flow in _flows(channel):
            try:
                self._table.add(flow)
            except FlowError as error:
                self._counters.add("turn.flow.refused")
                self._log.warning("flow.refused", reason=str(error))
                self.remove(ChannelFlowRemoved(*channel))
                return
            self._active.add(flow.key)

    def remove(self, channel: _Channel) -> tuple[FlowCounters, FlowCounters] | None:
        """What passed from the client and to it; `None` when this channel had no flows."""
        flows = self._relays.get(channel.relay, set())
        if self._table is None or channel not in flows:
            return None
        flows.remove(channel)  # the two kinds of channels are equal when their values are
        counted = []
        for flow in _flows(channel):
            if flow.key in self._active:
                self._active.discard(flow.key)
                counted.append(self._table.remove(flow.key) or FlowCounters())
        return (counted[0], counted[1]) if len(counted) == 2 else None

    def relay_closes(self, relay: RelayKey) -> list[tuple[FlowCounters, FlowCounters]]:
        """The core closes a relay's port before it says that its channels ended; a flow must not outlive the port.
        What passed from and to the client, for each."""
        counted = [self.remove(channel) for channel in list(self._relays.get(relay, ()))]
        self._relays.pop(relay, None)
        return [each for each in counted if each is not None]

    def has(self, channel: _Channel) -> bool:
        return _flows(channel)[0].key in self._active

    def read(self, channel: _Channel) -> tuple[FlowCounters, FlowCounters] | None:
        """What passed from the client and to it; `None` when this channel has no flows."""
        if self._table is None:
            return None
        out, back = (self._table.read(flow.key) for flow in _flows(channel))
        return (out, back) if out is not None and back is not None else None


def _flows(channel: _Channel) -> tuple[Flow, Flow]:
    server, client, relay = channel.client.local, channel.client.remote, channel.relay.local
    out = FlowKey(server, client, channel.channel)
    back = FlowKey(relay, channel.peer)
    return (
        Flow(out, relay, channel.peer, kind=FlowKind.DATA),
        Flow(back, server, client, Prefix(PortKind.CHANNEL, channel.channel), FlowKind.DATA),
    )
