"""What one direction of a stream did: RFC 3550 loss, reordering and jitter, and the longest gap.

Reads only the RTP header, so it counts SRTP as well. Time is the relay's own arrival clock.
"""

from __future__ import annotations

from dataclasses import replace

from seaway.media.flows import FlowCounters
from seaway.media.protocol import Address, DirectionStats

__all__ = ["DirectionCounter", "clock_rate", "with_flow"]

_MAX_SOURCES = 4
"""SSRCs followed at a time in one direction; the oldest makes room, its counts are kept."""

_MAX_DROPOUT = 3000  # RFC 3550 §A.1
_MAX_MISORDER = 100

_CLOCK_RATES = {6: 16000, 10: 44100, 11: 44100, 14: 90000, 16: 11025, 17: 22050} | dict.fromkeys(range(25, 35), 90000)


def clock_rate(payload_type: int) -> int:
    """RTP clock of a static payload type in Hz (RFC 3551 §6); 8000 for the others, dynamic ones included."""
    return _CLOCK_RATES.get(payload_type, 8000)


class _Source:
    """One SSRC (RFC 3550 §A.1, §A.3, §A.8)."""

    __slots__ = ("bad", "base", "cycles", "highest", "jitter", "received", "transit")

    def __init__(self, sequence: int) -> None:
        self.base = sequence
        self.highest = sequence
        self.cycles = 0
        self.received = 0
        self.bad = -1
        self.jitter = 0.0  # in units of the RTP clock
        self.transit: float | None = None

    @property
    def lost(self) -> int:
        """Packets expected less packets received; duplicates do not make it negative (unlike RFC 3550 §A.3)."""
        return max(0, self.cycles + self.highest - self.base + 1 - self.received)


class DirectionCounter:
    __slots__ = (
        "_last", "_lost", "_sources", "clocks", "jitter_ms", "max_gap", "octets", "packets", "paused", "refused",
        "reordered", "rtcp_packets", "unauthenticated",
    )  # fmt: skip

    def __init__(self) -> None:
        self.packets = 0
        self.octets = 0
        self.rtcp_packets = 0
        self.refused = 0
        self.paused = 0
        self.unauthenticated = 0  # of those that were refused
        self.reordered = 0
        self.jitter_ms = 0.0
        self.max_gap = 0.0  # seconds
        self.clocks: dict[int, int] = {}  # payload type -> Hz, as signalled
        self._last: float | None = None
        self._lost = 0  # of sources that made room
        self._sources: dict[int, _Source] = {}

    def rtp(self, data: bytes, now: float) -> None:
        """Count a packet whose header was checked (`wire.rtp.packet.is_rtp`)."""
        self.packets += 1
        self.octets += len(data)
        last = self._last
        if last is not None and now - last > self.max_gap:
            self.max_gap = now - last
        self._last = now
        sequence = data[2] << 8 | data[3]
        ssrc = int.from_bytes(data[8:12], "big")
        source = self._sources.get(ssrc)
        if source is None:
            source = self._add(ssrc, sequence)
        self._sequence(source, sequence)
        self._jitter(source, data, now)

    def rtp_aside(self, size: int) -> None:
        """Count a packet of a flow that a fast path follows: one which that path could not handle itself. Its sequence
        number means nothing here, where only some are seen."""
        self.packets += 1
        self.octets += size

    def snapshot(self, source: Address | None) -> DirectionStats:
        return DirectionStats(
            packets=self.packets,
            octets=self.octets,
            rtcp_packets=self.rtcp_packets,
            lost=self._lost + sum(each.lost for each in self._sources.values()),
            jitter_ms=round(self.jitter_ms, 3),
            max_gap_ms=round(self.max_gap * 1000, 3),
            refused=self.refused,
            source=source,
            reordered=self.reordered,
            unauthenticated=self.unauthenticated,
            paused=self.paused,
        )

    def _add(self, ssrc: int, sequence: int) -> _Source:
        if len(self._sources) == _MAX_SOURCES:
            oldest = next(iter(self._sources))
            self._lost += self._sources.pop(oldest).lost
        source = self._sources[ssrc] = _Source(sequence)
        source.highest = (sequence - 1) & 0xFFFF  # the packet itself comes next
        source.cycles = -0x10000 if sequence == 0 else 0
        return source

    def _sequence(self, source: _Source, sequence: int) -> None:
        """RFC 3550 §A.1, without probation: a relay passes the first packet on anyway."""
        step = (sequence - source.highest) & 0xFFFF
        if 0 < step < _MAX_DROPOUT:
            if sequence < source.highest:
                source.cycles += 0x10000
            source.highest = sequence
        elif step == 0:
            pass  # duplicate
        elif step <= 0x10000 - _MAX_MISORDER:
            if sequence != source.bad:  # a jump: believed when the next packet follows it
                source.bad = (sequence + 1) & 0xFFFF
                return
            self._lost += source.lost
            source.base, source.highest, source.cycles, source.received = sequence, sequence, 0, 0
            source.transit = None
        else:
            self.reordered += 1
        source.bad = -1
        source.received += 1

    def _jitter(self, source: _Source, data: bytes, now: float) -> None:
        """RFC 3550 §6.4.1: J += (|D| - J) / 16, in clock units; the timestamp wraps at 32 bits."""
        kind = data[1] & 0x7F
        rate = self.clocks.get(kind) or clock_rate(kind)
        transit = now * rate - int.from_bytes(data[4:8], "big")
        if source.transit is not None:
            difference = (transit - source.transit + 0x80000000) % 0x100000000 - 0x80000000
            source.jitter += (abs(difference) - source.jitter) / 16
            self.jitter_ms = source.jitter * 1000 / rate
        source.transit = transit


def with_flow(stats: DirectionStats, flow: FlowCounters, *, media: bool) -> DirectionStats:
    """`stats` and what a fast path counted for the same direction. `media`: the flow is that of the RTP port; of the
    RTCP port's only the packets count."""
    if not media:
        return replace(
            stats,
            rtcp_packets=stats.rtcp_packets + flow.packets,
            refused=stats.refused + flow.unauthenticated,
            unauthenticated=stats.unauthenticated + flow.unauthenticated,
        )
    return replace(
        stats,
        packets=stats.packets + flow.packets - flow.rtcp_packets,
        octets=stats.octets + flow.octets,
        rtcp_packets=stats.rtcp_packets + flow.rtcp_packets,
        refused=stats.refused + flow.unauthenticated,
        unauthenticated=stats.unauthenticated + flow.unauthenticated,
        lost=stats.lost + flow.lost,
        reordered=stats.reordered + flow.reordered,
        jitter_ms=round(flow.jitter_ms, 3) if flow.packets > flow.rtcp_packets else stats.jitter_ms,
        max_gap_ms=round(max(stats.max_gap_ms, flow.max_gap_ms), 3),
    )
