"""What all legs of a kind and row received since the relay started, those of closed sessions included: for metrics.

The number of entries is that of rows and kinds of legs, not of calls.
"""

from __future__ import annotations

from collections.abc import Iterable

from seaway.media.legs import StreamState
from seaway.media.protocol import DirectionStats, LegKind, LegTotals, StreamStats

__all__ = ["Totals"]

_Key = tuple[str, LegKind]


class _Sum:
    __slots__ = ("amounts", "jitter", "legs", "sum_of_jitter")

    def __init__(self) -> None:
        self.amounts = [0] * 7
        self.legs = 0  # live
        self.jitter = 0.0  # the largest of a live leg
        self.sum_of_jitter = 0.0

    def add(self, side: DirectionStats) -> None:
        each = (
            side.packets, side.octets, side.rtcp_packets, side.lost, side.reordered, side.refused, side.unauthenticated,
        )  # fmt: skip
        self.amounts = [one + other for one, other in zip(self.amounts, each, strict=True)]


class Totals:
    def __init__(self) -> None:
        self._ended: dict[_Key, _Sum] = {}
        self._told: dict[_Key, list[int]] = {}

    def ended(self, streams: Iterable[StreamState], stats: Iterable[StreamStats]) -> None:
        """These streams are closed; `stats` is their last."""
        for key, side in _sides(streams, stats):
            self._ended.setdefault(key, _Sum()).add(side)

    def now(self, streams: Iterable[StreamState], stats: Iterable[StreamStats]) -> tuple[LegTotals, ...]:
        """With the live ones. Nothing counted here becomes less: a packet that was lost may still come, and then is
        one lost less in its stream."""
        sums: dict[_Key, _Sum] = {}
        for key, ended in self._ended.items():
            sums.setdefault(key, _Sum()).amounts = list(ended.amounts)
        for key, side in _sides(streams, stats):
            entry = sums.setdefault(key, _Sum())
            entry.add(side)
            entry.legs += 1
            entry.jitter = max(entry.jitter, side.jitter_ms)
            entry.sum_of_jitter += side.jitter_ms
        found = []
        for (row, kind), entry in sorted(sums.items()):
            before = self._told.get((row, kind), entry.amounts)
            amounts = self._told[row, kind] = [max(each) for each in zip(entry.amounts, before, strict=True)]
            mean = round(entry.sum_of_jitter / entry.legs, 3) if entry.legs else 0.0
            packets, octets, rtcp, lost, reordered, refused, unauthenticated = amounts
            total = LegTotals(
                row, kind, entry.legs, packets, octets, rtcp, lost, reordered, refused, unauthenticated, mean,
                round(entry.jitter, 3),
            )  # fmt: skip
            found.append(total)
        return tuple(found)


def _sides(streams: Iterable[StreamState], stats: Iterable[StreamStats]) -> Iterable[tuple[_Key, DirectionStats]]:
    for stream, each in zip(streams, stats, strict=True):
        for leg, side in ((stream.a, each.from_a), (stream.b, each.from_b)):
            yield (leg.request.rows[0], leg.request.kind), side
