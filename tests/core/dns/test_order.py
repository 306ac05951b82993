"""RFC 2782: priorities in order, weights by chance."""

from __future__ import annotations

import random
from collections import Counter

from seaway.core.dns.io import Srv
from seaway.core.dns.order import below, srv_order


def test_low_priorities_come_first_whatever_the_weights() -> None:
    records = [Srv(20, 65535, 1, "c"), Srv(10, 0, 1, "a"), Srv(15, 7, 1, "b")]
    for seed in range(50):
        assert [each.target for each in srv_order(records, random.Random(seed).randbytes)] == ["a", "b", "c"]


def test_weights_are_shares_and_every_record_is_kept() -> None:
    records = [Srv(1, 60, 1, "a"), Srv(1, 30, 1, "b"), Srv(1, 10, 1, "c"), Srv(1, 0, 1, "d")]
    dice = random.Random(5)
    firsts: Counter[str] = Counter()
    for _ in range(4000):
        order = srv_order(records, dice.randbytes)
        assert sorted(each.target for each in order) == ["a", "b", "c", "d"]
        firsts[order[0].target] += 1
    assert abs(firsts["a"] - 2400) < 200 and abs(firsts["b"] - 1200) < 200 and abs(firsts["c"] - 400) < 120
    assert 0 < firsts["d"] < 120  # RFC 2782: weight 0 has a very small chance


def test_all_weights_zero() -> None:
    assert len(srv_order([Srv(1, 0, 1, "a"), Srv(1, 0, 1, "b")], lambda n: b"\xff" * n)) == 2


def test_below_stays_below() -> None:
    assert {below(3, random.Random(seed).randbytes) for seed in range(40)} == {0, 1, 2}
