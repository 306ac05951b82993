"""Which rows a deployment uses."""

from __future__ import annotations

import pytest
from deployments import make
from small_catalog import SMALL

from seaway.catalog.features import SWITCHES
from seaway.catalog.load import load_catalog
from seaway.catalog.problems import DeploymentError
from seaway.catalog.selection import carriers_of, enabled_features, enabled_rows, switch_on


def rows(head: str = "", tables: str = "", services: str = "sip_calls = true") -> set[str]:
    return {row.id for row in enabled_rows(make(head, tables, services=services), SMALL)}


def test_a_service_brings_what_it_builds_on() -> None:
    assert enabled_features(make(services="turn = true")) == {"turn", "sip_calls", "pair"}
    with pytest.raises(DeploymentError) as caught:
        enabled_features(make(services="sip_calls = true\npair = false"))
    assert caught.value.setting == "services.pair"


def test_services_that_are_off_have_no_rows() -> None:
    assert rows(services="pair = true") == {"T5-04", "T6-01", "T6-04"}
    assert rows(services="pair = false") == set()


def test_one_of_a_group() -> None:
    assert rows() & {"T6-04", "T6-05"} == {"T6-04"}
    assert rows(tables='[choices]\nedge_dns = "external"') & {"T6-04", "T6-05"} == {"T6-05"}


def test_switches_turn_rows_on_and_off() -> None:
    assert "T11-05" not in rows()
    assert "T11-05" in rows(tables="[sip]\nedge_udp = true")  # off by default, the switch turns it on
    assert "T11-07" in rows()
    assert "T11-07" not in rows(tables="[sip]\nedge_tls = false")


def test_single_rows_are_switched_by_id() -> None:
    assert "T6-01" not in rows(tables='[rows]\noff = ["T6-01"]')
    with pytest.raises(DeploymentError) as caught:
        rows(tables='[rows]\noff = ["T6-10"]')
    assert caught.value.setting == "rows.off.0"
    assert "T5-02" not in {row.id for row in enabled_rows(make(), load_catalog())}
    assert "T5-02" in {row.id for row in enabled_rows(make("", '[rows]\non = ["T5-02"]'), load_catalog())}


@pytest.mark.parametrize(
    ("version", "expected"), [("X8.7", {"T8-01"}), ("X8.7.9", {"T8-01"}), ("X8.8", {"T9-02"}), ("X15.0", {"T9-02"})]
)
def test_versions(version: str, expected: set[str]) -> None:  # C-01, C-02
    assert rows(f'version = "{version}"', services="cluster = true\ncluster_pre_x8_8 = true") == expected


def test_bounds_of_other_products_do_not_decide() -> None:
    found = {row.id for row in enabled_rows(make(services="mra = true"), load_catalog())}
    assert {"T18-07", "T18-09"} & found


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_of_the_catalog_has_its_default_here(name: str) -> None:
    assert switch_on(name, make()) == SWITCHES[name]


def test_sizes_are_switches() -> None:
    large = make('size = "large"')
    assert switch_on("size=large", large) and not switch_on("size=small|medium", large)


def test_the_zone_transport_chooses_the_carrier() -> None:
    (tls,) = carriers_of(SMALL.row("T11-01"), make())
    (tcp,) = carriers_of(SMALL.row("T11-01"), make("", '[sip]\nzone_transport = "tcp"'))
    assert (tls.security, tcp.security) == ("tls", "none")
    assert [str(each.transport) for each in carriers_of(SMALL.row("T5-04"), make())] == ["udp", "tcp"]
