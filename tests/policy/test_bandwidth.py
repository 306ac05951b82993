"""Bandwidth of calls: limits of places and pipes, ways, down-speeding, and that nothing leaks."""

from __future__ import annotations

import random

import pytest

from seaway.policy.bandwidth import Bandwidth, BandwidthError, BandwidthPolicy, Denial, Grant, Link, Pipe, Place

PLACES = (Place("hq", total=10_000, within=2000, across=1000), Place("branch"), Place("net"), Place("none", total=0))
LINKS = (
    Link("hq-branch", ("hq", "branch"), ("wan",)),
    Link("hq-net", ("hq", "net")),
    Link("net-branch", ("net", "branch"), ("dsl", "provider")),
    Link("hq-none", ("hq", "none")),
)
PIPES = (Pipe("wan", total=2000, per_call=768), Pipe("dsl", total=512), Pipe("provider"))


def make(**changes: object) -> Bandwidth:
    return Bandwidth(BandwidthPolicy(PLACES, PIPES, LINKS, **changes))  # type: ignore[arg-type]


def test_a_call_inside_a_place_has_the_limit_within() -> None:
    bandwidth = make()
    assert bandwidth.ask("1", "hq", "hq", 4000) == Grant(2000, (), "zone hq has 2000 kbit/s for one call")
    assert bandwidth.ask("2", "branch", "branch", 4000) == Grant(4000, ())


def test_a_call_nobody_gave_a_rate_counts_as_the_default() -> None:
    assert make().ask("1", "hq", "branch", None) == Grant(384, ("hq-branch",))
    assert make(default_call=500).ask("1", "hq", "net", None) == Grant(500, ("hq-net",))


def test_the_shortest_way_first_then_others() -> None:
    bandwidth = make(downspeed_total=False)
    for number in range(2):
        assert bandwidth.ask(f"a{number}", "hq", "branch", 768) == Grant(768, ("hq-branch",))
    assert bandwidth.ask("b", "hq", "branch", 500) == Grant(500, ("hq-net", "net-branch"))
    assert bandwidth.ask("c", "hq", "branch", 500) == Denial("pipe wan has 464 of 2000 kbit/s left")


def test_down_speeding_to_what_a_call_may_have() -> None:
    assert make().ask("1", "hq", "branch", 900) == Grant(768, ("hq-branch",), "pipe wan has 768 kbit/s for one call")
    refused = make(downspeed_per_call=False).ask("1", "hq", "branch", 5000)
    assert refused == Denial("zone hq has 1000 kbit/s for one call")


def test_down_speeding_to_what_is_left() -> None:
    bandwidth = make()
    for number in range(2):
        bandwidth.ask(f"a{number}", "hq", "branch", 768)
    grant = bandwidth.ask("b", "hq", "branch", 768)
    assert grant == Grant(512, ("hq-net", "net-branch"), "pipe dsl has 512 of 512 kbit/s left")  # more than 464 of wan
    assert bandwidth.ask("c", "hq", "branch", 768) == Grant(464, ("hq-branch",), "pipe wan has 464 of 2000 kbit/s left")
    assert isinstance(bandwidth.ask("d", "hq", "branch", 768), Denial)


def test_no_bandwidth_and_no_link() -> None:
    bandwidth = make()
    assert bandwidth.ask("1", "hq", "none", 64) == Denial("zone none has 0 of 0 kbit/s left")
    bare = Bandwidth(BandwidthPolicy(PLACES))
    assert bare.ask("1", "hq", "branch", 64) == Denial("no links lead from hq to branch")
    assert bare.ask("1", "hq", "moon", 64) == Denial("moon is no zone or subzone of the bandwidth policy")


def test_release_and_change() -> None:
    bandwidth = make(downspeed_total=False, downspeed_per_call=False)
    assert bandwidth.ask("1", "branch", "hq", 700) == Grant(700, ("hq-branch",))
    assert bandwidth.ask("1", "branch", "hq", 300) == Grant(300, ("hq-branch",))
    assert bandwidth.rate("1") == 300
    assert isinstance(bandwidth.ask("1", "branch", "hq", 5000), Denial)
    assert bandwidth.rate("1") == 300  # it keeps what it has
    assert {"name": "wan", "kind": "pipe", "calls": 1, "used_kbps": 300, "total_kbps": 2000} in bandwidth.snapshot()
    bandwidth.release("1")
    bandwidth.release("1")
    assert bandwidth.rate("1") is None
    assert all(row["used_kbps"] == 0 for row in bandwidth.snapshot())


def test_totals_are_never_exceeded_and_all_comes_back() -> None:
    dice = random.Random(7)
    bandwidth = make()
    names = [place.name for place in PLACES]
    for _ in range(5000):
        call = str(dice.randrange(60))
        if dice.random() < 0.4:
            bandwidth.release(call)
        else:
            bandwidth.ask(call, dice.choice(names), dice.choice(names), dice.choice([None, 64, 384, 768, 2000]))
        for row in bandwidth.snapshot():
            used, total = row["used_kbps"], row["total_kbps"]
            assert isinstance(used, int)
            assert used >= 0
            assert total is None or (isinstance(total, int) and used <= total)
    for number in range(60):
        bandwidth.release(str(number))
    assert all(row["used_kbps"] == 0 and row["calls"] == 0 for row in bandwidth.snapshot())


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (BandwidthPolicy((Place("a"), Place("a"))), "two of the name a"),
        (BandwidthPolicy((Place("a"),), (), (Link("l", ("a", "b")),)), "ends at b"),
        (BandwidthPolicy((Place("a"),), (), (Link("l", ("a", "a"), ("p",)),)), "names pipe p"),
        (BandwidthPolicy((Place("a"),), PIPES, (Link("l", ("a", "a"), ("wan", "dsl", "wan")),)), "at most 2"),
    ],
)
def test_mistakes(policy: BandwidthPolicy, problem: str) -> None:
    with pytest.raises(BandwidthError, match=problem):
        Bandwidth(policy)


def test_many_places_do_not_take_for_ever() -> None:
    places = tuple(Place(f"p{number}") for number in range(40))
    links = tuple(
        Link(f"{a.name}-{b.name}", (a.name, b.name)) for i, a in enumerate(places) for b in places[i + 1 :]
    )  # all with all
    bandwidth = Bandwidth(BandwidthPolicy(places, (), links))
    assert bandwidth.ask("1", "p0", "p39", 64) == Grant(64, ("p0-p39",))
