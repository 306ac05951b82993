"""Listeners and pools of one node must not overlap on a transport."""

from __future__ import annotations

import pytest
from deployments import make

from seaway.catalog.claims import claims
from seaway.catalog.problems import DeploymentError
from seaway.catalog.turn_rows import turn_transports


@pytest.mark.parametrize(
    ("ports", "setting", "other"),
    [
        ("traversal_sip = 5061", "ports.traversal_sip", "sip.edge_tls"),
        ("traversal_sip = 5062", "ports.traversal_sip", "sip.edge_mtls"),
        ("sip_wss = 7001\n[sip]\nedge_wss = true", "ports.traversal_sip", "ports.sip_wss"),
        ("web_admin = 22", "ports.web_admin", "ports.ssh_admin"),
        ("web_admin = 7001", "ports.traversal_sip", "ports.web_admin"),
        ("traversal_h323 = 2777", "ports.traversal_h323", "ports.demux"),
        ("traversal_h323 = 36000", "ports.traversal_h323", "ports.media"),
        ('sip_source = "30000-31000"', "ports.sip_source", "ports.client_source"),
        ('client_source = "35000-36000"', "ports.media", "ports.client_source"),
        ('h323_source = "29999-30001"', "ports.h323_source", "ports.client_source"),
        ('client_source = "5000-7000"', "ports.client_source", "sip.edge_tls"),
    ],
)
def test_two_claims_on_one_port_are_refused(ports: str, setting: str, other: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        make("", f"[ports]\n{ports}")
    assert caught.value.setting == setting
    assert other in caught.value.reason


@pytest.mark.parametrize(
    "ports",
    [
        "traversal_sip = 5060",  # TCP 5060 is off on the edge
        "traversal_sip = 5063",
        "traversal_h323 = 7001",  # the other transport
        "traversal_h323 = 2778",
        'client_source = "35000-35999"',
        'sip_source = "25000-29999"',
        'demux = "36000-36001"',  # inside the media range, which then starts behind it
    ],
)
def test_neighbours_and_other_transports_are_accepted(ports: str) -> None:
    assert make("", f"[ports]\n{ports}")


def test_switching_a_listener_on_takes_its_port() -> None:
    with pytest.raises(DeploymentError, match=r"sip\.edge_tcp"):
        make("", "[ports]\ntraversal_sip = 5060\n[sip]\nedge_tcp = true")


def test_further_zones_take_further_ports() -> None:
    found = {each.setting: str(each.ports) for each in claims(make("", "[sip]\nzones = 3"), "edge")}
    assert found["ports.traversal_sip"] == "7001-7003"
    assert found["ports.traversal_h323"] == "6001-6003"
    with pytest.raises(DeploymentError, match="uses tcp 7443"):
        make("", "[ports]\nweb_admin = 7443\n[sip]\nzones = 443")
    assert make("", "[ports]\nweb_admin = 7443\n[sip]\nzones = 442")
    with pytest.raises(DeploymentError, match="ports up to 65536"):
        make("", "[ports]\ntraversal_sip = 65535\n[sip]\nzones = 2")


@pytest.mark.parametrize(
    ("ports", "refused"),
    [
        ('relay = "24000-36000"', "ports.relay"),  # media, UDP
        ("turn = 24000", "ports.relay"),
        ("turn = 40000", "ports.turn"),
        ("turn = 5061", "ports.turn"),
        ("turn = 6001", "ports.traversal_h323"),
        ("turn = 2776", "ports.turn"),
    ],
)
def test_turn_and_relay_clash_only_when_turn_is_on(ports: str, refused: str) -> None:
    assert make("", f"[ports]\n{ports}")
    with pytest.raises(DeploymentError) as caught:
        make("", f"[ports]\n{ports}", services="turn = true")
    assert caught.value.setting in (refused, "ports.client_source")


@pytest.mark.parametrize("services", ["mra = true\nmra_ice = true", "sip_edge = true", "guest_single_nic = true"])
def test_turn_clashes_with_whichever_service_brings_it(services: str) -> None:
    """Several services have rows of TURN; not only the one of that name."""
    with pytest.raises(DeploymentError) as caught:
        make("", '[ports]\nrelay = "24000-36000"', services=services)  # media, UDP
    assert caught.value.setting in ("ports.relay", "ports.client_source")
    with pytest.raises(DeploymentError):
        make("", "[ports]\nturn = 40000", services=services)
    assert make(services=services)


def test_transports_of_turn_are_those_of_the_rows() -> None:
    both, udp = frozenset({"tcp", "udp"}), frozenset({"udp"})
    assert turn_transports(make()) == (frozenset(), frozenset())
    assert turn_transports(make(services="turn = true")) == (both, both)
    assert turn_transports(make(services="mra = true\nmra_ice = true")) == (both, udp)
    assert turn_transports(make(services="guest_single_nic = true")) == (udp, udp)


def test_relay_and_outgoing_sip_overlap_by_default() -> None:  # K-09: a warning, see test_checks.py
    assert make(services="turn = true")


def test_media_of_the_edge_starts_behind_the_multiplexed_ports() -> None:
    found = {each.setting: str(each.ports) for each in claims(make('size = "large"'), "edge")}
    assert found["ports.media"] == "36012-59999"
    assert {each.setting: str(each.ports) for each in claims(make('size = "large"'), "core")}[
        "ports.media"
    ] == "36000-59999"
