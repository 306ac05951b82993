"""What arrives under one master key: authenticated, in a fresh index, and opened when it is to be.

The state of a source begins with its first authentic packet, so a stranger allocates nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seaway.core.srtp.index import Seen, estimate
from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.transform import transform_of

__all__ = ["FIRST_COUNTERS", "MAX_SOURCES", "Receiver", "SourceIndex"]

MAX_SOURCES = 16
"""SSRCs of one direction whose indexes are known; the one that was heard first makes room."""

FIRST_COUNTERS = 4

_FURTHEST = 64
"""Rollover counters to try at most when packets went another way meanwhile."""

SourceIndex = tuple[int, int, int]
"""`(ssrc, highest RTP index, highest RTCP index)`, -1 for none: what another process needs to go on."""


class Receiver:
    """`known`: sources as an earlier receiver of the same key had them. `counters`: how many rollover counters, from 0
    on, a source may begin with: it may have been sending before we listened, or go on counting under a new key."""

    def __init__(self, master: MasterKey, known: Iterable[SourceIndex] = (), counters: int = FIRST_COUNTERS) -> None:
        self.master = master
        self.turns = 0
        """Rises with each new source and each rollover: `known()` is worth noting again."""
        self.counters = min(counters, _FURTHEST)
        self._transform = transform_of(master)
        self._rtp: dict[bytes, Seen] = {}
        self._rtcp: dict[bytes, Seen] = {}
        for ssrc, rtp, rtcp in known:
            self.learn(ssrc, rtp, rtcp)

    def learn(self, ssrc: int, rtp: int, rtcp: int) -> None:
        """Somebody else received packets of this source up to these indexes."""
        for table, index in ((self._rtp, rtp), (self._rtcp, rtcp)):
            name = ssrc.to_bytes(4, "big")
            if index >= 0 and ((seen := table.get(name)) is None or seen.highest < index):
                _put(table, name, Seen(index))

    def known(self) -> tuple[SourceIndex, ...]:
        names = dict.fromkeys((*self._rtp, *self._rtcp))
        return tuple(
            (int.from_bytes(name, "big"), _highest(self._rtp, name), _highest(self._rtcp, name)) for name in names
        )

    def authentic_rtp(self, packet: bytes, passed: int = 0) -> bool:
        """Whether the packet counts; then the same one does not count again. `passed`: how many packets may have gone
        another way since the last one that came here."""
        return self._rtp_packet(packet, passed, opened=False) is not None

    def open_rtp(self, packet: bytes, passed: int = 0) -> bytes | None:
        """The packet in clear, or `None`."""
        return self._rtp_packet(packet, passed, opened=True)

    def open_rtcp(self, packet: bytes) -> bytes | None:
        """The packet in clear, or `None`."""
        found = self._transform.open_rtcp(packet)
        if found is None:
            return None
        index, clear = found
        source = packet[4:8]
        seen = self._rtcp.get(source) or Seen()
        if not seen.fresh(index):
            return None
        seen.add(index)
        if source not in self._rtcp:
            _put(self._rtcp, source, seen)
        return clear

    def _rtp_packet(self, packet: bytes, passed: int, *, opened: bool) -> bytes | None:
        source = packet[8:12]
        seen = self._rtp.get(source)
        for index in self._candidates(seen, packet[2] << 8 | packet[3], passed):
            if seen is not None and not seen.fresh(index):
                continue
            if opened:
                found = self._transform.open_rtp(packet, index)
            else:
                found = packet if self._transform.authentic_rtp(packet, index) else None
            if found is None:
                continue
            if seen is None:
                seen = Seen()
                _put(self._rtp, source, seen)
            if index >> 16 != seen.highest >> 16:
                self.turns += 1
            seen.add(index)
            return found
        return None

    def _candidates(self, seen: Seen | None, sequence: int, passed: int) -> Iterator[int]:
        if seen is None:
            counters = range(self.counters + min(passed >> 16, _FURTHEST))
            yield from (counter << 16 | sequence for counter in counters)
            return
        best = estimate(seen.highest, sequence)
        yield best
        if passed:
            far = estimate(seen.highest + passed, sequence)
            for back in range(_FURTHEST):
                index = far + ((1 - back) << 16)
                if index <= best:
                    break
                yield index


def _put(table: dict[bytes, Seen], name: bytes, seen: Seen) -> None:
    if name not in table and len(table) >= MAX_SOURCES:
        del table[next(iter(table))]
    table[name] = seen


def _highest(table: dict[bytes, Seen], name: bytes) -> int:
    seen = table.get(name)
    return -1 if seen is None else seen.highest
