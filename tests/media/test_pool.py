from __future__ import annotations

import pytest

from seaway.catalog.ports import PortRange
from seaway.media.pool import PortPool, PortsExhausted


def test_pairs_start_even_and_end_inside_the_range() -> None:
    assert PortPool(PortRange(36001, 36006)).size == 2  # 36002 and 36004; 36006 has no odd port
    pool = PortPool(PortRange(36000, 36003))
    assert [pool.take(0.0), pool.take(0.0)] == [36000, 36002]


def test_reserved_ports_are_never_given_out() -> None:
    pool = PortPool(PortRange(36000, 36007), reserved=(36000, 36001, 36005))
    assert [pool.take(0.0), pool.take(0.0)] == [36002, 36006]
    with pytest.raises(PortsExhausted):
        pool.take(0.0)


def test_a_released_pair_rests_10_s() -> None:
    pool = PortPool(PortRange(36000, 36001))
    assert pool.take(0.0) == 36000
    with pytest.raises(PortsExhausted, match=r"36000-36001.*1 in use, 0 released"):
        pool.take(0.0)
    pool.release(36000, 5.0)
    with pytest.raises(PortsExhausted, match="0 in use, 1 released") as caught:
        pool.take(14.9)
    assert (caught.value.used, caught.value.quarantined) == (0, 1)
    assert pool.take(15.0) == 36000


def test_least_recently_used_first() -> None:
    pool = PortPool(PortRange(36000, 36005))
    first = pool.take(0.0)
    pool.release(first, 0.0)
    assert [pool.take(100.0), pool.take(100.0), pool.take(100.0)] == [36002, 36004, first]
    assert pool.used == 3


def test_release_of_a_pair_that_is_not_taken() -> None:
    with pytest.raises(KeyError):
        PortPool(PortRange(36000, 36001)).release(36000, 0.0)


def test_shuffle_is_applied() -> None:
    assert PortPool(PortRange(36000, 36005), shuffle=list.reverse).take(0.0) == 36004
