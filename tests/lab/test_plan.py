"""The network is consistent before it is built."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from typing import get_args

import pytest

from seaway.lab.plan import Nic, Plan, Variant
from seaway.lab.plan6 import network_plan

_PLANS = [network_plan(each) for each in get_args(Variant)]


def _of(nic: Nic) -> list[str]:
    return [each for each in (nic.address, nic.address6) if each]


def test_every_address_of_the_dual_stack_variant_has_a_twin() -> None:
    for plan in _PLANS:
        nics = [nic for host in plan.hosts for nic in host.nics if nic.address]
        assert all(bool(nic.address6) is (plan.variant == "dual-stack") for nic in nics)


@pytest.mark.parametrize("plan", _PLANS, ids=lambda each: each.variant)
def test_every_cable_ends_at_an_interface_once(plan: Plan) -> None:
    ends = [link.left for link in plan.links] + [link.right for link in plan.links]
    assert len(ends) == len(set(ends))
    for link in plan.links:
        for host, name in (link.left, link.right):
            nics = {nic.name for nic in plan.host(host).nics}
            if link.right_bridge and (host, name) == link.right:
                assert link.right_bridge in nics and name not in nics
            else:
                assert name in nics


@pytest.mark.parametrize("plan", _PLANS, ids=lambda each: each.variant)
def test_addresses_are_unique_and_gateways_are_neighbours(plan: Plan) -> None:
    addresses = [each.split("/")[0] for host in plan.hosts for nic in host.nics for each in _of(nic)]
    assert len(addresses) == len(set(addresses))
    for host in plan.hosts:
        near = [ip_interface(each).network for nic in host.nics for each in _of(nic)]
        for route in host.routes:
            gateway = ip_network(route.split(" via ")[1])
            assert any(gateway.version == each.version and gateway.subnet_of(each) for each in near), (host.name, route)  # type: ignore[arg-type]
            assert str(gateway.network_address) in addresses, (host.name, route)


@pytest.mark.parametrize("plan", _PLANS, ids=lambda each: each.variant)
def test_interface_names_fit_the_kernel(plan: Plan) -> None:
    for host in plan.hosts:
        assert all(len(nic.name) <= 15 for nic in host.nics)
        assert len(f"sw-{'x' * 12}-{host.name}") < 64


def test_only_routers_forward() -> None:
    for plan in _PLANS:
        assert {host.name for host in plan.hosts if host.router} == {"internet", "home", "outer", "inner"}


def test_an_unknown_host_is_an_error() -> None:
    with pytest.raises(KeyError):
        _PLANS[0].host("nowhere")
