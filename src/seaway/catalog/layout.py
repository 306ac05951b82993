"""Checks of a deployment's nodes, addresses and firewalls: what stands where, and that nothing is there twice."""

from __future__ import annotations

from ipaddress import IPv6Interface
from itertools import combinations
from typing import TYPE_CHECKING

from seaway.catalog.problems import DeploymentError

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment, Nic, Node

__all__ = ["check_firewalls", "check_names", "check_nodes"]


def check_names(deployment: Deployment) -> None:
    if not deployment.nodes:
        raise DeploymentError("node", None, "no node at all", "add a [[node]] table")
    for what in ("name", "fqdn"):
        seen: dict[str, int] = {}
        for index, node in enumerate(deployment.nodes):
            value = str(getattr(node, what)).lower()
            if value in seen:
                other = f"node.{seen[value]}"
                raise DeploymentError(
                    f"node.{index}.{what}",
                    value,
                    f"already used by {other}",
                    f"give each node its own {what}",
                )
            seen[value] = index


def check_nodes(deployment: Deployment) -> None:
    taken: dict[object, str] = {}
    for index, node in enumerate(deployment.nodes):
        at = f"node.{index}.nic"
        if node.role != "edge" and node.nic.outer is not None:
            raise DeploymentError(f"{at}.outer", None, f"a {node.role} has one NIC", "leave [node.nic.outer] out")
        for name, nic in node.nics:
            if nic.public is not None and node.role != "edge":
                raise DeploymentError(
                    f"{at}.{name}.public", nic.public, "only an edge has a public address", "remove it"
                )
            _check_families(f"{at}.{name}", nic)
            six = nic.address6.ip if nic.address6 is not None else None
            for what, address in (("address", nic.address.ip), ("address6", six), ("public", nic.public)):
                if address is None:
                    continue
                if address in taken:
                    raise DeploymentError(
                        f"{at}.{name}.{what}",
                        address,
                        f"already used by {taken[address]}",
                        "give each NIC its own address",
                    )
                taken[address] = f"{at}.{name}.{what}"
        _check_nic_pair(at, node)
    _check_links(deployment)


def _check_families(at: str, nic: Nic) -> None:
    if nic.address6 is not None and nic.address.version == 6:
        raise DeploymentError(f"{at}.address6", nic.address6, f"address is IPv6 already ({nic.address})", "keep one")
    for setting, address in (("address", nic.address), ("address6", nic.address6)):
        # Link-local addresses need a zone that no peer and no SDP can name (RFC 4007 §6); mapped ones are IPv4.
        if isinstance(address, IPv6Interface) and (address.ip.is_link_local or address.ip.ipv4_mapped is not None):
            raise DeploymentError(
                f"{at}.{setting}", address, "no address that other networks reach", "write a global or unique local one"
            )
    if nic.public is not None and nic.of_family(nic.public.version) is None:
        raise DeploymentError(
            f"{at}.public", nic.public, f"the NIC has no IPv{nic.public.version} address to translate",
            "give it one, or remove public",
        )  # fmt: skip


def _check_links(deployment: Deployment) -> None:
    """A core reaches its edges over a family that both have on their inner NICs."""
    edges = [(index, node) for index, node in enumerate(deployment.nodes) if node.role == "edge"]
    for core in deployment.of_role("core"):
        mine = {each.version for each in core.nic.inner.addresses}
        for index, edge in edges:
            theirs = edge.nic.inner
            if not any(each.version in mine for each in theirs.addresses):
                version = 4 if theirs.address.version == 6 else 6
                setting = "address6" if version == 6 else "address"
                raise DeploymentError(
                    f"node.{index}.nic.inner.{setting}", None,
                    f"{core.name} has IPv{version} only and cannot reach it",
                    f"give {edge.name} an IPv{version} address there, or {core.name} an IPv{10 - version} one",
                )  # fmt: skip


def _check_nic_pair(at: str, node: Node) -> None:
    inner, outer = node.nic.inner, node.nic.outer
    if outer is None:
        return
    if inner.public is not None:
        raise DeploymentError(
            f"{at}.inner.public",
            inner.public,
            "static NAT belongs to the outer NIC",
            f"move it to [{at}.outer]",
        )
    for own in outer.addresses:
        other = inner.of_family(own.version)
        if other is not None and other.network.overlaps(own.network):
            raise DeploymentError(
                f"{at}.outer.{'address' if own is outer.address else 'address6'}", own,
                f"its network overlaps that of the inner NIC ({other.network})",
                "put the two NICs into different networks",
            )  # fmt: skip


def check_firewalls(deployment: Deployment) -> None:
    for index, firewall in enumerate(deployment.firewalls):
        if firewall.between[0] == firewall.between[1]:
            raise DeploymentError(
                f"firewall.{index}.between",
                list(firewall.between),
                "twice the same zone",
                'write for instance ["internal", "dmz"]',
            )
    for (i, one), (j, other) in combinations(enumerate(deployment.firewalls), 2):
        if one.name == other.name:
            raise DeploymentError(
                f"firewall.{j}.name", other.name, f"already used by firewall.{i}", "give each its own name"
            )
        if set(one.between) == set(other.between):
            raise DeploymentError(
                f"firewall.{j}.between",
                list(other.between),
                f"firewall {one.name!r} stands there already",
                "keep one of them",
            )
    translated = [(node, nic) for node in deployment.nodes for _, nic in node.nics if nic.public is not None]
    if translated and deployment.firewalls and not any(firewall.nat for firewall in deployment.firewalls):
        node, nic = translated[0]
        raise DeploymentError(
            "firewall.nat", False, f"nothing translates the public address {nic.public} of {node.name}",
            "set nat = true at the firewall towards the internet",
        )  # fmt: skip
