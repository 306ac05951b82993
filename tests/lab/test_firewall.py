"""Counters as `nft` prints them, and the deployment of each variant."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from seaway.lab.firewall import parse_counters, resolution_of
from seaway.lab.plan import FILTERS, Variant
from seaway.lab.plan6 import network_plan


def _nft(**packets: int) -> str:
    items = [{"metainfo": {"version": "1.0.6"}}]
    items += [{"counter": {"name": name, "packets": count, "bytes": 1}} for name, count in packets.items()]  # type: ignore[dict-item]
    return json.dumps({"nftables": items})


def test_rows_replies_drops_and_errors() -> None:
    found = parse_counters(
        _nft(
            T11_01=3,
            T11_01_reply=2,
            Y01_04=7,
            dropped_forward=1,
            dropped_dmz_to_internal=4,
            icmp_dmz_to_internal=5,
        )
    )
    assert (found.rows["T11-01"].forward, found.rows["T11-01"].reply, found.rows["T11-01"].packets) == (
        3,
        2,
        5,
    )
    assert found.rows["Y01-04"].packets == 7
    assert (found.dropped, found.icmp) == (5, 5)
    assert set(found.rows) == {"T11-01", "Y01-04"}


@pytest.mark.parametrize("variant", get_args(Variant))
def test_plan_and_deployment_of_a_variant_agree(variant: Variant) -> None:
    plan, resolution = network_plan(variant), resolution_of(variant)
    for node in resolution.deployment.nodes:
        nics = {nic.address for nic in plan.host(node.name).nics}
        assert nics == {str(nic.address) for _, nic in node.nics}
        six = {nic.address6 for nic in plan.host(node.name).nics}
        assert six == {str(nic.address6) if nic.address6 else None for _, nic in node.nics}
    names = {each.name for each in resolution.deployment.firewalls} | {n.name for n in resolution.deployment.nodes}
    assert names == set(FILTERS) - {"core2"}  # which is in a deployment of the proof only
    outer = resolution.deployment.node("edge1").facing("outer")[1]
    assert plan.edge_public == str(outer.public or outer.address.ip)
