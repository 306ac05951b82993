"""What call control is told: listeners come from rows, secrets become HA1, zones get the deployment's defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.call.config import ControlConfig
from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import resolve
from seaway.identity.digest import ha1
from seaway.runtime.config import ConfigError, parse_node_config
from seaway.runtime.control_config import control_config, web_origins
from tests.runtime.rig import CORE, DEPLOYMENT, EDGE_INNER, EDGE_OUTER

BASE = 'node = "{node}"\ndeployment = "d.toml"\nrun_dir = "run"\n'
ZONE = '[[traversal]]\nname = "pair"\nuser = "core1"\npassword = "p"\n'


def build(node: str, text: str = ZONE, deployment: str = DEPLOYMENT) -> ControlConfig:
    config = parse_node_config(BASE.format(node=node) + text, Path("/x/node.toml"))
    parsed = parse_deployment(deployment)
    return control_config(config, parsed, resolve(parsed), b"s" * 32)


def shown(config: ControlConfig) -> list[tuple[object, ...]]:
    return [(each.row, each.transport, each.address, each.mutual, each.zone) for each in config.listeners]


def test_listeners_of_the_edge_are_its_rows() -> None:
    assert shown(build("edge1")) == [
        ("T11-01", "tls", (EDGE_INNER, 7001), True, "pair"),
        ("T11-05", "udp", (EDGE_OUTER, 5060), False, None),
        ("T11-06", "tcp", (EDGE_OUTER, 5060), False, None),
        ("T11-07", "tls", (EDGE_OUTER, 5061), False, None),
        ("T11-08", "tls", (EDGE_OUTER, 5062), True, None),
    ]


def test_defaults_of_the_guide_leave_plain_sip_off_at_the_edge() -> None:
    plain = DEPLOYMENT.replace("edge_udp = true\nedge_tcp = true\n", "")
    assert [row for row, *_ in shown(build("edge1", deployment=plain))] == ["T11-01", "T11-07", "T11-08"]


def test_browsers_are_let_in_by_a_switch_of_each_node() -> None:
    for node, row, address in (("edge1", "Y11-01", EDGE_OUTER), ("core1", "Y11-02", CORE)):
        role = node[:-1]
        on = DEPLOYMENT.replace("[sip]\n", f"[sip]\n{role}_wss = true\n") + "[ports]\nsip_wss = 8089\n"
        assert (row, "wss", (address, 8089), False, None) in shown(build(node, deployment=on))
        assert row not in [found for found, *_ in shown(build(node))]


def test_origins_are_those_of_the_node_unless_others_are_named() -> None:
    def origins(text: str) -> tuple[str, ...]:
        config = parse_node_config(BASE.format(node="edge1") + text, Path("/x/node.toml"))
        return web_origins(config, parse_deployment(DEPLOYMENT))

    assert origins("") == ("https://edge1.example.test", "https://example.test")
    assert origins('[sip]\ndomains = ["A.test"]\n') == ("https://edge1.example.test", "https://a.test")
    assert origins('[sip]\nwebsocket_origins = ["http://app.test:8000"]\n') == ("http://app.test:8000",)


def test_the_core_listens_to_the_inside_only() -> None:
    assert shown(build("core1")) == [
        ("Y01-01", "udp", (CORE, 5060), False, None),
        ("Y01-02", "tcp", (CORE, 5060), False, None),
        ("Y01-03", "tls", (CORE, 5061), False, None),
    ]


def test_a_traversal_port_is_opened_only_for_a_zone() -> None:
    assert "T11-01" not in [row for row, *_ in shown(build("edge1", ""))]
    two = DEPLOYMENT.replace("[sip]", "[sip]\nzones = 3")
    second = ZONE.replace('"pair"', '"second"') + "zone = 2\n"
    listeners = shown(build("edge1", ZONE + second, two))
    assert [(address[1], zone) for _, _, address, _, zone in listeners if zone] == [(7001, "pair"), (7002, "second")]


def test_static_nat_is_what_others_see() -> None:
    nat = DEPLOYMENT.replace(
        f'nic.outer.address = "{EDGE_OUTER}/24"',
        f'nic.outer = {{ address = "{EDGE_OUTER}/24", public = "203.0.113.20" }}',
    )
    nat = nat.replace('name = "outer"', 'name = "outer"\nnat = true')
    for each in build("edge1", deployment=nat).listeners:
        outside = each.nic == "outer"
        assert each.advertised[0] == ("203.0.113.20" if outside else EDGE_INNER), each


def test_a_zone_takes_peer_and_place_from_the_deployment() -> None:
    (client,) = build("core1").traversal
    assert (client.role, client.host, client.port, client.verify_name) == (
        "client",
        EDGE_INNER,
        7001,
        "edge1.example.test",
    )
    (server,) = build("edge1").traversal
    assert (server.role, server.host, server.verify_name) == ("server", "", "core1.example.test")


@pytest.mark.parametrize(
    ("node", "extra", "message"),
    [
        ("core1", "zone = 2", "the deployment has 1 zones; raise sip.zones"),
        ("edge1", 'host = "10.0.0.1"', "the edge never dials; remove it"),
    ],
)
def test_zones_that_cannot_be(node: str, extra: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(node, ZONE + extra + "\n")


def test_passwords_become_ha1() -> None:
    config = build("edge1", '[sip]\nrealm = "realm.test"\n[[user]]\nname = "alice"\npassword = "secret"\n')
    assert config.realm == "realm.test" and config.domains == ("example.test",)
    expected = {each: ha1(each, "alice", "realm.test", "secret") for each in ("SHA-256", "MD5")}
    assert config.users[0].ha1 == expected and "secret" not in repr(config.users)


SIX = {f"{CORE}/24": "fd00:1::10/64", f"{EDGE_INNER}/24": "fd00:2::20/64", f"{EDGE_OUTER}/24": "2001:db8:3::20/64"}


def with_ipv6(*, only: bool) -> str:
    text = DEPLOYMENT
    for four, six in SIX.items():
        text = text.replace(f'"{four}"', f'"{six}"' if only else f'"{four}"\nnic.{{}}.address6 = "{six}"', 1)
        text = text.replace("{}", "outer" if four.startswith(EDGE_OUTER) else "inner")
    return text


def test_listeners_of_a_node_with_both_families() -> None:
    """Each row once for each address."""
    found = [(row, address) for row, _, address, _, _ in shown(build("edge1", deployment=with_ipv6(only=False)))]
    four = [(row, address) for row, _, address, _, _ in shown(build("edge1"))]
    hosts = {EDGE_INNER: "fd00:2::20", EDGE_OUTER: "2001:db8:3::20"}
    assert sorted(found) == sorted([*four, *((row, (hosts[host], port)) for row, (host, port) in four)])


def test_the_core_dials_ipv4_where_both_ends_have_it() -> None:
    assert build("core1", deployment=with_ipv6(only=False)).traversal[0].host == EDGE_INNER
    assert build("core1", deployment=with_ipv6(only=True)).traversal[0].host == "fd00:2::20"
    named = build("core1", ZONE + 'host = "fd00:2::20"\n', with_ipv6(only=False))
    assert named.traversal[0].host == "fd00:2::20"


def test_an_address_that_no_row_leads_to_is_no_host_of_a_zone() -> None:
    wanted = rf'host = "{EDGE_OUTER}": row T11-01 leads to {EDGE_INNER} alone; give one of them, or leave it out'
    with pytest.raises(ConfigError, match=wanted):
        build("core1", ZONE + f'host = "{EDGE_OUTER}"\n')
    assert build("core1", ZONE + f'host = "{EDGE_INNER}"\n').traversal[0].host == EDGE_INNER


def test_an_ipv6_only_pair_listens_there_only() -> None:
    for node in ("core1", "edge1"):
        assert all(":" in address[0] for _, _, address, _, _ in shown(build(node, deployment=with_ipv6(only=True))))


def test_a_neighbour_is_known_by_its_ipv6_address_in_any_spelling() -> None:
    text = ZONE + '[[neighbour]]\nname = "cm"\naddresses = ["FD00:1:0::0030"]\n'
    assert build("core1", text).neighbours[0].addresses == ("fd00:1::30",)
