"""Every engine does what the Python oracle does: the same packets in, the same packets out, on real sockets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.real_packets import hosts, in_namespace, runs
from seaway.runtime.fastpath.kernel import KernelTable, load
from seaway.runtime.fastpath.split import SplitTable
from seaway.runtime.fastpath.worker import WorkerTable, start_worker


@pytest.fixture
def two_hosts() -> Iterator[None]:
    with hosts():
        yield


@pytest.mark.parametrize("engine", ["xdp-native", "xdp-generic", "tc"])
def test_the_cases_in_the_kernel(engine: str, two_hosts: None) -> None:
    if engine == "xdp-generic":  # it hands a packet up whose checksum the sender left to its hardware
        with in_namespace("far"):
            subprocess.run(["ethtool", "-K", "far", "tx", "off"], check=True, capture_output=True)
    with in_namespace("relay"):
        loaded = load(["near"], engine)
    try:
        _, fast = runs(lambda: KernelTable(loaded, 1))
        assert fast >= 10, "what is established does not come to Python"
    finally:
        loaded.close()


def test_the_cases_in_the_worker(two_hosts: None, tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    process = start_worker(path)
    try:
        _, fast = runs(lambda: WorkerTable(path, 1))
        assert fast >= 10, "what is established does not come to Python"
    finally:
        process.terminate()
        process.wait(5)


@pytest.mark.parametrize("engine", ["xdp-native", "tc"])
def test_the_cases_in_the_kernel_and_srtp_in_the_worker(engine: str, two_hosts: None, tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    process = start_worker(path)
    with in_namespace("relay"):
        loaded = load(["near"], engine)
    try:
        _, fast = runs(lambda: SplitTable(KernelTable(loaded, 1), WorkerTable(path, 1)))
        assert fast >= 10, "what is established does not come to Python"
        totals = WorkerTable(path, 2).totals()
        assert totals is not None and totals.passed >= 5, "SRTP that ends is the worker's"
    finally:
        loaded.close()
        process.terminate()
        process.wait(5)
