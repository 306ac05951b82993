"""Questions to a resolution: listeners, source ports, paths, and what an observed packet is."""

from __future__ import annotations

import pytest
from deployments import NAMES, RECORD, make
from small_catalog import SMALL

from seaway.catalog.deployment import load_deployment
from seaway.catalog.model import Opens
from seaway.catalog.resolve import Resolution, resolve

DUAL, NAT, SINGLE = (resolve(load_deployment(RECORD / f"{name}.toml")) for name in NAMES[:3])


def test_listeners_of_the_edge() -> None:
    found = {each.row.id: each for each in DUAL.listeners("edge1")}
    turn = {"T11-14", "T11-15", "T11-17"}
    assert {"T6-01", "T6-03", "T11-01", "T11-07", "T11-08", "T11-09", "T11-10", "T11-11", "T11-12", *turn} == set(found)
    assert (found["T11-07"].nic, found["T11-07"].address, str(found["T11-07"].ports)) == (
        "outer",
        "203.0.113.20",
        "5061",
    )
    assert found["T11-07"].public is None
    assert (found["T11-01"].nic, found["T11-01"].address) == ("inner", "10.0.2.20")


def test_the_core_listens_to_no_one_in_the_dmz_or_outside() -> None:
    for resolution in (DUAL, NAT, SINGLE):
        inward = [each for each in resolution.connections if "core1" in each.destination.hosts]
        assert inward and {each.source.zone for each in inward} == {"internal"}


def test_listeners_behind_static_nat_know_both_addresses() -> None:
    (tls,) = [each for each in NAT.listeners("edge1") if each.row.id == "T11-07"]
    assert (tls.address, tls.public) == ("10.0.3.20", "203.0.113.20")


def test_unknown_nodes_and_rows_are_key_errors() -> None:
    with pytest.raises(KeyError):
        DUAL.listeners("core9")
    with pytest.raises(KeyError, match="T11-01"):
        DUAL.source_ports("T11-01", "edge1")  # the edge does not open it
    assert DUAL.of_row("T99-01") == ()


def test_source_ports_come_from_the_row() -> None:
    assert str(DUAL.source_ports("T11-01", "core1")) == "25000-29999"
    assert str(DUAL.source_ports("T6-04", "edge1")) == "30000-35999"
    assert [each.key for each in DUAL.of_row("T11-01", "edge1")] == ["T11-01/tcp core1>edge1"]


@pytest.mark.parametrize(
    ("row", "dual", "single"),
    [
        ("T5-04", (), ()),
        ("T6-01", ("inner",), ("inner",)),
        ("T6-04", ("inner",), ("inner",)),
        ("T11-01", ("inner",), ("inner", "outer")),
        ("T11-09", ("inner",), ("inner", "outer")),
        ("T11-04", ("outer",), ("outer",)),
        ("T11-07", ("outer",), ("outer",)),
    ],
)
def test_paths(row: str, dual: tuple[str, ...], single: tuple[str, ...]) -> None:
    for resolution, path in ((DUAL, dual), (NAT, dual), (SINGLE, single)):
        assert {resolution.path(each) for each in resolution.of_row(row)} == {path}


def test_addresses_as_each_firewall_sees_them() -> None:
    (link,) = SINGLE.of_row("T11-01")
    assert SINGLE.seen_at(link, link.destination, "inner") == ("203.0.113.20/32",)
    assert SINGLE.seen_at(link, link.destination, "outer") == ("10.0.2.20/32",)
    assert SINGLE.zones_at(link, "outer") == ("dmz", "dmz")
    (tls,) = NAT.of_row("T11-07")
    assert NAT.seen_at(tls, tls.destination, "outer") == ("10.0.3.20/32",)
    assert tls.destination.addressed_as == ("203.0.113.20",)


def explained(resolution: Resolution, *packet: object) -> tuple[str, str] | None:
    found = resolution.explain(*packet)  # type: ignore[arg-type]
    return None if found is None else (found[0].row.id, found[1])


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (("10.0.1.10", 25000, "10.0.2.20", 7001, "tcp"), ("T11-01", "forward")),
        (("10.0.2.20", 7001, "10.0.1.10", 25000, "tcp"), ("T11-01", "reply")),
        (("10.0.1.10", 24999, "10.0.2.20", 7001, "tcp"), None),
        (("10.0.1.10", 25000, "10.0.2.20", 7002, "tcp"), None),
        (("10.0.1.10", 25000, "10.0.2.20", 7001, "udp"), None),
        (("10.0.1.11", 25000, "10.0.2.20", 7001, "tcp"), None),
        (("10.0.1.10", 25000, "203.0.113.20", 7001, "tcp"), None),
        (("10.0.1.10", 36000, "10.0.2.20", 2776, "udp"), ("T11-09", "forward")),
        (("10.0.2.20", 2776, "10.0.1.10", 36000, "udp"), ("T11-09", "reply")),
        (("10.0.1.10", 36001, "10.0.2.20", 2777, "udp"), ("T11-10", "forward")),
        (("198.51.100.5", 4000, "203.0.113.20", 36000, "udp"), ("T11-11", "forward")),
        (("198.51.100.5", 4000, "203.0.113.20", 36001, "udp"), ("T11-12", "forward")),
        (("203.0.113.20", 36000, "198.51.100.5", 4000, "udp"), ("T11-13", "forward")),  # never a reply of T11-11
        (("203.0.113.20", 5061, "198.51.100.5", 4000, "tcp"), ("T11-07", "reply")),
        (("198.51.100.5", 4000, "203.0.113.20", 5060, "udp"), None),
        (("10.0.1.20", 4000, "203.0.113.20", 5061, "tcp"), None),  # an inside host is not "anywhere outside"
        (("10.0.1.20", 5062, "10.0.1.10", 5060, "udp"), ("Y01-01", "forward")),
        (("10.0.2.20", 30000, "10.0.1.53", 53, "udp"), ("T6-04", "forward")),
        (("10.0.1.53", 53, "10.0.2.20", 30000, "tcp"), ("T6-04", "reply")),
    ],
)
def test_a_packet_is_explained_by_one_row(packet: tuple[object, ...], expected: tuple[str, str] | None) -> None:
    assert explained(DUAL, *packet) == expected


def test_real_and_public_addresses_both_explain() -> None:
    for address in ("10.0.3.20", "203.0.113.20"):
        assert explained(NAT, "198.51.100.5", 4000, address, 5061, "tcp") == ("T11-07", "forward")
    for address in ("10.0.2.20", "203.0.113.20"):
        assert explained(SINGLE, "10.0.1.10", 25000, address, 7001, "tcp") == ("T11-01", "forward")


def test_one_way_rows_have_no_replies() -> None:
    small = resolve(make(), SMALL)
    assert {each.row.id for each in small.connections if each.opens is Opens.ONE_WAY} == {"T11-11", "T11-13"}
    assert explained(small, "203.0.113.20", 36001, "198.51.100.5", 4000, "udp") is None
    assert explained(small, "198.51.100.5", 4000, "203.0.113.20", 36000, "udp") == ("T11-11", "forward")


def test_networks_of_others_do_not_mean_our_nodes() -> None:
    (udp,) = DUAL.of_row("Y01-01")
    assert DUAL.apart(udp.source) == ("10.0.1.10",)
    assert DUAL.apart(udp.destination) == ()


def test_warnings_come_along() -> None:
    assert any("one NIC" in each for each in SINGLE.warnings)
    assert ["K-09" if "overlap on TCP when TURN" in each else each for each in DUAL.warnings] == ["K-09"]
