"""The kernel engines count RTP as `media/stats.py` does: both see the same packets."""

from __future__ import annotations

import time

import pytest

from seaway.media.flows import Flow, FlowKind
from seaway.media.stats import DirectionCounter
from seaway.runtime.fastpath.kernel import KernelFastPath, KernelTable
from tests.runtime.fastpath.kernel_fixtures import MakePath, loaded, network, path, table, unfinished_in_generic
from tests.runtime.fastpath.kernel_rig import rtp

__all__ = ["loaded", "network", "path", "table"]  # fixtures

pytestmark = pytest.mark.interop

FIRST, SECOND = 0xAAAAAAAA, 0xBBBBBBBB
STEP = 16000
"""Of timestamps, 2 s: so that a busy machine, which delays packets, is a small error."""
STREAMS: dict[str, list[tuple[int, int]]] = {
    "in order": [(number, FIRST) for number in range(20)],
    "from 0": [(0, FIRST), (1, FIRST)],
    "loss": [(number, FIRST) for number in range(40) if number % 7],
    "over the wrap": [(number, FIRST) for number in range(65530, 65550) if number != 65536],
    "reordered": [(number, FIRST) for number in (1, 2, 4, 3, 7, 5, 6, 8)],
    "before the first": [(number, FIRST) for number in (100, 99, 98, 101)],
    "duplicates": [(number, FIRST) for number in (1, 1, 2, 2, 3)],
    "restart": [(number, FIRST) for number in (1, 2, 5, 30000, 30001, 30002)],
    "one stray": [(number, FIRST) for number in (1, 2, 30000, 3, 4)],
    "another source": [(1, FIRST), (3, FIRST), (500, SECOND), (502, SECOND), (4, FIRST)],
    "five sources": [(number + step, source) for source in range(5) for number in (10, 12) for step in (0, 1)],
    "sources that made room": [(number, source) for source in range(9) for number in (10, 13)],
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_same_numbers(
    loaded: KernelFastPath, table: KernelTable, path: MakePath, stream: list[tuple[int, int]]
) -> None:
    if unfinished_in_generic(loaded):
        return
    way, oracle = path(), DirectionCounter()
    table.add(way.flow(kind=FlowKind.MEDIA))
    for number, (sequence, source) in enumerate(stream):
        packet = rtp(sequence, timestamp=number * STEP, ssrc=source)
        oracle.rtp(packet, time.monotonic())
        way.send(packet)
        assert way.passed() == packet
    counters, said = table.read(way.key()), oracle.snapshot(None)
    assert counters is not None
    assert (counters.packets, counters.octets) == (said.packets, said.octets)
    assert (counters.lost, counters.reordered) == (said.lost, said.reordered)
    assert counters.jitter_ms == pytest.approx(said.jitter_ms, rel=0.05)
    assert counters.max_gap_ms == pytest.approx(said.max_gap_ms, abs=60.0)
    assert counters.last_seen == pytest.approx(time.monotonic(), abs=0.5)


@pytest.mark.parametrize(
    ("kind", "clocks", "kilohertz"),
    [(0, (), 8), (14, (), 90), (96, ((96, 48000), (97, 16000)), 48), (97, ((97, 16000),), 16), (98, ((97, 1),), 8)],
)
def test_clock_of_the_payload_type(
    loaded: KernelFastPath,
    table: KernelTable,
    path: MakePath,
    kind: int,
    clocks: tuple[tuple[int, int], ...],
    kilohertz: int,
) -> None:
    """Packets sent at once whose timestamps are apart: the jitter grows towards their distance in time."""
    if unfinished_in_generic(loaded):
        return
    way = path()
    flow = way.flow(kind=FlowKind.MEDIA)
    table.add(Flow(flow.key, flow.out_local, flow.out_remote, None, FlowKind.MEDIA, 8000, clocks))
    for number in range(60):
        way.send(rtp(number, timestamp=0xFFFFFF00 + number * STEP, kind=kind))
        way.passed()
    counters = table.read(way.key())
    assert counters is not None
    expected = STEP / kilohertz * (1 - (15 / 16) ** 59)
    assert counters.jitter_ms == pytest.approx(expected, rel=0.05)


def test_longest_gap(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    """RTCP does not end a gap, as in the oracle."""
    if unfinished_in_generic(loaded):
        return
    way = path()
    table.add(way.flow(kind=FlowKind.MEDIA))
    report = bytes([0x80, 201, 0, 1]) + bytes(4)
    started = time.monotonic()
    for data in (rtp(1), report, rtp(2)):
        way.send(data)
        way.passed()
        time.sleep(0.01)
    counters = table.read(way.key())
    assert counters is not None
    assert 20.0 <= counters.max_gap_ms <= (time.monotonic() - started) * 1000
    assert (counters.packets, counters.rtcp_packets) == (3, 1)
