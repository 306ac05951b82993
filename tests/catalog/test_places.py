"""Where the entities of rows stand: NICs, zones and addresses."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from deployments import HOSTS, NODES, RECORD, make

from seaway.catalog.deployment import Deployment, load_deployment
from seaway.catalog.entities import ENTITIES
from seaway.catalog.places import NODE_TOKENS, Place, pairs, zone_networks, zone_of

DUAL = load_deployment(RECORD / "first-call.toml")
NAT = load_deployment(RECORD / "first-call-nat.toml")
SINGLE = load_deployment(RECORD / "first-call-single-nic.toml")


def only(source: str, destination: str, deployment: Deployment) -> tuple[Place, Place]:
    (found,) = pairs(source, destination, deployment)
    return found


def seen(place: Place) -> tuple[str | None, str, str | None]:
    return place.nic, ",".join(str(network.network_address) for network in place.networks[:1]), place.public


def test_the_node_tokens_are_those_of_the_vocabulary() -> None:
    assert {token for token, entity in ENTITIES.items() if entity.node} == NODE_TOKENS


@pytest.mark.parametrize(
    ("source", "token", "deployment", "expected"),
    [
        ("core", "edge", DUAL, ("inner", "10.0.2.20", None)),
        ("core", "edge.private", DUAL, ("inner", "10.0.2.20", None)),
        ("admin_pc", "edge", DUAL, ("inner", "10.0.2.20", None)),
        ("sip_endpoint.remote", "edge", DUAL, ("outer", "203.0.113.20", None)),
        ("sip_endpoint.remote", "edge.public", DUAL, ("outer", "203.0.113.20", None)),
        ("core", "edge", NAT, ("inner", "10.0.2.20", None)),
        ("sip_endpoint.remote", "edge", NAT, ("outer", "10.0.3.20", "203.0.113.20")),
        ("sip_endpoint.remote", "edge.external_nic", NAT, ("outer", "10.0.3.20", "203.0.113.20")),
        ("core", "edge", SINGLE, ("inner", "10.0.2.20", "203.0.113.20")),  # J-06
        ("core", "edge.private", SINGLE, ("inner", "10.0.2.20", "203.0.113.20")),
        ("admin_pc", "edge.private", SINGLE, ("inner", "10.0.2.20", None)),
        ("sip_endpoint.remote", "edge", SINGLE, ("inner", "10.0.2.20", "203.0.113.20")),
    ],
)
def test_the_edge_as_others_address_it(
    source: str, token: str, deployment: Deployment, expected: tuple[str | None, str, str | None]
) -> None:
    assert seen(only(source, token, deployment)[1]) == expected


def test_the_edge_asks_inside_servers_from_its_real_address() -> None:
    assert seen(only("edge.private", "internal_dns", SINGLE)[0]) == ("inner", "10.0.2.20", None)
    assert seen(only("edge.private", "core", SINGLE)[0]) == ("inner", "10.0.2.20", None)
    assert seen(only("edge.public", "core", SINGLE)[0]) == ("inner", "10.0.2.20", "203.0.113.20")


def test_any_is_both_sides_of_a_bare_edge_and_outside_of_its_outer_nic() -> None:
    both = [(far.zone, near.nic) for far, near in pairs("any", "edge", DUAL)]
    assert sorted(both) == [("internal", "inner"), ("internet", "outer")]
    assert [far.zone for far, _ in pairs("any", "edge.public", DUAL)] == ["internet"]
    assert [far.zone for _, far in pairs("edge.private", "any", DUAL)] == ["internal"]
    inside = next(far for far, near in pairs("any", "edge", DUAL) if near.nic == "inner")
    assert inside.networks == (ip_network("10.0.1.0/24"),)


def test_peers_are_the_other_nodes_of_one_role() -> None:
    second = (
        '\n[[node]]\nname = "core2"\nrole = "core"\nfqdn = "core2.example.test"\nnic.inner.address = "10.0.1.11/24"\n'
    )
    cluster = make(nodes=NODES + second)
    assert sorted((a.host, b.host) for a, b in pairs("peer.this", "peer.other", cluster)) == [
        ("core1", "core2"),
        ("core2", "core1"),
    ]
    assert list(pairs("peer.this", "peer.other", DUAL)) == []
    assert sorted(a.host for a, _ in pairs("core", "edge", cluster)) == ["core1", "core2"]


def test_a_node_of_either_role_and_a_loopback() -> None:
    assert [(a.host, a.nic) for a, _ in pairs("expressway", "smart_receiver", DUAL)] == [
        ("core1", "inner"),
        ("edge1", "outer"),
    ]
    assert [(a.host, a.nic) for a, _ in pairs("expressway", "internal_dns", DUAL)] == [
        ("core1", "inner"),
        ("edge1", "inner"),
    ]
    assert list(pairs("localhost", "localhost", DUAL)) == []


def test_hosts_without_an_address_are_unknown_inside_and_anywhere_outside() -> None:
    deployment = make(hosts="")
    assert not only("core", "internal_dns", deployment)[1].known
    outside = only("edge.public", "external_dns", deployment)[1]
    assert outside.known and ip_network("0.0.0.0/0") in outside.networks


def test_an_outside_host_may_be_narrowed() -> None:
    deployment = make(hosts=HOSTS + '"external_dns" = ["192.0.2.53"]\n')
    assert only("edge.public", "external_dns", deployment)[1].networks == (ip_network("192.0.2.53"),)


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("10.0.1.10", "internal"),
        ("10.0.1.200", "internal"),
        ("10.0.2.20", "dmz"),
        ("10.0.3.20", "dmz"),
        ("203.0.113.20", "dmz"),
        ("203.0.113.21", "internet"),
        ("198.51.100.1", "internet"),
        ("2001:db8::1", "internet"),
    ],
)
def test_zone_of_an_address(address: str, zone: str) -> None:
    assert zone_of(ip_network(address), zone_networks(NAT)) == zone
