"""Nodes with an IPv4 and an IPv6 address: settings, connections of each family, rules and tables."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_network

import pytest
from deployments import DUAL_HOSTS, DUAL_NODES, FIREWALLS, HOSTS, NODES, make

from seaway.catalog.problems import DeploymentError
from seaway.catalog.resolve import resolve
from seaway.catalog.views.connections import render_connections
from seaway.catalog.views.listeners import render_listeners
from seaway.catalog.views.nftables import render

SERVICES = "sip_calls = true\nturn = true"
HOSTS_OF = {"inner": "inner", "outer": "outer", "internal": "internal", "dmz": "dmz", "internet": "internet"}
BOTH = resolve(make(services=SERVICES, nodes=DUAL_NODES, hosts=DUAL_HOSTS))
FOUR = resolve(make(services=SERVICES))


def refused(**changes: str) -> tuple[str, str]:
    with pytest.raises(DeploymentError) as caught:
        make(**changes)
    return caught.value.setting, str(caught.value)


def test_a_nic_has_one_or_two_addresses() -> None:
    outer = make(nodes=DUAL_NODES).node("edge1").nic.outer
    assert outer is not None
    assert outer.addresses == (IPv4Interface("203.0.113.20/28"), IPv6Interface("2001:db8:2::20/64"))
    assert outer.of_family(4) == outer.address
    assert outer.of_family(6) == outer.address6
    alone = make(nodes=NODES.replace('outer.address = "203.0.113.20/28"', 'outer.address6 = "2001:db8:2::20/64"'))
    nic = alone.node("edge1").nic.outer
    assert nic is not None
    assert nic.addresses == (IPv6Interface("2001:db8:2::20/64"),)
    assert nic.of_family(4) is None


@pytest.mark.parametrize(
    ("old", "new", "setting", "said"),
    [
        ("2001:db8:2::20/64", "203.0.113.21/28", "node.1.nic.outer.address6", "not an IPv6 address"),
        ("2001:db8:2::20/64", "2001:db8:2::20", "node.1.nic.outer.address6", "prefix length"),
        ("203.0.113.20/28", "2001:db8:3::20/64", "node.1.nic.outer.address6", "IPv6 already"),
        ("2001:db8:2::20/64", "fe80::20/64", "node.1.nic.outer.address6", "global or unique local"),
        ("2001:db8:2::20/64", "fd00:2::21/64", "node.1.nic.outer.address6", "overlaps"),
        ("2001:db8:2::20/64", "fd00:2::20/128", "node.1.nic.outer.address6", "used by node.1.nic.inner.address6"),
        ("outer.address6", "outer.adress6", "node.1.nic.outer.adress6", "did you mean 'address6'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(old: str, new: str, setting: str, said: str) -> None:
    found, line = refused(nodes=DUAL_NODES.replace(old, new))
    assert found == setting
    assert said in line and "\n" not in line


def test_a_public_address_needs_one_of_its_family() -> None:
    public = NODES + 'nic.outer.public = "2001:db8::1"\n'
    setting, line = refused(nodes=public, firewalls=FIREWALLS + "nat = true\n")
    assert setting == "node.1.nic.outer.public" and "no IPv6 address to translate" in line


def test_core_and_edge_need_a_family_in_common() -> None:
    setting, line = refused(nodes=NODES.replace("10.0.2.20/24", "fd00:2::20/64"))
    assert setting == "node.1.nic.inner.address" and "core1 has IPv4 only" in line
    assert make(nodes=NODES.replace("10.0.2.20/24", "fd00:2::20/64").replace("10.0.1.10/24", "fd00:1::10/64"))


def test_every_connection_has_one_family() -> None:
    for each in BOTH.connections:
        networks = (*each.source.networks, *each.destination.networks, *each.source.public, *each.destination.public)
        assert {ip_network(network).version for network in networks} == {each.version}, each.key
    assert len({each.key for each in BOTH.connections if each.row.id == "T11-01"}) == 2


def test_what_ipv4_has_does_not_change() -> None:
    """The connections of an IPv4 site are those of the same site before it got IPv6, one for one."""
    four = [each for each in BOTH.connections if each.version == 4]
    assert [replace(each) for each in four] == list(FOUR.connections)
    six = [each for each in BOTH.connections if each.version == 6]
    assert [(each.row.id, each.carrier, each.also) for each in six] == [
        (each.row.id, each.carrier, each.also) for each in four
    ]
    assert BOTH.warnings == FOUR.warnings


def test_nodes_listen_on_both() -> None:
    found = {(each.row.id, each.address, str(each.ports)) for each in BOTH.listeners("edge1")}
    assert {("T11-07", "203.0.113.20", "5061"), ("T11-07", "2001:db8:2::20", "5061")} <= found
    assert {("T11-01", "10.0.2.20", "7001"), ("T11-01", "fd00:2::20", "7001")} <= found
    shown = render_listeners(BOTH, "edge1")
    assert "2001:db8:2::20" in shown and "203.0.113.20" in shown
    assert "fd00:2::20" in render_connections(BOTH, "table")


def test_packets_of_both_are_explained() -> None:
    found = BOTH.explain("2001:db8:9::7", 40000, "2001:db8:2::20", 5061, "tcp")
    assert found is not None and found[0].row.id == "T11-07" and found[1] == "forward"
    assert BOTH.explain("fd00:1::10", 25000, "fd00:2::20", 7001, "tcp") is not None
    assert BOTH.explain("fd00:2::20", 25000, "fd00:1::10", 7001, "tcp") is None
    assert FOUR.explain("2001:db8:9::7", 40000, "2001:db8:2::20", 5061, "tcp") is None


@pytest.mark.parametrize("at", ["core1", "edge1", "inner", "outer"])
def test_rules_have_both(at: str) -> None:
    rules = render(BOTH, at, interfaces=HOSTS_OF)
    assert "ip saddr" in rules and "ip6 saddr" in rules
    node = at in ("core1", "edge1")
    assert ("nd-neighbor-solicit" in rules) is node  # firewalls filter what they forward only
    assert ("mld2-listener-report" in rules) is node
    assert "nd-neighbor" not in render(FOUR, at, interfaces=HOSTS_OF)


def test_rules_keep_spoofed_addresses_of_both_families_out() -> None:
    rules = render(BOTH, "outer", interfaces=HOSTS_OF)
    assert "ip6 saddr { fd00:1::/64, 2001:db8:2::/64, fd00:2::/64 }" in rules


def test_static_nat_of_ipv4_leaves_ipv6_alone() -> None:
    nodes = DUAL_NODES.replace("203.0.113.20/28", "10.0.3.20/24") + 'nic.outer.public = "203.0.113.20"\n'
    found = resolve(make(services=SERVICES, nodes=nodes, hosts=DUAL_HOSTS, firewalls=FIREWALLS + "nat = true\n"))
    by_address = {each.address: each.public for each in found.listeners("edge1") if each.row.id == "T11-07"}
    assert by_address == {"10.0.3.20": "203.0.113.20", "2001:db8:2::20": None}
    rules = render(found, "outer", interfaces=HOSTS_OF)
    assert "dnat ip to 10.0.3.20" in rules and "dnat ip6" not in rules


def test_ends_without_a_common_family_are_named() -> None:
    nodes = NODES.replace("10.0.1.10/24", "fd00:1::10/64").replace("10.0.2.20/24", "fd00:2::20/64")
    found = resolve(make(services=SERVICES, nodes=nodes, hosts=HOSTS))
    assert "core1 (IPv6) and internal_dns (IPv4) have no address family in common; they cannot talk" in found.warnings
