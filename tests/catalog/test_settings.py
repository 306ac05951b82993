"""Port settings against the guide's limits, each with the nearest valid and invalid neighbours."""

from __future__ import annotations

import pytest
from deployments import make

from seaway.catalog.ports import PortRange
from seaway.catalog.problems import DeploymentError, Refused
from seaway.catalog.settings import Ports, parse_range


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(3478, 3478, 3478), ("3478", 3478, 3478), ("36000-59999", 36000, 59999), ("1-65535", 1, 65535)],
)
def test_a_range_is_a_port_or_two(value: object, low: int, high: int) -> None:
    assert parse_range(value) == PortRange(low, high)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "1-",
        "-1",
        "1-2-3",
        " 1",
        "1 ",
        "+1",
        "1_0",
        "٣",
        "0",
        "0-5",
        "65536",
        "5-65536",
        "9-8",
        True,
        None,
        1.5,
        -1,
    ],
)
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(Refused):
        parse_range(value)


def ports(line: str, head: str = "") -> Ports:
    return make(head, f"[ports]\n{line}").ports


@pytest.mark.parametrize("value", ["36000-59999", "37000-38200", "36000-36001", "59998-59999"])
def test_media_range_inside_the_default_is_accepted(value: str) -> None:
    assert str(ports(f'media = "{value}"').media) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("35000-36200", "inside"),
        ("59000-60000", "inside"),
        ("35999-36200", "inside"),
        ("35998-36200", "inside"),
        ("37001-38200", "even"),
        ("36000", "pair"),
    ],
)
def test_media_range_outside_or_odd_is_refused(value: str, reason: str) -> None:
    with pytest.raises(DeploymentError, match=reason) as caught:
        ports(f'media = "{value}"')
    assert caught.value.setting == "ports.media"
    assert caught.value.value == value


@pytest.mark.parametrize("value", ["3478", "443", "1024", "23999", "65535"])
def test_turn_port_443_or_from_1024(value: str) -> None:
    assert str(ports(f"turn = {value}").turn) == value


@pytest.mark.parametrize("value", ["80", "1023", "442", "444", "0", "65536"])
def test_turn_port_below_1024_is_refused(value: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        ports(f"turn = {value}")
    assert caught.value.setting == "ports.turn"


@pytest.mark.parametrize("value", [22, 5022])
def test_ssh_on_22_or_5022(value: int) -> None:  # N-03
    assert ports(f"ssh_admin = {value}").ssh_admin == value


@pytest.mark.parametrize("value", ["21", "23", "5021", "true", '"22"'])
def test_ssh_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(DeploymentError, match="22 or 5022"):
        ports(f"ssh_admin = {value}")


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ('sip_source = "1023-2000"', "ports.sip_source"),
        ("traversal_sip = 1023", "ports.traversal_sip"),
        ('traversal_sip = "7001-7002"', "ports.traversal_sip"),
        ("traversal_h323 = 80", "ports.traversal_h323"),
        ("web_admin = 0", "ports.web_admin"),
        ("web_admin = 65536", "ports.web_admin"),
        ('turn_tcp443 = "yes"', "ports.turn_tcp443"),
        ("turn_tcp443 = 1", "ports.turn_tcp443"),
    ],
)
def test_other_ports_out_of_bounds_name_their_setting(line: str, setting: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        ports(line)
    assert caught.value.setting == setting


def test_listeners_have_the_defaults_of_the_guide() -> None:  # S-01, S-02, S-03
    sip = make().sip
    assert (sip.edge_udp, sip.edge_tcp, sip.edge_tls, sip.edge_mtls) == (False, False, True, True)
    assert (sip.edge_wss, sip.core_wss) == (False, False)
    assert (sip.core_udp, sip.core_tcp, sip.core_tls) == (True, True, True)


@pytest.mark.parametrize("zones", [0, -1, 1001])
def test_number_of_zones_is_bounded(zones: int) -> None:
    with pytest.raises(DeploymentError) as caught:
        make("", f"[sip]\nzones = {zones}")
    assert caught.value.setting == "sip.zones"
