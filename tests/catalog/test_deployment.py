"""Loading a deployment: what it holds, and that each mistake is one line with setting, value, reason and remedy."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from deployments import HOSTS, NAMES, NODES, RECORD, ROOT, make, record, text

from seaway.catalog.deployment import load_deployment, parse_deployment
from seaway.catalog.ports import PortRange
from seaway.catalog.problems import DeploymentError


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_the_files_of_record(name: str) -> None:
    assert (ROOT / "examples" / f"{name}.toml").read_text("utf-8") == record(name)
    assert load_deployment(RECORD / f"{name}.toml").name == name


def test_no_file_of_record_lacks_its_example() -> None:
    assert {path.name for path in RECORD.glob("*.toml")} == {f"{name}.toml" for name in NAMES}


def test_first_call_nodes_and_addresses() -> None:
    deployment = load_deployment(RECORD / "first-call.toml")
    assert [(node.name, node.role, node.fqdn) for node in deployment.nodes] == [
        ("core1", "core", "core1.example.test"),
        ("edge1", "edge", "edge1.example.test"),
    ]
    edge = deployment.node("edge1")
    assert not edge.single_nic
    assert edge.nic.inner.address == ip_interface("10.0.2.20/24")
    assert edge.nic.outer is not None and edge.nic.outer.address.ip == ip_address("203.0.113.20")
    assert deployment.hosts["internal_dns"] == (ip_network("10.0.1.53"),)
    assert [firewall.name for firewall in deployment.firewalls] == ["inner", "outer"]


def test_single_nic_carries_both_roles() -> None:
    edge = load_deployment(RECORD / "first-call-single-nic.toml").node("edge1")
    assert edge.single_nic
    assert edge.facing("outer") == edge.facing("inner") == ("inner", edge.nic.inner)
    assert edge.nic.inner.public == ip_address("203.0.113.20")


def test_ipv6_addresses_are_accepted() -> None:
    nodes = NODES.replace("10.0.1.10/24", "fd00:1::10/64").replace("10.0.2.20/24", "fd00:2::20/64")
    deployment = make(nodes=nodes.replace("203.0.113.20/28", "2001:db8::20/64"))
    assert deployment.node("core1").nic.inner.address.version == 6


@pytest.mark.parametrize(
    "form", ['"sip_endpoint.remote" = ["198.51.100.0/24"]', 'sip_endpoint.remote = ["198.51.100.0/24"]']
)
def test_dotted_host_names_need_no_quotes(form: str) -> None:
    hosts = HOSTS.replace("sip_endpoint =", "#") + form
    assert make(hosts=hosts).hosts["sip_endpoint.remote"] == (ip_network("198.51.100.0/24"),)


def test_turn_and_demux_defaults_follow_the_size() -> None:
    assert make().turn == PortRange(3478, 3478)
    assert make().demux == PortRange(2776, 2777)
    large = make('size = "large"')
    assert large.turn == PortRange(3478, 3483)
    assert large.demux == PortRange(36000, 36011)
    assert make('size = "large"', "[ports]\nturn_multiplexed = true").turn == PortRange(3478, 3478)
    assert make('size = "large"', '[ports]\nmedia = "37000-38200"').demux == PortRange(37000, 37011)


MISTAKES = [
    # (changed text, setting, part of the reason or remedy)
    (text("sise = 3"), "sise", "did you mean 'size'"),
    (text(tables="[ports]\nmedai = 1"), "ports.medai", "did you mean 'media'"),
    (text(nodes=NODES.replace("nic.inner.address", "nic.iner.address")), "node.0.nic.inner", "missing"),
    (text(nodes=NODES.replace("fqdn", "fqnd")), "node.0.fqdn", "missing"),
    (text(nodes=NODES + "nics = 1\n"), "node.1.nics", "did you mean 'nic'"),
    (text(nodes=NODES + "nic.outer.pubic = 1\n"), "node.1.nic.outer.pubic", "did you mean 'public'"),
    (text('size = "tiny"'), "size", "'small', 'medium' or 'large'"),
    (text('version = "15.0"'), "version", "X15.0"),
    (text(services="pare = true"), "services.pare", "did you mean 'pair'"),
    (text(services="pair = 1"), "services.pair", "boolean"),
    (text(nodes=NODES.replace("10.0.1.10/24", "10.0.1.10")), "node.0.nic.inner.address", "prefix length"),
    (text(nodes=NODES.replace("10.0.1.10/24", "10.0.1.300/24")), "node.0.nic.inner.address", "10.0.2.20/24"),
    (text(nodes=NODES.replace('"core"', '"kore"')), "node.0.role", "'core'"),
    (text(nodes=NODES.replace('"core1"', '"Core 1"')), "node.0.name", "lower-case"),
    (text(nodes=NODES.replace("edge1.example.test", "edge_1")), "node.1.fqdn", "DNS name"),
    (text(hosts="[hosts]\nadmin_pc = ['10.0.1.5/24']"), "hosts.admin_pc.0", "host bits"),
    (text(hosts="[hosts]\nadmin_pc = []"), "hosts.admin_pc", "no address"),
    (text(hosts="[hosts]\nadmin_cp = ['10.0.1.5']"), "hosts.admin_cp", "did you mean 'admin_pc'"),
    (text(hosts="[hosts]\nedge = ['10.0.1.5']"), "hosts.edge", "node of this deployment"),
    (text(tables='[choices]\nedge_dns = "both"'), "choices.edge_dns", "'internal' or 'external'"),
    (
        text(tables="[[firewall]]\nname = 'x'\nbetween = ['internal']\n", firewalls=""),
        "firewall.0.between.1",
        "missing",
    ),
]


@pytest.mark.parametrize(("toml", "setting", "says"), MISTAKES, ids=[each[1] + "-" + each[2][:12] for each in MISTAKES])
def test_each_mistake_names_its_setting_and_a_remedy(toml: str, setting: str, says: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        parse_deployment(toml, "site.toml")
    error = caught.value
    assert error.setting == setting
    assert says in f"{error.reason}; {error.remedy}"
    line = str(error)
    assert line.startswith(f"site.toml: {setting}")
    assert "\n" not in line and error.remedy in line


def test_broken_toml_and_unreadable_files_are_deployment_errors(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="not valid TOML"):
        parse_deployment("name = ")
    with pytest.raises(DeploymentError, match="cannot be read"):
        load_deployment(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(DeploymentError, match="cannot be read"):
        load_deployment(tmp_path / "latin.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(DeploymentError, match="missing"):
        load_deployment(tmp_path / "empty.toml")


def test_unknown_names_are_key_errors() -> None:
    with pytest.raises(KeyError):
        make().node("nobody")
    with pytest.raises(KeyError):
        make().firewall("nowhere")
