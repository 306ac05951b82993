"""Nodes, addresses and firewalls of a deployment."""

from __future__ import annotations

import pytest
from deployments import FIREWALLS, NODES, make

from seaway.catalog.problems import DeploymentError

TWO_EDGES = (
    NODES
    + """
[[node]]
name = "edge2"
role = "edge"
fqdn = "edge2.example.test"
nic.inner.address = "10.0.2.21/24"
nic.outer.address = "203.0.113.21/28"
"""
)
NAT = FIREWALLS + "nat = true\n"


def setting_refused(**changes: str) -> str:
    head, tables = changes.pop("head", ""), changes.pop("tables", "")
    with pytest.raises(DeploymentError) as caught:
        make(head, tables, **changes)
    return caught.value.setting


def test_nodes_do_not_share_names_or_addresses() -> None:
    assert setting_refused(nodes=TWO_EDGES.replace("edge2", "edge1")) == "node.2.name"
    assert setting_refused(nodes=TWO_EDGES.replace("edge2.example", "EDGE1.example")) == "node.2.fqdn"
    assert setting_refused(nodes=TWO_EDGES.replace("10.0.2.21", "10.0.2.20")) == "node.2.nic.inner.address"
    assert setting_refused(nodes=NODES + 'nic.outer.public = "10.0.1.10"\n', firewalls=NAT) == "node.1.nic.outer.public"
    assert setting_refused(head="node = []", nodes="") == "node"
    assert make(nodes=TWO_EDGES)


def test_the_two_networks_of_an_edge_do_not_overlap() -> None:
    assert setting_refused(nodes=NODES.replace("203.0.113.20/28", "10.0.2.40/24")) == "node.1.nic.outer.address"
    assert setting_refused(nodes=NODES.replace("203.0.113.20/28", "10.0.3.20/16")) == "node.1.nic.outer.address"
    assert make(nodes=NODES.replace("203.0.113.20/28", "10.0.3.20/24"))


def test_only_an_edge_has_an_outer_nic_and_a_public_address() -> None:
    core = NODES.replace('nic.inner.address = "10.0.1.10/24"', 'nic.inner.address = "10.0.1.10/24"\n{}')
    assert setting_refused(nodes=core.format('nic.outer.address = "192.0.2.1/24"')) == "node.0.nic.outer"
    assert (
        setting_refused(nodes=core.format('nic.inner.public = "192.0.2.1"'), firewalls=NAT) == "node.0.nic.inner.public"
    )
    assert setting_refused(nodes=NODES + 'nic.inner.public = "192.0.2.1"\n', firewalls=NAT) == "node.1.nic.inner.public"


def test_a_public_address_needs_a_firewall_that_translates() -> None:
    public = NODES + 'nic.outer.public = "192.0.2.20"\n'
    assert setting_refused(nodes=public) == "firewall.nat"
    assert make(nodes=public, firewalls=NAT)
    assert make(nodes=public, firewalls="")  # whose firewalls are not ours to describe


def test_firewalls_have_own_names_and_places() -> None:
    extra = '\n[[firewall]]\nname = "{}"\nbetween = ["{}", "{}"]\n'
    assert setting_refused(firewalls=FIREWALLS + extra.format("outer", "internal", "internet")) == "firewall.2.name"
    assert setting_refused(firewalls=FIREWALLS + extra.format("third", "dmz", "internal")) == "firewall.2.between"
    assert setting_refused(firewalls=FIREWALLS + extra.format("third", "dmz", "dmz")) == "firewall.2.between"
    assert make(firewalls=FIREWALLS + extra.format("third", "internal", "internet"))
