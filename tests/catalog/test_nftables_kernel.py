"""The rendered rules in a real kernel: what they let pass, what they refuse, and under which row they count it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator

import pytest
from deployments import HOSTS, NAMES, NODES, RECORD, make
from kernel_net import Net
from small_catalog import SMALL

from seaway.catalog.deployment import load_deployment
from seaway.catalog.entities import ENTITIES
from seaway.catalog.features import FEATURES
from seaway.catalog.resolve import Resolution, resolve
from seaway.catalog.views.nftables import render

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft: rules are loaded into the kernel"
)

CORE, ADMIN, DNS = ("in", "10.0.1.10"), ("in", "10.0.1.5"), ("in", "10.0.1.53")
EDGE_IN, OTHER_IN = ("dmz", "10.0.2.20"), ("dmz", "10.0.2.21")
EDGE_OUT, OTHER_OUT, EDGE_NAT = ("dmz", "203.0.113.20"), ("dmz", "203.0.113.21"), ("dmz", "10.0.3.20")
PHONE = ("net", "198.51.100.5")

INNER = {"internal": "internal", "dmz": "dmz"}
OUTER = {"dmz": "dmz", "internet": "internet"}
ANYWHERE = {"internal": "a", "dmz": "b", "internet": "c", "inner": "a", "outer": "b"}


def resolution(name: str) -> Resolution:
    return resolve(load_deployment(RECORD / f"{name}.toml"))


@pytest.fixture(scope="module")
def inner() -> Iterator[Net]:
    with Net() as net:
        for host, forwards in (("in", False), ("fw", True), ("dmz", False)):
            net.host(host, forwards=forwards)
        net.link(("in", "eth0", [f"{a}/24" for _, a in (CORE, ADMIN, DNS)]), ("fw", "internal", ["10.0.1.1/24"]))
        net.link(("dmz", "eth0", [f"{a}/24" for _, a in (EDGE_IN, OTHER_IN)]), ("fw", "dmz", ["10.0.2.1/24"]))
        net.route("in", "default", "10.0.1.1")
        net.route("dmz", "default", "10.0.2.1")
        yield net


@pytest.fixture(scope="module")
def outer() -> Iterator[Net]:
    with Net() as net:
        for host, forwards in (("dmz", False), ("fw", True), ("net", False)):
            net.host(host, forwards=forwards)
        inside = [f"{EDGE_OUT[1]}/28", f"{OTHER_OUT[1]}/28", f"{EDGE_NAT[1]}/24", "10.0.1.77/32"]
        net.link(("dmz", "eth0", inside), ("fw", "dmz", ["203.0.113.17/28", "10.0.3.1/24"]))
        net.link(("net", "eth0", [f"{PHONE[1]}/24", "10.0.1.10/32"]), ("fw", "internet", ["198.51.100.1/24"]))
        net.route("dmz", "default", "203.0.113.17")
        net.route("net", "default", "198.51.100.1")
        yield net


@pytest.fixture(scope="module")
def empty() -> Iterator[Net]:
    """One host without a link: no packet moves a counter."""
    with Net() as net:
        net.host("fw")
        yield net


def load(
    net: Net, found: Resolution, at: str, interfaces: dict[str, str], without: frozenset[str] = frozenset()
) -> None:
    net.nft("fw", render(found, at, interfaces=interfaces, without_rows=without))


def counted(net: Net, at: str) -> dict[str, int]:
    """Counters above zero, those of drops and of ICMP left out."""
    found = net.counters("fw", f"seaway_{at}")
    return {name: packets for name, packets in found.items() if packets and not name.startswith(("dropped", "icmp"))}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", ["inner", "outer", "core1", "edge1"])
def test_every_ruleset_loads_and_loads_again(empty: Net, name: str, at: str) -> None:
    rules = render(resolution(name), at, interfaces=ANYWHERE, log=True)
    empty.nft("fw", rules)
    once = empty.exec("fw", "nft", "list", "table", "inet", f"seaway_{at}")
    empty.nft("fw", rules)
    assert empty.exec("fw", "nft", "list", "table", "inet", f"seaway_{at}") == once


def test_rules_for_ipv6_load(empty: Net) -> None:
    nodes = NODES.replace("10.0.1.10/24", "fd00:1::10/64").replace("10.0.2.20/24", "fd00:2::20/64")
    nodes = nodes.replace("203.0.113.20/28", "2001:db8::20/64")
    hosts = (
        HOSTS.replace("10.0.1.53", "fd00:1::53").replace("10.0.1.5", "fd00:1::5").replace("10.0.1.0/24", "fd00:1::/64")
    )
    found = resolve(make(services="turn = true", nodes=nodes, hosts=hosts))
    for at in ("inner", "outer", "core1", "edge1"):
        empty.nft("fw", render(found, at, interfaces=ANYWHERE))
        assert "ip6 saddr" in empty.exec("fw", "nft", "list", "table", "inet", f"seaway_{at}")


def test_rules_of_every_service_load(empty: Net) -> None:
    inside = [token for token, entity in ENTITIES.items() if not entity.node and entity.zones == ("internal",)]
    hosts = "[hosts]\n" + "".join(f'"{token}" = ["10.0.1.{100 + i}"]\n' for i, token in enumerate(inside))
    on = "".join(f"{name} = true\n" for name in FEATURES if name not in ("cluster_pre_x8_8",))
    deployment = make(
        'size = "large"', "[ports]\nweb_admin = 7443\nlicence_proxy = 3128", services=on,
        nodes=NODES, hosts=hosts + 'ms_edge = ["10.0.2.99"]\n',
    )  # fmt: skip
    found = resolve(deployment)
    assert len(found.rows) > 100
    for at in ("inner", "outer", "core1", "edge1"):
        empty.nft("fw", render(found, at, interfaces=ANYWHERE))


def test_the_traversal_link_passes_from_inside_only(inner: Net) -> None:
    load(inner, resolution("first-call"), "inner", INNER)
    assert inner.tcp((*CORE, 25000), (*EDGE_IN, 7001)) == ("10.0.1.10", 25000)
    found = counted(inner, "inner")
    assert set(found) == {"T11_01", "T11_01_reply"}
    for source, destination in [
        ((*CORE, 25001), (*EDGE_IN, 7002)),  # port + 1
        ((*CORE, 25001), (*EDGE_IN, 7000)),
        ((*CORE, 24999), (*EDGE_IN, 7001)),  # source port - 1
        ((*CORE, 30000), (*EDGE_IN, 7001)),
        ((*ADMIN, 25001), (*EDGE_IN, 7001)),  # another host inside
        ((*CORE, 25001), (*OTHER_IN, 7001)),  # another host in the DMZ
        ((*EDGE_IN, 7001), (*CORE, 25001)),  # the other way round
        ((*EDGE_IN, 25001), (*CORE, 7001)),
    ]:
        assert inner.tcp(source, destination) is None, (source, destination)
    assert inner.udp((*CORE, 25001), (*EDGE_IN, 7001)) is None  # another transport
    assert counted(inner, "inner") == found
    drops = inner.counters("fw", "seaway_inner")
    assert drops["dropped_internal_to_dmz"] >= 7
    assert drops["dropped_dmz_to_internal"] >= 2


def test_media_replies_belong_to_the_row_that_opened(inner: Net) -> None:
    load(inner, resolution("first-call"), "inner", INNER)
    assert inner.udp((*EDGE_IN, 2776), (*CORE, 36000)) is None  # the edge sends nothing first
    assert inner.udp((*CORE, 36000), (*EDGE_IN, 2776), reply=True)
    assert inner.udp((*CORE, 36001), (*EDGE_IN, 2777), reply=True)
    assert counted(inner, "inner") == {"T11_09": 1, "T11_09_reply": 1, "T11_10": 1, "T11_10_reply": 1}
    for source, destination in [
        ((*CORE, 36002), (*EDGE_IN, 2775)),
        ((*CORE, 36002), (*EDGE_IN, 2778)),
        ((*CORE, 36002), (*EDGE_IN, 36000)),
        ((*CORE, 35999), (*EDGE_IN, 2776)),
        ((*CORE, 60000), (*EDGE_IN, 2776)),
        ((*EDGE_IN, 2776), (*CORE, 36002)),  # a flow that the core did not open
    ]:
        assert inner.udp(source, destination) is None, (source, destination)
    assert inner.udp((*EDGE_IN, 2776), (*CORE, 36000))  # still the opened flow
    assert counted(inner, "inner")["T11_09_reply"] == 2


def test_name_resolution_over_both_transports_is_one_row(inner: Net) -> None:
    load(inner, resolution("first-call"), "inner", INNER)
    assert inner.udp((*EDGE_IN, 30000), (*DNS, 53), reply=True)
    assert inner.tcp((*EDGE_IN, 35999), (*DNS, 53))
    assert inner.udp((*EDGE_IN, 36000), (*DNS, 53)) is None
    assert inner.udp((*EDGE_IN, 30000), (*CORE, 53)) is None
    assert set(counted(inner, "inner")) == {"T6_04", "T6_04_reply"}


def test_parity_of_ports_both_ways(outer: Net) -> None:
    load(outer, resolve(load_deployment(RECORD / "first-call.toml"), SMALL), "outer", OUTER)
    assert outer.udp((*PHONE, 5000), (*EDGE_OUT, 36002))
    assert outer.udp((*EDGE_OUT, 59998), (*PHONE, 5000))
    assert counted(outer, "outer") == {"T11_11": 1, "T11_13": 1}
    for source, destination in [
        ((*PHONE, 5000), (*EDGE_OUT, 36003)),
        ((*PHONE, 5000), (*EDGE_OUT, 59999)),
        ((*EDGE_OUT, 36001), (*PHONE, 5000)),
        ((*EDGE_OUT, 59999), (*PHONE, 5000)),
    ]:
        assert outer.udp(source, destination) is None, (source, destination)


def test_media_outside_is_counted_per_direction(outer: Net) -> None:
    load(outer, resolution("first-call"), "outer", OUTER)
    assert outer.udp((*PHONE, 5000), (*EDGE_OUT, 36002), reply=True)  # the answer is a row of its own
    assert outer.udp((*PHONE, 5001), (*EDGE_OUT, 36003))
    assert counted(outer, "outer") == {"T11_11": 1, "T11_12": 1, "T11_13": 1}
    for source, destination in [
        ((*PHONE, 5000), (*EDGE_OUT, 35999)),
        ((*PHONE, 5000), (*EDGE_OUT, 60000)),
        ((*PHONE, 1023), (*EDGE_OUT, 36002)),
        ((*PHONE, 5000), (*OTHER_OUT, 36002)),
        ((*OTHER_OUT, 36002), (*PHONE, 5000)),
        ((*EDGE_OUT, 35998), (*PHONE, 5000)),
        ((*EDGE_OUT, 36002), (*PHONE, 1023)),
        (("net", "10.0.1.10", 5000), (*EDGE_OUT, 36002)),  # an inside address from outside
    ]:
        assert outer.udp(source, destination) is None, (source, destination)
    assert outer.tcp((*PHONE, 5000), (*EDGE_OUT, 36002)) is None


def test_listeners_of_the_edge_and_nothing_else(outer: Net) -> None:
    load(outer, resolution("first-call"), "outer", OUTER)
    assert outer.tcp((*PHONE, 40000), (*EDGE_OUT, 5061))
    assert outer.tcp((*PHONE, 40001), (*EDGE_OUT, 5062))
    assert outer.tcp((*EDGE_OUT, 25000), (*PHONE, 5061))
    assert set(counted(outer, "outer")) == {
        "T11_04", "T11_04_reply", "T11_07", "T11_07_reply", "T11_08", "T11_08_reply",
    }  # fmt: skip
    for port in (22, 80, 443, 5060, 5063, 7001):
        assert outer.tcp((*PHONE, 40002), (*EDGE_OUT, port)) is None, port
    assert outer.udp((*PHONE, 40002), (*EDGE_OUT, 5060)) is None  # off by default (S-01)
    assert outer.tcp((*EDGE_OUT, 30000), (*PHONE, 5061)) is None


def test_taking_a_row_away_stops_its_packets_at_once(inner: Net, outer: Net) -> None:
    found = resolution("first-call")
    load(inner, found, "inner", INNER)
    with (
        inner.socket("dmz", socket.SOCK_STREAM, EDGE_IN[1], 7001) as listener,
        inner.socket("in", socket.SOCK_STREAM, CORE[1], 25002) as client,
    ):
        listener.listen(1)
        client.settimeout(1)
        client.connect((EDGE_IN[1], 7001))
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(0.2)
            client.send(b"before")
            assert accepted.recv(16) == b"before"
            load(inner, found, "inner", INNER, frozenset({"T11-01"}))
            client.send(b"after")
            with pytest.raises(TimeoutError):
                accepted.recv(16)
    assert inner.udp((*CORE, 36004), (*EDGE_IN, 2776), reply=True)  # the other rows go on
    load(outer, found, "outer", OUTER)
    assert outer.udp((*PHONE, 5002), (*EDGE_OUT, 36006), reply=True)
    load(outer, found, "outer", OUTER, frozenset({"T11-11"}))
    assert outer.udp((*PHONE, 5002), (*EDGE_OUT, 36006)) is None
    assert outer.udp((*EDGE_OUT, 36006), (*PHONE, 5002))
    load(outer, found, "outer", OUTER, frozenset({"T11-13"}))
    assert outer.udp((*PHONE, 5002), (*EDGE_OUT, 36006))
    assert outer.udp((*EDGE_OUT, 36006), (*PHONE, 5002)) is None


def test_static_nat_maps_both_ways(outer: Net) -> None:
    load(outer, resolution("first-call-nat"), "outer", OUTER)
    outer.exec("dmz", "ip", "address", "del", f"{EDGE_OUT[1]}/28", "dev", "eth0")
    try:
        assert outer.tcp((*PHONE, 40010), (*EDGE_NAT, 5061), to=EDGE_OUT[1]) == (PHONE[1], 40010)
        assert outer.udp((*PHONE, 5010), (*EDGE_NAT, 36010), to=EDGE_OUT[1], reply=True)
        assert outer.udp((*EDGE_NAT, 36012), (*PHONE, 5012)) == (EDGE_OUT[1], 36012)
        assert outer.tcp((*EDGE_NAT, 25010), (*PHONE, 5061)) == (EDGE_OUT[1], 25010)
        assert outer.udp((*PHONE, 5010), (*EDGE_NAT, 5060), to=EDGE_OUT[1]) is None
        assert {"T11_04", "T11_07", "T11_11", "T11_13"} <= set(counted(outer, "outer"))
    finally:
        outer.exec("dmz", "ip", "address", "add", f"{EDGE_OUT[1]}/28", "dev", "eth0")


def test_one_nic_is_reached_from_inside_by_its_public_address() -> None:
    """J-06: NAT reflection. The edge reaches the core, and only the core, through the outer firewall."""
    found = resolution("first-call-single-nic")
    with Net() as net:
        for host, forwards in (("in", False), ("inner", True), ("outer", True), ("dmz", False), ("sw", False)):
            net.host(host, forwards=forwards)
        net.link(("in", "eth0", ["10.0.1.10/24", "10.0.1.53/24"]), ("inner", "internal", ["10.0.1.1/24"]))
        net.link(("inner", "dmz", ["10.0.2.1/24"]), ("sw", "p1", []))
        net.link(("outer", "dmz", ["10.0.2.2/24"]), ("sw", "p2", []))
        net.link(("dmz", "eth0", ["10.0.2.20/24"]), ("sw", "p3", []))
        net.bridge("sw", ["p1", "p2", "p3"])
        net.route("in", "default", "10.0.1.1")
        net.route("inner", "default", "10.0.2.2")
        net.route("outer", "10.0.1.0/24", "10.0.2.1")
        net.route("dmz", "default", "10.0.2.2")
        net.route("dmz", "10.0.1.0/24", "10.0.2.1")
        net.route("dmz", "10.0.1.10/32", "10.0.2.2")
        net.nft("inner", render(found, "inner", interfaces=INNER))
        net.nft("outer", render(found, "outer", interfaces=OUTER))
        assert net.tcp(("in", "10.0.1.10", 25000), ("dmz", "10.0.2.20", 7001), to="203.0.113.20") == (
            "10.0.1.10",
            25000,
        )
        assert net.udp(("in", "10.0.1.10", 36000), ("dmz", "10.0.2.20", 2776), to="203.0.113.20", reply=True)
        assert net.udp(("dmz", "10.0.2.20", 30000), ("in", "10.0.1.53", 53), reply=True)
        assert net.tcp(("in", "10.0.1.10", 25001), ("dmz", "10.0.2.20", 7001)) is None  # not by the real address
        for at in ("inner", "outer"):
            counters = net.counters(at, f"seaway_{at}")
            assert (
                counters["T11_01"] and counters["T11_01_reply"] and counters["T11_09"] == counters["T11_09_reply"] == 1
            )
