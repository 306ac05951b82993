"""What the fast path may carry is what the rows say, each direction by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.catalog.deployment import load_deployment
from seaway.catalog.resolve import Resolution, resolve
from seaway.runtime.admission import Admission

EDGE_OUT, EDGE_IN, CORE = "203.0.113.20", "10.0.2.20", "10.0.1.10"
PHONE = ("198.51.100.10", 20000)


def _resolution() -> Resolution:
    return resolve(load_deployment(Path(__file__).parents[2] / "examples" / "first-call.toml"))


@pytest.fixture(scope="module")
def edge() -> Admission:
    return Admission(_resolution(), "edge1")


def test_media_with_the_internet_both_ways(edge: Admission) -> None:
    for port in (36002, 36003, 59999):
        assert edge((EDGE_OUT, port), PHONE, True)
        assert edge((EDGE_OUT, port), PHONE, False)


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ((EDGE_OUT, 35999), PHONE),  # below the range
        ((EDGE_OUT, 36002), ("198.51.100.10", 1023)),  # no row has peers below 1024
        ((EDGE_IN, 36002), PHONE),  # the inner NIC has no media with the internet
        ((EDGE_OUT, 36002), (CORE, 36002)),  # nor the outer one with the inside
        (("203.0.113.99", 36002), PHONE),  # not our address
    ],
)
def test_what_no_row_admits(edge: Admission, local: tuple[str, int], remote: tuple[str, int]) -> None:
    assert not edge(local, remote, True)
    assert not edge(local, remote, False)


def test_the_demultiplexing_port_answers_the_core(edge: Admission) -> None:
    assert edge((EDGE_IN, 2776), (CORE, 36002), True)
    assert edge((EDGE_IN, 2776), (CORE, 36002), False), "a reply of a stateful row"
    assert not edge((EDGE_IN, 2776), (CORE, 35000), True)


def test_a_closed_row_admits_nothing_in_its_direction() -> None:
    closed = Admission(_resolution(), "edge1", frozenset({"T11-13"}))
    assert closed((EDGE_OUT, 36002), PHONE, True)
    assert not closed((EDGE_OUT, 36002), PHONE, False)
    core = Admission(_resolution(), "core1", frozenset({"Y01-04"}))
    assert core((CORE, 36002), ("10.0.1.50", 20000), True)
    assert not core((CORE, 36002), ("10.0.1.50", 20000), False)
    assert core((CORE, 36003), ("10.0.1.50", 20001), False)
