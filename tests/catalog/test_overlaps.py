"""Connections that could claim the same packet."""

from __future__ import annotations

import pytest
from deployments import NAMES, RECORD, make
from small_catalog import SMALL

from seaway.catalog.deployment import load_deployment
from seaway.catalog.overlaps import overlapping_ports, overlaps
from seaway.catalog.ports import PortRange, PortSet
from seaway.catalog.resolve import resolve


@pytest.mark.parametrize("name", NAMES)
def test_no_packet_of_the_first_call_is_two_rows_but_for_relays_over_tcp(name: str) -> None:  # K-09
    resolution = resolve(load_deployment(RECORD / f"{name}.toml"))
    found = overlaps(resolution)
    assert {one.version == other.version for one, other in found} == {True}
    assert [(one.key, other.key) for one, other in found if one.version == 4] == [
        ("T11-04/tcp edge1>sip_endpoint.remote", "T11-16/tcp edge1>any")
    ]


def test_outgoing_sip_and_relays_over_tcp_overlap() -> None:  # K-09
    found = overlaps(resolve(make(services="turn = true"), SMALL))
    assert [(one.row.id, other.row.id, str(one.carrier.transport)) for one, other in found] == [
        ("T11-04", "T11-16", "tcp")
    ]


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ((10, 20, 1), (20, 30, 1), True),
        ((10, 19, 1), (20, 30, 1), False),
        ((10, 20, 2), (11, 21, 2), False),
        ((10, 20, 2), (13, 13, 1), False),
        ((10, 20, 2), (12, 12, 1), True),
        ((10, 20, 2), (15, 18, 1), True),
        ((10, 20, 2), (20, 40, 2), True),
    ],
)
def test_port_ranges_meet(one: tuple[int, int, int], other: tuple[int, int, int], meet: bool) -> None:
    first, second = PortSet((PortRange(*one),)), PortSet((PortRange(*other),))
    assert overlapping_ports(first, second) == overlapping_ports(second, first) == meet
    assert meet == bool(set(first) & set(second))


def test_bare_protocols_meet_each_other_only() -> None:
    assert overlapping_ports(PortSet(), PortSet())
    assert not overlapping_ports(PortSet(), PortSet((PortRange(1, 2),)))
