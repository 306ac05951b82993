from __future__ import annotations

import random

from seaway.catalog.ports import PortRange
from seaway.core.turn.port_pool import GUARD_TIME, RelayPortPool


def pool(low: int = 24000, high: int = 24009, seed: int = 1) -> RelayPortPool:
    return RelayPortPool(PortRange(low, high), random.Random(seed).randbytes)


def test_each_port_once() -> None:
    ports = pool()
    taken = [ports.take(0.0) for _ in range(10)]
    assert sorted(map(str, taken)) == [str(port) for port in range(24000, 24010)]
    assert ports.take(0.0) is None and ports.free == 0


def test_the_order_is_another_with_other_octets() -> None:
    orders = {tuple(each.take(0.0) for _ in range(10)) for each in (pool(seed=1), pool(seed=2), pool(seed=3))}
    assert len(orders) == 3


def test_guard_time() -> None:
    ports = pool(24000, 24000)
    assert ports.take(0.0) == 24000
    ports.release(24000, 5.0)
    assert ports.take(5.0 + GUARD_TIME - 0.1) is None
    assert ports.take(5.0 + GUARD_TIME) == 24000


def test_even_ports() -> None:
    ports = pool()
    taken = [ports.take_even(0.0, with_next=False) for _ in range(5)]
    assert sorted(map(str, taken)) == ["24000", "24002", "24004", "24006", "24008"]
    assert ports.take_even(0.0, with_next=False) is None
    assert ports.free == 5


def test_even_ports_with_the_next() -> None:
    ports = pool(24000, 24005)
    odd = None
    while odd is None or odd % 2 == 0:
        odd = ports.take(0.0)
    both = []
    while (port := ports.take_even(0.0, with_next=True)) is not None:
        both.append(port)
    assert odd - 1 not in both and all(port % 2 == 0 for port in both)
    while (port := ports.take(0.0)) is not None:
        assert port not in both and port - 1 not in both


def test_a_long_life() -> None:
    ports, chance, used, now = pool(24000, 24049), random.Random(7), [], 0.0
    for _ in range(5000):
        now += 0.5
        kind = chance.randrange(3)
        if kind == 0 and (port := ports.take(now)) is not None:
            used.append(port)
        elif kind == 1 and (port := ports.take_even(now, with_next=True)) is not None:
            used += [port, port + 1]
        elif used and chance.random() < 0.8:
            ports.release(used.pop(chance.randrange(len(used))), now)
        assert len(set(used)) == len(used)
    assert len(ports._queue) <= 150
