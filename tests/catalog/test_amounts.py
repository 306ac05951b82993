"""Port expressions of rows against the settings of a deployment."""

from __future__ import annotations

import pytest
from deployments import make

from seaway.catalog.amounts import port_set, setting_ports
from seaway.catalog.features import SETTINGS
from seaway.catalog.model import PortExpr


def ports(expression: PortExpr, tables: str = "", head: str = "", role: str | None = "core") -> str:
    return str(port_set(expression, make(head, tables), role))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_of_the_catalog_has_ports(name: str) -> None:
    deployment = make("", "[ports]\nlicence_proxy = 3128")
    assert setting_ports(name, deployment, "core")


def test_an_unknown_setting_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        setting_ports("medai", make(), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("443", "443"),
        ("36000-59998/even", "36000-59998/even"),
        (">=1024", "1024-65535"),
        ("5060|>=1024", "1024-65535"),
        ("443|8443", "443,8443"),
        ("50000-59999|endpoint_media", "1024-65535"),
        ("small,medium: 3478; large: 3478-3483", "3478"),
        ("ephemeral", "30000-35999"),
        ("endpoint_media", "1024-65535"),
        ("unspecified", "1024-65535"),
        ("n/a", "-"),
        ("user_defined", "-"),
    ],
)
def test_expressions_without_a_setting(text: str, expected: str) -> None:
    assert ports(PortExpr(text)) == expected


def test_other_hosts_choose_any_unprivileged_port() -> None:
    assert ports(PortExpr("ephemeral"), role=None) == "1024-65535"


def test_size_decides_where_the_row_says_so() -> None:
    text = "small,medium: 3478; large: 3478-3483"
    assert ports(PortExpr(text), head='size = "large"') == "3478-3483"
    assert ports(PortExpr("small,medium: 3478"), head='size = "large"') == "-"


def test_a_setting_replaces_the_default_of_the_row() -> None:
    ranges = '[ports]\nmedia = "37000-38200"\nsip_source = "20000-20999"\n'
    tables = f"{ranges}turn = 4000\ntraversal_sip = 7100\n[sip]\nzones = 2"
    for setting, expected in [
        ("media", "37000-38200"),
        ("media.even", "37000-38200/even"),
        ("media.odd", "37001-38199/odd"),
        ("sip.source", "20000-20999"),
        ("turn", "4000"),
        ("traversal.sip", "7100-7101"),
        ("traversal.h323", "6001-6002"),
        ("demux.rtp", "2776"),
        ("demux.rtcp", "2777"),
    ]:
        assert ports(PortExpr("1-2", setting), tables) == expected, setting


def test_large_systems_split_the_first_twelve_by_parity() -> None:
    assert ports(PortExpr("", "demux.rtp"), head='size = "large"') == "36000-36010/even"
    assert ports(PortExpr("", "demux.rtcp"), head='size = "large"') == "36001-36011/odd"


def test_media_of_the_edge_leaves_the_multiplexed_ports_out() -> None:
    assert ports(PortExpr("", "media"), role="edge") == "36000-59999"
    assert ports(PortExpr("", "media"), '[ports]\ndemux = "36000-36001"', role="edge") == "36002-59999"
    assert ports(PortExpr("", "media.odd"), head='size = "large"', role="edge") == "36013-59999/odd"
    assert ports(PortExpr("", "media"), head='size = "large"', role="core") == "36000-59999"


def test_mail_ports() -> None:
    assert ports(PortExpr("", "mail.port")) == "25,587"
    assert ports(PortExpr("", "mail.tls_port")) == "465"
    assert ports(PortExpr("", "mail.port"), "[ports]\nmail = 587") == "587"
