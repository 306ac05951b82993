"""Which flows a fast path has: kept in step with what the engine knows of each component.

A component has a flow while its far side is known, the other leg's as well, and a catalog row admits both the packets
that come in and those that go out (`admits`). Whatever changes that is followed by `moved`. Not here: who may send
(`latch.py`, `demux.py`), how a fast path works (`runtime/fastpath/`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from seaway.media.flows import Flow, FlowCounters, FlowError, FlowKey, FlowKind, FlowTable
from seaway.media.legs import ComponentState, SessionState, StreamState
from seaway.media.protection import Shield, crosses
from seaway.media.protocol import Address, DirectionStats, StreamStats
from seaway.media.stats import with_flow
from seaway.wire.endpoint import shown

__all__ = ["Admits", "FastFlows"]

Admits = Callable[[Address, Address, bool], str | None]
"""`(local, remote, incoming)`: the catalog row that admits such UDP packets past the host's own filter, or `None`."""


def _everything(local: Address, remote: Address, incoming: bool) -> str | None:
    return "-"


class FastFlows:
    """Without a `table` everything stays with the engine."""

    def __init__(self, table: FlowTable | None = None, admits: Admits = _everything) -> None:
        self._table = table
        self._admits = admits
        self._ended: dict[ComponentState, FlowCounters] = {}  # of flows that a live component had before
        self.refused = 0  # flows that the table did not take, or no row admits: their packets are relayed here
        self.last_refusal = ""
        self._rows: Counter[str] = Counter()  # packets of flows that ended
        self._live: dict[FlowKey, tuple[str, str]] = {}  # rows of the packets that come in and that go out

    def moved(self, component: ComponentState) -> None:
        """A far side became known, changed, or was lost: both directions are looked at."""
        if self._table is None:
            return
        self._sync(self._table, component)
        peer = component.peer
        if peer is not None:
            self._sync(self._table, peer)
            if peer.sibling is not None and (component.mux is not peer.mux or peer.sibling.flow is not None):
                self._sync(self._table, peer.sibling)  # RTCP of one leg leaves by the RTP port of the other

    def _sync(self, table: FlowTable, component: ComponentState) -> None:
        found = self._wanted(component)
        wanted, rows = (None, None) if found is None else found
        present = component.flow
        if wanted == present:
            return
        if present is not None and (wanted is None or wanted.key != present.key):
            self._remove(table, component, present.key)
        if wanted is None or rows is None:
            return
        try:
            table.add(wanted)
        except FlowError as error:
            self._refuse(str(error))
            if component.flow is not None:
                self._remove(table, component, wanted.key)
            return
        component.flow = wanted
        self._live[wanted.key] = rows

    def _wanted(self, component: ComponentState) -> tuple[Flow, tuple[str, str]] | None:
        """The flow, with the rows that admit what comes in and what goes out."""
        media = component.component == "rtp"
        peer, remote = component.way_out(rtcp=not media), component.remote
        if peer is None or remote is None or peer.remote is None or component.session.closed or component.paused:
            return None
        if not crosses(component.shield, peer.shield):
            return None
        comes, goes = self._admits(component.address, remote, True), self._admits(peer.address, peer.remote, False)
        if comes is None or goes is None:
            self._refuse(f"no row admits {shown(remote)} to {shown(peer.remote)} on the fast path")
            return None
        ciphers = self._ciphers(component.shield, peer.shield)
        if ciphers is None:
            return None
        receive, send, verify = ciphers
        flow = Flow(
            FlowKey(component.address, remote), peer.address, peer.remote,
            kind=FlowKind.RTP if media and component.way_out(rtcp=True) is not peer else FlowKind.MEDIA,
            clocks=tuple(component.counter.clocks.items()), receive=receive, send=send, verify=verify,
        )  # fmt: skip
        return flow, (comes, goes)

    def _ciphers(self, near: Shield | None, far: Shield | None) -> tuple[int, int, bool] | None:
        """What opens, what seals, and whether packets have only to be authentic; `None`: not on this fast path."""
        table = self._table.ciphers if self._table is not None else None
        receive, send = 0, 0
        try:
            verifies = self._table is not None and self._table.verifies
            if near is not None and near.keyed and (near.opens or verifies):
                found = near.offload_receiver(table) if table is not None else None
                if found is None and near.opens:
                    return None
                receive = found or 0
            if far is not None and far.keyed and far.opens:
                found = far.offload_sender(table) if table is not None else None
                if found is None:
                    return None
                send = found
        except FlowError as error:
            self._refuse(str(error))
            return None
        return receive, send, receive != 0 and near is not None and not near.opens

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        self.last_refusal = reason

    def _remove(self, table: FlowTable, component: ComponentState, key: FlowKey) -> None:
        component.flow = None
        rows = self._live.pop(key, ())
        counters = table.remove(key)
        if counters is None:
            return
        for row in rows:
            self._rows[row] += counters.packets
        before = self._ended.get(component)
        self._ended[component] = counters if before is None else _sum(before, counters)

    def flows(self) -> int:
        """How many the fast path has of ours."""
        return len(self._live)

    def rows(self) -> dict[str, int]:
        """Packets that the fast path carried, by the row that admitted them: each once coming in, once going out."""
        total = Counter(self._rows)
        for key, rows in self._live.items():
            counters = self._table.read(key) if self._table is not None else None
            if counters is not None:
                for row in rows:
                    total[row] += counters.packets
        return {row: count for row, count in sorted(total.items()) if count}

    def heard(self, component: ComponentState) -> float | None:
        """When the fast path last passed a packet of this component; `None`: never."""
        counters = self._table.read(component.flow.key) if self._table is not None and component.flow else None
        return None if counters is None else counters.last_seen

    def passed(self, component: ComponentState) -> int:
        """RTP packets that its far side sent on the fast path, lost ones included."""
        live = self._table.read(component.flow.key) if self._table is not None and component.flow else None
        return sum(each.packets + each.lost for each in (self._ended.get(component), live) if each is not None)

    def heard_session(self, session: SessionState) -> float:
        """The latest of all its components, or minus infinity."""
        times = [self.heard(component) for component in _components(session.streams) if component.flow is not None]
        return max((when for when in times if when is not None), default=float("-inf"))

    def forget(self, streams: Iterable[StreamState]) -> None:
        """Their session was closed, or they were never to be."""
        for component in _components(streams):
            if self._table is not None and component.flow is not None:
                self._remove(self._table, component, component.flow.key)
            self._ended.pop(component, None)
            if component.shield is not None:
                component.shield.release()

    def stats(self, stream: StreamState) -> StreamStats:
        """Both paths together."""
        return StreamStats(self._direction(stream.a.components), self._direction(stream.b.components))

    def _direction(self, components: tuple[ComponentState, ComponentState]) -> DirectionStats:
        rtp = components[0]
        stats = rtp.counter.snapshot(rtp.remote)
        if rtp.shield is not None:
            stats = replace(stats, security=rtp.shield.label)
        for component in components:
            live = self._table.read(component.flow.key) if self._table is not None and component.flow else None
            for counters in (self._ended.get(component), live):
                if counters is not None:
                    stats = with_flow(stats, counters, media=component is rtp)
        return stats

    def remove_orphans(self, components: Iterable[ComponentState]) -> int:
        """After a restart: take away flows that no component has. Returns how many."""
        if self._table is None:
            return 0
        known = {component.flow.key for component in components if component.flow is not None}
        orphans = [key for key in self._table.keys() if key not in known]  # noqa: SIM118  # a method of the table
        for key in orphans:
            self._table.remove(key)
        return len(orphans)


def _components(streams: Iterable[StreamState]) -> Iterable[ComponentState]:
    for stream in streams:
        yield from stream.a.components
        yield from stream.b.components


def _sum(one: FlowCounters, two: FlowCounters) -> FlowCounters:
    return FlowCounters(
        one.packets + two.packets,
        one.octets + two.octets,
        one.rtcp_packets + two.rtcp_packets,
        two.last_seen if two.last_seen is not None else one.last_seen,
        one.lost + two.lost,
        one.reordered + two.reordered,
        two.jitter_ms if two.packets else one.jitter_ms,
        max(one.max_gap_ms, two.max_gap_ms),
        one.unauthenticated + two.unauthenticated,
    )
