"""The worker's RTP statistics against the relay's own (`media/stats.py`), packet by packet, with the same clock.

`dataplane/worker/rtp.c` knows no sockets, so it is loaded as a library.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.media import stats
from seaway.media.flows import FlowCounters
from seaway.media.stats import DirectionCounter
from seaway.wire.rtp.classify import PacketClass, classify
from seaway.wire.rtp.packet import is_rtp
from seaway.wire.rtp.rtcp import is_rtcp
from tests.runtime.fastpath.worker_rig import ROOT, Rig, at, flow, rig, rtp

OTHER, RTP, RTCP = range(3)
SOURCES = 4


class Source(ctypes.Structure):
    _fields_ = (
        ("ssrc", ctypes.c_uint32), ("highest", ctypes.c_int32), ("bad", ctypes.c_int32), ("has_transit", ctypes.c_bool),
        ("base", ctypes.c_int64), ("cycles", ctypes.c_int64), ("received", ctypes.c_int64),
        ("jitter", ctypes.c_double), ("transit", ctypes.c_double),
    )  # fmt: skip


class Clocks(ctypes.Structure):
    _fields_ = (
        ("usual", ctypes.c_uint32), ("count", ctypes.c_uint32), ("hertz", ctypes.c_uint32 * 4),
        ("payload_type", ctypes.c_uint8 * 4),
    )  # fmt: skip


class Stats(ctypes.Structure):
    _fields_ = (
        ("packets", ctypes.c_uint64), ("octets", ctypes.c_uint64), ("rtcp_packets", ctypes.c_uint64),
        ("reordered", ctypes.c_uint64), ("unauthenticated", ctypes.c_uint64),
        ("lost_before", ctypes.c_int64), ("last_seen", ctypes.c_double),
        ("last_rtp", ctypes.c_double), ("max_gap", ctypes.c_double), ("jitter_ms", ctypes.c_double),
        ("count", ctypes.c_uint32), ("oldest", ctypes.c_uint32), ("recent", ctypes.c_uint32),
        ("sources", Source * SOURCES),
    )  # fmt: skip


CLOCKS = Clocks(8000, 2, (90000, 16000, 0, 0), (34, 6, 0, 0))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build the worker's statistics with")
    made = tmp_path_factory.mktemp("rtp") / "rtp.so"
    source = ROOT / "dataplane" / "worker" / "rtp.c"
    subprocess.run(["cc", "-std=gnu11", "-O2", "-shared", "-fPIC", str(source), "-o", str(made)], check=True)
    loaded = ctypes.CDLL(str(made))
    loaded.rtp_lost.restype = ctypes.c_uint64
    return loaded


def count(library: Any, into: Stats, data: bytes, now: float, kind: int = RTP) -> None:
    library.rtp_count(
        ctypes.byref(into), ctypes.byref(CLOCKS), kind, data, ctypes.c_size_t(len(data)), ctypes.c_double(now)
    )


PACKETS = st.lists(
    st.tuples(
        st.integers(0, 5),  # source
        st.one_of(st.integers(-3, 5), st.integers(-0x8000, 0x8000)),  # step of the sequence number
        st.one_of(st.integers(0, 2000), st.integers(0, 0xFFFFFFFF)),  # step of the timestamp
        st.sampled_from((0, 6, 34, 96)),
        st.floats(0.0001, 3.0),  # seconds
    ),
    max_size=80,
)


@given(PACKETS, st.sampled_from((0, 3, 0xFFFE)), st.floats(1.0, 1e6))
def test_the_same_as_the_relay(library: Any, packets: list[Any], start: int, now: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "_MAX_SOURCES", SOURCES)
        ours, oracle = Stats(), DirectionCounter()
        sequences, stamps = [start] * 6, [0xFFFFF000] * 6
        for source, step, ticks, kind, pause in packets:
            sequences[source] += step
            stamps[source] += ticks
            now += pause
            data = rtp(sequences[source], b"x" * source, ssrc=source, kind=kind, stamp=stamps[source])
            count(library, ours, data, now)
            oracle.rtp(data, now)
        told = oracle.snapshot(None)
    found = (ours.packets, ours.octets, library.rtp_lost(ctypes.byref(ours)), ours.reordered)
    assert found == (told.packets, told.octets, told.lost, told.reordered)
    assert ours.jitter_ms == pytest.approx(oracle.jitter_ms, rel=1e-6, abs=1e-4)
    assert ours.max_gap == pytest.approx(oracle.max_gap, abs=1e-9)


def test_rtcp_is_no_rtp(library: Any) -> None:
    ours = Stats()
    count(library, ours, rtp(1), 10.0)
    count(library, ours, b"\x80\xc8\x00\x01" + bytes(4), 15.0, RTCP)
    count(library, ours, b"anything", 20.0, OTHER)
    count(library, ours, rtp(2), 21.0)
    assert (ours.packets, ours.rtcp_packets, ours.max_gap, ours.last_seen) == (4, 1, 11.0, 21.0)


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda rest: b"\x90\xc8" + rest)))
def test_the_same_packets_are_well_formed(library: Any, data: bytes) -> None:
    kind = classify(data)
    wanted = OTHER
    if kind is PacketClass.RTP and is_rtp(data):
        wanted = RTP
    elif kind is PacketClass.RTCP and is_rtcp(data):
        wanted = RTCP
    assert library.rtp_classify(data, ctypes.c_size_t(len(data))) == wanted


def test_through_the_worker(tmp_path: Path) -> None:
    with rig(tmp_path) as worker:
        check_through(worker)


def check_through(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    made = flow(port, phone, port, far, clocks=((96, 90000),))
    worker.table.add(made)
    oracle = DirectionCounter()
    for number, sequence in enumerate((65530, 65531, 65534, 65533, 0, 1, 1, 40000, 40001, 40002)):
        data = rtp(sequence, ssrc=number % 2)
        phone.sendto(data, at(port))
        assert far.recv(2000) == data
        oracle.rtp(data, number * 0.02)
    found, told = worker.table.remove(made.key), oracle.snapshot(None)
    assert isinstance(found, FlowCounters)
    assert (found.packets, found.octets, found.lost, found.reordered) == (
        told.packets, told.octets, told.lost, told.reordered,
    )  # fmt: skip
    assert found.max_gap_ms > 0
