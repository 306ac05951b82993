"""Conditions of single rules, and rules that become one."""

from __future__ import annotations

from dataclasses import replace

from seaway.catalog.ports import ANY_PORT, PortRange, PortSet
from seaway.catalog.views.nftables_match import Match, merged_matches

RULE = Match(
    "T1-01", 1, "forward", "T1-01 test", True, "ip", ("10.0.1.10/32",), ("10.0.2.20/32",), (), (), ("udp",),
    ANY_PORT, PortSet((PortRange(53, 53),)),
)  # fmt: skip


def ports(*ranges: tuple[int, int, int]) -> PortSet:
    return PortSet(tuple(PortRange(*each) for each in ranges))


def test_addresses_and_ports() -> None:
    assert RULE.condition == "ip saddr 10.0.1.10 ip daddr 10.0.2.20 udp dport 53"
    several = replace(RULE, source_ports=ports((25, 25, 1), (587, 600, 1)))
    assert several.condition == "ip saddr 10.0.1.10 ip daddr 10.0.2.20 udp sport { 25, 587-600 } udp dport 53"


def test_parity() -> None:
    odd = replace(RULE, destination_ports=ports((36001, 59999, 2)))
    assert odd.condition.endswith("udp dport 36001-59999 udp dport & 1 == 1")
    assert replace(RULE, destination_ports=ports((2776, 2776, 2))).condition.endswith("udp dport 2776")


def test_anywhere_needs_no_address_but_a_family() -> None:
    assert replace(RULE, source=("0.0.0.0/0",)).condition == "ip daddr 10.0.2.20 udp dport 53"
    both = replace(RULE, source=("0.0.0.0/0",), destination=("0.0.0.0/0",))
    assert both.condition == "meta nfproto ipv4 udp dport 53"
    six = replace(RULE, family="ip6", source=("::/0",), destination=("fd00::1/128",))
    assert six.condition == "ip6 daddr fd00::1 udp dport 53"


def test_exceptions() -> None:
    but = replace(RULE, source=("0.0.0.0/0",), not_source=("10.0.1.0/24", "10.0.2.0/24"))
    assert but.condition.startswith("ip saddr != { 10.0.1.0/24, 10.0.2.0/24 } ip daddr")


def test_any_ports_still_name_the_transport() -> None:
    assert replace(RULE, destination_ports=ANY_PORT).condition.endswith("meta l4proto udp")
    assert replace(RULE, transports=("51",), destination_ports=ANY_PORT).condition.endswith("meta l4proto 51")


def test_transports_and_addresses_merge_only_where_nothing_else_differs() -> None:
    tcp = replace(RULE, transports=("tcp",))
    far = replace(RULE, destination=("10.0.2.21/32",))
    (one,) = merged_matches([RULE, tcp])
    assert one.transports == ("tcp", "udp")
    (one,) = merged_matches([RULE, far])
    assert one.destination == ("10.0.2.20/32", "10.0.2.21/32")
    crosswise = replace(RULE, source=("10.0.1.11/32",), destination=("10.0.2.21/32",))
    assert merged_matches([RULE, crosswise]) == [RULE, crosswise]  # one rule would allow two more pairs
    other_row = replace(RULE, row="T1-02", number=2, transports=("tcp",))
    assert merged_matches([RULE, other_row]) == [RULE, other_row]


def test_a_full_grid_of_addresses_is_one_rule() -> None:
    grid = [
        replace(RULE, source=(a,), destination=(b,))
        for a in ("10.0.1.1/32", "10.0.1.2/32")
        for b in RULE.source + RULE.destination
    ]
    (one,) = merged_matches(grid)
    assert len(one.source) == len(one.destination) == 2
