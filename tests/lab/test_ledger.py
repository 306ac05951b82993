"""Counters beside captures."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from seaway.lab.firewall import Count, Counters, resolution_of
from seaway.lab.ledger import balance, inward_openings, live_rows
from seaway.lab.pcap import Packet
from seaway.lab.witness import Seen

_CORE = frozenset({"10.0.1.10", "core1"})
_QUERY = Packet(0.0, "10.0.2.20", "10.0.1.53", "udp", 30001, 53)


def _counted(forward: int, reply: int, icmp: int = 0) -> dict[str, Counters]:
    return {"inner": Counters({"T11-01": Count(forward, reply)}, 0, icmp)}


def _seen(forward: int, reply: int, icmp: int = 0) -> dict[str, Seen]:
    rows = Counter({("T11-01", "forward"): forward, ("T11-01", "reply"): reply})
    return {"inner": Seen(rows, {"T11-01": {"a > b:7001/tcp"}}, icmp=icmp)}


def test_equal_books_balance() -> None:
    assert balance(_counted(3, 2), _seen(3, 2)) == []


def test_every_difference_is_named() -> None:
    assert len(balance(_counted(3, 2), _seen(4, 2))) == 1
    assert len(balance(_counted(3, 2), _seen(3, 1))) == 1
    assert "ICMP" in balance(_counted(3, 2, 1), _seen(3, 2, 0))[0]
    assert len(balance({"inner": Counters()}, _seen(3, 2))) == 2


def test_live_rows_count_each_packet_once() -> None:
    counters = _counted(3, 2) | {"edge1": Counters({"T11-01": Count(3, 2), "T11-07": Count()})}
    books = live_rows(counters, _seen(3, 2), {"core1": {"Y01-04": 7}})
    assert books.pop("Y01-04").at == {"core1 fast path": (7, 0)}
    assert list(books) == ["T11-01"]
    assert books["T11-01"].packets == 5
    assert books["T11-01"].at == {"inner": (3, 2), "edge1": (3, 2)}
    assert books["T11-01"].peers == {"a > b:7001/tcp"}


def test_openings_inwards_need_a_row_and_never_reach_the_core() -> None:
    rules = resolution_of("dual")
    assert inward_openings({"inner": Seen(inward=[("T6-04", _QUERY)])}, rules, _CORE) == []
    to_core = replace(_QUERY, destination="10.0.1.10")
    assert inward_openings({"inner": Seen(inward=[("T6-04", to_core)])}, rules, _CORE)
    assert inward_openings({"inner": Seen(inward=[("T11-01", _QUERY)])}, rules, _CORE)
