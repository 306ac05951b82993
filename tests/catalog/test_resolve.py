"""From rows to connections: expansion, merging, what is refused."""

from __future__ import annotations

import pytest
from deployments import HOSTS, NAMES, NODES, RECORD, make
from small_catalog import SMALL

from seaway.catalog.deployment import load_deployment
from seaway.catalog.entities import ENTITIES
from seaway.catalog.features import FEATURES
from seaway.catalog.problems import DeploymentError
from seaway.catalog.resolve import Connection, Resolution, resolve

SECOND_CORE = """
[[node]]
name = "core2"
role = "core"
fqdn = "core2.example.test"
nic.inner.address = "10.0.1.11/24"
"""


def small(head: str = "", tables: str = "", services: str = "sip_calls = true", **more: str) -> Resolution:
    return resolve(make(head, tables, services=services, **more), SMALL)


def ends(connection: Connection) -> tuple[str, str, str, str]:
    source, destination = connection.source, connection.destination
    return ",".join(source.networks), str(source.ports), ",".join(destination.networks), str(destination.ports)


def test_the_traversal_link_of_the_first_call() -> None:
    (link,) = small().of_row("T11-01")
    assert ends(link) == ("10.0.1.10/32", "25000-29999", "10.0.2.20/32", "7001")
    assert (link.source.hosts, link.destination.hosts) == (("core1",), ("edge1",))
    assert (link.source.zone, link.destination.zone) == ("internal", "dmz")
    assert (link.carrier.transport, link.carrier.security) == ("tcp", "tls")
    assert link.key == "T11-01/tcp core1>edge1"


def test_a_row_becomes_one_connection_per_node_carrier_and_direction() -> None:
    found = small(services="turn = true", nodes=NODES + SECOND_CORE)
    assert [each.key for each in found.of_row("T11-01")] == ["T11-01/tcp core1>edge1", "T11-01/tcp core2>edge1"]
    relay = {(str(each.carrier.transport), each.source.nic, each.destination.zone) for each in found.of_row("T11-16")}
    assert relay == {
        (t, nic, zone) for t in ("udp", "tcp") for nic, zone in (("inner", "internal"), ("outer", "internet"))
    }


def test_further_zones_widen_the_listener() -> None:
    (link,) = small(tables="[sip]\nzones = 3").of_row("T11-01")
    assert str(link.destination.ports) == "7001-7003"


def test_the_same_connection_of_two_rows_is_one() -> None:
    found = small(services="sip_calls = true\nsip_edge = true")
    (link,) = found.of_row("T25-01")
    assert (link.row.id, link.also) == ("T11-01", ("T25-01",))
    assert found.of_row("T11-01") == (link,)
    (alone,) = small(services="sip_edge = true").of_row("T25-01")
    assert (alone.row.id, alone.also) == ("T25-01", ())


def test_a_missing_inside_host_is_named_with_its_row() -> None:
    with pytest.raises(DeploymentError) as caught:
        small(hosts=HOSTS.replace("admin_pc", "#"))
    assert caught.value.setting == "hosts.admin_pc"
    assert "T6-01" in caught.value.reason and "services.pair" in caught.value.remedy
    assert small(tables='[rows]\noff = ["T6-01"]', hosts=HOSTS.replace("admin_pc", "#"))


def test_hosts_of_services_that_are_off_are_not_needed() -> None:
    assert small(services="pair = true")
    with pytest.raises(DeploymentError, match=r"hosts\.snmp_manager"):
        small(services="snmp = true")


def test_address_families_are_not_mixed() -> None:
    hosts = HOSTS.replace('"10.0.1.53"', '"10.0.1.53", "fd00:1::53"')
    assert {ends(each)[2] for each in small(hosts=hosts).of_row("T5-04")} == {"10.0.1.53/32"}
    six = NODES.replace("10.0.1.10/24", "fd00:1::10/64").replace("10.0.2.20/24", "fd00:2::20/64")
    six = six.replace("203.0.113.20/28", "2001:db8::20/64")
    found = small(hosts=hosts.replace('"10.0.1.5"', '"fd00:1::5"').replace("10.0.1.0/24", "fd00:1::/64"), nodes=six)
    assert {ends(each)[2] for each in found.of_row("T5-04")} == {"fd00:1::53/128"}
    assert {ends(each)[2] for each in found.of_row("T11-04")} == {"::/0"}


def test_bare_ip_protocols_have_no_ports() -> None:
    found = small('version = "X8.7"', services="cluster_pre_x8_8 = true", nodes=NODES + SECOND_CORE)
    assert {each.key for each in found.connections} == {"T8-01/ip core1>core2", "T8-01/ip core2>core1"}
    assert all(not each.source.ports.ranges and each.carrier.protocol == 51 for each in found.connections)


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_record_resolve_with_the_catalog(name: str) -> None:
    found = resolve(load_deployment(RECORD / f"{name}.toml"))
    rows = {row.id for row in found.rows}
    assert {"T5-04", "T6-04", "T11-01", "T11-04", "T11-07", "T11-09", "T11-10", "T11-11", "T11-12", "T11-13"} <= rows
    assert {"T11-14", "T11-15", "T11-16", "T11-17"} <= rows
    assert not {"T11-05", "T11-06", "P-01", "T5-02"} & rows


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("size", ["small", "large"])
def test_every_service_resolves(feature: str, size: str) -> None:
    inside = [token for token, entity in ENTITIES.items() if not entity.node and entity.zones == ("internal",)]
    hosts = "[hosts]\n" + "".join(f'"{token}" = ["10.0.1.{100 + i}"]\n' for i, token in enumerate(inside))
    gateway = SECOND_CORE.replace("core2", "gw1").replace('"core"', '"gateway"').replace(".11/", ".12/")
    tables = "[ports]\nweb_admin = 7443\nlicence_proxy = 3128"
    deployment = make(
        f'size = "{size}"', tables, services=f"{feature} = true",
        nodes=NODES + SECOND_CORE + gateway, hosts=hosts + 'ms_edge = ["10.0.2.99"]\n',
    )  # fmt: skip
    found = resolve(deployment)
    for connection in found.connections:
        assert connection.source.networks and connection.destination.networks
        families = {":" in each for each in (*connection.source.networks, *connection.destination.networks)}
        assert len(families) == 1, connection.key
        found.path(connection)
