"""Checks across settings, and what a deployment is warned about."""

from __future__ import annotations

import pytest
from deployments import FIREWALLS, NAMES, NODES, RECORD, make

from seaway.catalog.deployment import Deployment, load_deployment
from seaway.catalog.ports import PortRange
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


def with_ports(line: str, size: str = "small") -> Deployment:
    return make(f'size = "{size}"', f"[ports]\n{line}")


def setting_refused(**changes: str) -> str:
    head, tables = changes.pop("head", ""), changes.pop("tables", "")
    with pytest.raises(DeploymentError) as caught:
        make(head, tables, **changes)
    return caught.value.setting


@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("demux", ["2776-2777", "36000-36001"])
def test_small_systems_have_two_classic_pairs(size: str, demux: str) -> None:
    assert str(with_ports(f'demux = "{demux}"', size).demux) == demux


@pytest.mark.parametrize(
    "demux", ["2775-2776", "2776", "2778-2779", "2776-2778", "36002-36003", "36000-36011", "37000-37001"]
)
def test_small_systems_have_no_other_pair(demux: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        with_ports(f'demux = "{demux}"')
    assert caught.value.setting == "ports.demux"


def test_first_ports_of_a_custom_media_range_may_be_the_pair() -> None:
    assert with_ports('media = "37000-38200"\ndemux = "37000-37001"').demux == PortRange(37000, 37001)
    with pytest.raises(DeploymentError, match="37000-37001"):
        with_ports('media = "37000-38200"\ndemux = "37002-37003"')


def test_large_systems_use_the_first_twelve_ports() -> None:
    assert with_ports('media = "37000-38200"\ndemux = "37000-37011"', "large").demux == PortRange(37000, 37011)
    for demux in ("2776-2777", "36000-36011", "37000-37010", "37000-37001"):
        with pytest.raises(DeploymentError, match="first 12"):
            with_ports(f'media = "37000-38200"\ndemux = "{demux}"', "large")
    assert with_ports('media = "37000-37013"', "large")
    with pytest.raises(DeploymentError, match="widen"):
        with_ports('media = "37000-37011"', "large")


@pytest.mark.parametrize("turn", ['"1024-1029"', '"3478-3483"', '"65530-65535"'])
def test_large_systems_take_turn_on_six_ports(turn: str) -> None:
    assert f'"{with_ports(f"turn = {turn}", "large").turn}"' == turn


@pytest.mark.parametrize("turn", ['"1023-1028"', '"3478-3482"', '"3478-3484"', "3478", "443", '"65531-65536"'])
def test_large_systems_take_turn_on_nothing_else(turn: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        with_ports(f"turn = {turn}", "large")
    assert caught.value.setting == "ports.turn"


def test_turn_on_one_port_of_a_large_system_needs_multiplexing() -> None:
    assert with_ports("turn = 3478\nturn_multiplexed = true", "large").turn == PortRange(3478, 3478)
    for size, line in (("large", 'turn = "3478-3483"\nturn_multiplexed = true'), ("small", 'turn = "3478-3483"')):
        with pytest.raises(DeploymentError, match="one port"):
            with_ports(line, size)
    with pytest.raises(DeploymentError, match="only a large system"):
        with_ports("turn_multiplexed = true")


@pytest.mark.parametrize(
    ("head", "ports", "services", "refused"),
    [
        ("", "web_admin = 443", "web_proxy = true", True),  # K-01, W-01
        ("", "web_admin = 7443", "web_proxy = true", False),
        ("", "web_admin = 8443", "mra = true", True),  # K-03, W-05
        ("", "web_admin = 8443", "pair = true", False),
        ("", "web_admin = 443", "mra = true", False),
        ('version = "X8.9"', "turn_tcp443 = true", "pair = true", True),  # P-01
        ('version = "X8.10"', "turn_tcp443 = true", "pair = true", False),
        ('version = "X8.10"', "turn_tcp443 = true\nweb_admin = 7443", "web_proxy = true", True),  # K-02, W-06
        ('version = "X8.11"', "turn_tcp443 = true\nweb_admin = 7443", "web_proxy = true", False),  # W-07
        ("", "turn = 443", "ms_gateway = true", True),  # K-08, X-07
        ("", "turn = 3478", "ms_gateway = true", False),
        ('size = "large"', "", "ms_gateway = true", False),
        ("", "turn_tcp443 = true", "turn = true", True),  # web administration on 443 already
        ("", "turn_tcp443 = true\nweb_admin = 7443", "turn = true", False),
    ],
)
def test_services_that_want_one_port(head: str, ports: str, services: str, refused: bool) -> None:
    if not refused:
        assert make(head, f"[ports]\n{ports}", services=services)
        return
    with pytest.raises(DeploymentError) as caught:
        make(head, f"[ports]\n{ports}", services=services)
    assert caught.value.setting.startswith("ports.")


def test_static_nat_on_an_edge_cluster_needs_x12_5_5() -> None:  # W-10
    nodes = TWO_EDGES + 'nic.outer.public = "192.0.2.21"\n'
    assert setting_refused(head='version = "X12.5.4"', nodes=nodes, firewalls=NAT) == "node.2.nic.outer.public"
    assert make('version = "X12.5.5"', nodes=nodes, firewalls=NAT)


@pytest.mark.parametrize("name", NAMES)
def test_static_nat_with_one_nic_warns(name: str) -> None:  # FW-13
    warnings = load_deployment(RECORD / f"{name}.toml").warnings
    assert any("static NAT with one NIC" in each for each in warnings) == (name == "first-call-single-nic")


@pytest.mark.parametrize(
    ("tables", "services", "says"),
    [
        ("[sip]\nedge_udp = true", "pair = true", "sip.edge_udp"),  # S-01
        ("[sip]\nedge_tcp = true", "pair = true", "sip.edge_tcp"),  # S-02
        ('[sip]\nzone_transport = "tcp"', "pair = true", "without TLS"),
        ("", "turn = true", "overlap on TCP"),  # K-09
        ("", "sip_edge = true", "overlap on TCP"),  # TURN rows of another service
        ("", "mra = true\nmra_ice = true", None),  # relays over UDP only
        ('[ports]\nrelay = "20000-24999"', "turn = true", None),
        ("", "pair = true", None),
    ],
)
def test_warnings(tables: str, services: str, says: str | None) -> None:
    warnings = make("", tables, services=services).warnings
    assert (not warnings) if says is None else any(says in each for each in warnings)
