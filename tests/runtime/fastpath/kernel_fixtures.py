"""Fixtures of the tests of the kernel fast path: one network, and the programs in it for each engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from seaway.media.flows import PortKind
from seaway.runtime.fastpath.attach import read_object
from seaway.runtime.fastpath.kernel import RELAY, KernelFastPath, KernelTable, load_confined
from tests.runtime.fastpath.kernel_rig import Network, Path

ENGINES = ("xdp-native", "xdp-generic", "tc")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes network namespaces")
    for tool in ("ip", "ethtool"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    read_object()
    made = Network()
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module", params=[f"{engine}-{tx}" for engine in ENGINES for tx in ("finished", "unfinished")])
def loaded(request: pytest.FixtureRequest, network: Network) -> Iterator[KernelFastPath]:
    """Each engine, with senders that finish checksums and senders that leave them to the hardware."""
    engine, _, checksums = request.param.rpartition("-")
    network.offload(checksums == "unfinished")
    with network.inside("r"):
        made = load_confined(["ra", "rb"], engine)
    made.reason = checksums  # for tests to see
    assert made.engine == engine
    yield made
    made.close()


@pytest.fixture
def table(loaded: KernelFastPath) -> Iterator[KernelTable]:
    made = KernelTable(loaded, RELAY)
    yield made
    left = made.keys()
    for key in left:
        made.remove(key)
    made.close()


MakePath = Callable[..., Path]


@pytest.fixture
def path(network: Network, table: KernelTable) -> Iterator[MakePath]:
    made: list[Path] = []

    def make(v6: bool = False, kind: PortKind = PortKind.PLAIN) -> Path:
        made.append(Path(network, table, v6, kind))
        return made[-1]

    yield make
    for each in made:
        each.close()


def unfinished_in_generic(loaded: KernelFastPath) -> bool:
    """Generic XDP leaves packets with unfinished checksums to the stack: it cannot take the mark away."""
    return loaded.engine == "xdp-generic" and loaded.reason == "unfinished"


__all__ = ["ENGINES", "MakePath", "loaded", "network", "path", "table", "unfinished_in_generic"]
