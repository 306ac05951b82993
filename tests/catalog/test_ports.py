"""Port ranges and sets: what they contain, and what is no range."""

from __future__ import annotations

import pytest

from seaway.catalog.ports import ANY_PORT, PortRange, PortSet


def test_every_port_of_a_range() -> None:
    ports = PortRange(3478, 3480)
    assert list(ports) == [3478, 3479, 3480]
    assert 3477 not in ports and 3478 in ports and 3480 in ports and 3481 not in ports
    assert str(ports) == "3478-3480"


def test_a_step_of_two_keeps_the_parity_of_the_start() -> None:
    even = PortRange(36000, 36005, 2)
    assert list(even) == [36000, 36002, 36004]
    assert 36001 not in even and 36005 not in even
    assert str(PortRange(36000, 36010, 2)) == "36000-36010/even"
    assert str(PortRange(36001, 36011, 2)) == "36001-36011/odd"
    assert str(PortRange(443, 443, 2)) == "443"


@pytest.mark.parametrize(("low", "high", "step"), [(0, 5, 1), (5, 4, 1), (1, 65536, 1), (1, 5, 3), (1, 5, 0)])
def test_what_is_no_range(low: int, high: int, step: int) -> None:
    with pytest.raises(ValueError, match="no port range"):
        PortRange(low, high, step)


def test_sets() -> None:
    ports = PortSet((PortRange(22, 22), PortRange(5022, 5023)))
    assert list(ports) == [22, 5022, 5023]
    assert 5022 in ports and 23 not in ports
    assert str(ports) == "22,5022-5023"
    assert str(PortSet()) == "-" and list(PortSet()) == []
    assert 1 in ANY_PORT and 65535 in ANY_PORT and 0 not in ANY_PORT
