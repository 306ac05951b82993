"""Packets are looked up in the resolved catalog; what no row explains is a finding."""

from __future__ import annotations

from dataclasses import replace

from seaway.catalog.resolve import Resolution
from seaway.lab.firewall import resolution_of
from seaway.lab.pcap import Packet
from seaway.lab.witness import classify

_RULES = resolution_of("dual")
_LINK = Packet(0.0, "10.0.1.10", "10.0.2.20", "tcp", 25100, 7001, 0x02)
_BACK = Packet(0.0, "10.0.2.20", "10.0.1.10", "tcp", 7001, 25100, 0x12)


def test_forward_and_reply_of_one_row() -> None:
    seen = classify([("dmz", _LINK), ("internal", _BACK), ("dmz", _LINK)], _RULES)
    assert seen.rows == {("T11-01", "forward"): 2, ("T11-01", "reply"): 1}
    assert seen.peers == {"T11-01": {"10.0.1.10 > 10.0.2.20:7001/tcp"}}
    assert not seen.unexplained and not seen.inward and not seen.ambiguous


def test_each_neighbour_of_an_allowed_packet_is_unexplained() -> None:
    for wrong in (
        replace(_LINK, destination_port=7002),
        replace(_LINK, source_port=24999),
        replace(_LINK, source="10.0.1.11"),
        replace(_LINK, destination="10.0.2.21"),
        replace(_LINK, transport="udp"),
    ):
        seen = classify([("dmz", wrong)], _RULES)
        assert len(seen.unexplained) == 1, wrong
        assert not seen.rows


def test_an_opening_from_the_dmz_is_noted() -> None:
    query = Packet(0.0, "10.0.2.20", "10.0.1.53", "udp", 30001, 53)
    seen = classify([("internal", query)], _RULES)
    assert [row for row, _ in seen.inward] == ["T6-04"]


def test_packets_of_the_firewall_itself_do_not_cross() -> None:
    seen = classify([("dmz", replace(_LINK, source="10.0.2.1"))], _RULES, frozenset({"10.0.2.1"}))
    assert seen.own == 1 and not seen.unexplained


def test_ipv6_neighbours_are_not_forwarded_packets() -> None:
    found = Packet(0.0, "fe80::1", "ff02::1:ff00:20", "icmp", icmp_type=135)
    packets = [replace(found, icmp_type=number) for number in (130, 131, 132, 133, 134, 135, 136, 137, 143)]
    seen = classify([("dmz", each) for each in packets], _RULES)
    assert seen.neighbours == 9 and not seen.unexplained
    echo = classify([("dmz", replace(found, icmp_type=128)), ("dmz", replace(found, source="10.0.2.20"))], _RULES)
    assert not echo.neighbours and len(echo.unexplained) == 2


def test_an_icmp_error_counts_with_the_packet_it_is_about() -> None:
    known = Packet(0.0, "10.0.2.20", "10.0.1.10", "icmp", icmp_type=3, about=_LINK)
    stray = replace(known, about=replace(_LINK, destination_port=22))
    echo = replace(known, icmp_type=8, about=None)
    seen = classify([("internal", known), ("internal", stray), ("internal", echo)], _RULES)
    assert seen.icmp == 1 and len(seen.unexplained) == 2


def test_two_rows_for_one_packet_are_a_finding() -> None:
    link = next(each for each in _RULES.connections if each.row.id == "T11-01")
    twin = replace(link, row=replace(link.row, id="X99-01"))
    doubled = Resolution((*_RULES.connections, twin), _RULES.deployment)
    seen = classify([("dmz", _LINK), ("dmz", _LINK)], doubled)
    assert len(seen.ambiguous) == 1 and "X99-01" in seen.ambiguous[0]
