"""The text of rulesets. Golden files: `python tests/catalog/views/test_nftables.py` writes them anew."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest
from deployments import HOSTS, NAMES, NODES, RECORD, make
from small_catalog import SMALL

from seaway.catalog.deployment import load_deployment
from seaway.catalog.problems import DeploymentError
from seaway.catalog.resolve import resolve
from seaway.catalog.views.nftables import counter_name, render, table_name

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PLACES = {
    "inner": {"internal": "internal", "dmz": "dmz"},
    "outer": {"dmz": "dmz", "internet": "internet"},
    "core1": {"inner": "eth0"},
    "edge1": {"inner": "eth0", "outer": "eth1"},
}


def rendered(name: str, at: str) -> str:
    return render(resolve(load_deployment(RECORD / f"{name}.toml")), at, interfaces=PLACES[at])


def golden(name: str, at: str) -> Path:
    return GOLDEN / f"{name}.{at}.nft"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", PLACES)
def test_golden_files_are_what_is_rendered(name: str, at: str) -> None:
    assert rendered(name, at) == golden(name, at).read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("*.nft")} == {golden(name, at).name for name in NAMES for at in PLACES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", PLACES)
def test_everything_accepted_is_counted_under_one_row(name: str, at: str) -> None:
    for line in rendered(name, at).splitlines():
        if line.strip().startswith("icmpv6 type") and " ct " not in line:
            continue  # neighbours: what ARP is to IPv4, which these tables do not see
        if " accept" in line and '"lo"' not in line and "policy" not in line:
            names = re.findall(r'counter name "(\w+)"', line)
            assert len(names) == 1, line
            assert "established" not in line or "ct mark" in line or "icmp" in line, line
    assert rendered(name, at).count("policy drop") == (1 if at in ("inner", "outer") else 2)


def test_rows_left_out_leave_the_others_unchanged() -> None:
    resolution = resolve(load_deployment(RECORD / "first-call.toml"))
    whole = render(resolution, "inner", interfaces=PLACES["inner"]).splitlines()
    without = render(resolution, "inner", interfaces=PLACES["inner"], without_rows=frozenset({"T11-01"})).splitlines()
    gone = [line for line in whole if line not in without]
    assert set(without) < set(whole)
    assert gone and all("T11_01" in line for line in gone)


def test_one_row_over_two_transports_is_one_rule() -> None:
    rules = [line for line in rendered("first-call", "inner").splitlines() if 'name "T6_04" ' in line]
    assert len(rules) == 1 and "meta l4proto { tcp, udp } th sport 30000-35999 th dport 53" in rules[0]


def test_nodes_of_a_row_share_a_rule_with_a_set() -> None:
    second = (
        '\n[[node]]\nname = "core2"\nrole = "core"\nfqdn = "core2.example.test"\nnic.inner.address = "10.0.1.11/24"\n'
    )
    resolution = resolve(make(nodes=NODES + second), SMALL)
    text = render(resolution, "inner", interfaces=PLACES["inner"])
    (rule,) = [line for line in text.splitlines() if 'name "T11_01" ' in line]
    assert "ip saddr { 10.0.1.10, 10.0.1.11 } ip daddr 10.0.2.20 " in rule


def test_our_nodes_are_excepted_from_networks_of_others() -> None:
    text = render(resolve(make(services="turn = true"), SMALL), "inner", interfaces=PLACES["inner"])
    (rule,) = [line for line in text.splitlines() if 'name "T11_14" ' in line]
    assert "ip saddr 10.0.1.0/24 ip saddr != 10.0.1.10 " in rule


def test_port_translations_are_made_at_their_firewall() -> None:  # J-01
    nodes = NODES.replace("203.0.113.20/28", "10.0.3.20/24") + 'nic.outer.public = "203.0.113.20"\n'
    firewalls = '[[firewall]]\nname = "outer"\nbetween = ["dmz", "internet"]\nnat = true\n'
    resolution = resolve(make(services="guest_dual_nic = true", nodes=nodes, firewalls=firewalls, hosts=HOSTS), SMALL)
    lines = [line.strip() for line in render(resolution, "outer", interfaces=PLACES["outer"]).splitlines()]
    port = lines.index('ip daddr 203.0.113.20 tcp dport 80 dnat ip to 10.0.3.20:9980 comment "T20-03"')
    whole = lines.index('ip daddr 203.0.113.20 dnat ip to 10.0.3.20 comment "static NAT"')
    assert port < whole


def test_without_static_nat_nothing_is_translated() -> None:
    assert "nat" not in rendered("first-call", "outer").replace("Generated", "").replace("destination", "").replace(
        "alternat", ""
    )
    assert "dnat ip to 10.0.3.20" in rendered("first-call-nat", "outer")
    assert "dnat" not in rendered("first-call-nat", "inner")


def test_logging_is_limited_and_off_by_default() -> None:
    resolution = resolve(load_deployment(RECORD / "first-call.toml"))
    assert " log " not in render(resolution, "outer", interfaces=PLACES["outer"])
    lines = [
        each
        for each in render(resolution, "outer", interfaces=PLACES["outer"], log=True).splitlines()
        if " log " in each
    ]
    assert len(lines) == 2 and all("limit rate 5/second" in each for each in lines)


def test_wrong_places_and_interfaces_are_named() -> None:
    resolution = resolve(load_deployment(RECORD / "first-call.toml"))
    with pytest.raises(DeploymentError, match="inner, outer, core1, edge1"):
        render(resolution, "middle", interfaces={})
    with pytest.raises(DeploymentError, match="dmz"):
        render(resolution, "inner", interfaces={"internal": "eth0"})
    with pytest.raises(DeploymentError, match="outer"):
        render(resolution, "edge1", interfaces={"inner": "eth0"})


def test_names() -> None:
    assert table_name("outer-2") == "seaway_outer_2"
    assert (counter_name("T11-01"), counter_name("T11-01", "reply")) == ("T11_01", "T11_01_reply")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in GOLDEN.glob("*.nft"):
        each.unlink()
    for name in NAMES:
        for at in PLACES:
            golden(name, at).write_text(rendered(name, at), "utf-8")
