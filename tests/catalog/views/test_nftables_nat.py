"""Static NAT chains."""

from __future__ import annotations

from deployments import RECORD

from seaway.catalog.deployment import load_deployment
from seaway.catalog.resolve import resolve
from seaway.catalog.views.nftables_nat import nat_chains

INTERFACES = {"dmz": "d0", "internet": "i0"}


def test_both_directions_of_a_mapping() -> None:
    chains = nat_chains(resolve(load_deployment(RECORD / "first-call-nat.toml")), "outer", INTERFACES)
    rules = [line.strip() for line in chains]
    assert 'ip daddr 203.0.113.20 dnat ip to 10.0.3.20 comment "static NAT"' in rules
    assert 'oifname "i0" ip saddr 10.0.3.20 snat ip to 203.0.113.20 comment "static NAT"' in rules


def test_nothing_to_map_is_no_chain() -> None:
    assert nat_chains(resolve(load_deployment(RECORD / "first-call.toml")), "outer", INTERFACES) == []
