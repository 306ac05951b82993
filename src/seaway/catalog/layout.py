"""Checks of a deployment's nodes, addresses and firewalls: what stands where, and that nothing is there twice."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from seaway.catalog.problems import DeploymentError

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment, Node

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
            for what, address in (("address", nic.address.ip), ("public", nic.public)):
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
    if inner.address.version == outer.address.version and inner.address.network.overlaps(outer.address.network):
        raise DeploymentError(
            f"{at}.outer.address", outer.address,
            f"its network overlaps that of the inner NIC ({inner.address.network})",
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
