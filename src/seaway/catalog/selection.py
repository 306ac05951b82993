"""Which rows of the catalog a deployment uses, and over which carriers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seaway.catalog.features import FEATURES, GROUPS, SWITCHES
from seaway.catalog.model import Carrier, Kind, Row, Security, Transport
from seaway.catalog.problems import DeploymentError, did_you_mean

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment, Node
    from seaway.catalog.load import Catalog

__all__ = ["carriers_of", "enabled_features", "enabled_rows", "switch_on"]

_BOUND = re.compile(r"<?X([0-9]+(?:\.[0-9]+)*)", re.ASCII)


def enabled_features(deployment: Deployment) -> frozenset[str]:
    """The services that are on, with all that they build on. Raises `DeploymentError` when one of those is off."""
    on: set[str] = set()
    for name, wanted in deployment.services.items():
        if not wanted:
            continue
        for needed in _closure(name):
            if deployment.services.get(needed) is False:
                raise DeploymentError(
                    f"services.{needed}",
                    "false",
                    f"{name} builds on it",
                    f"switch {needed} on, or {name} off",
                )
            on.add(needed)
    return frozenset(on)


def enabled_rows(deployment: Deployment, catalog: Catalog) -> tuple[Row, ...]:
    """The rows in use, in catalog order. Raises `DeploymentError`."""
    for switch in ("on", "off"):
        for index, row_id in enumerate(getattr(deployment.rows, switch)):
            if row_id not in catalog:
                remedy = did_you_mean(
                    row_id, (row.id for row in catalog.all if row.id[:3] == row_id[:3]), plural="rows"
                )
                raise DeploymentError(f"rows.{switch}.{index}", row_id, "no such row", remedy)
    features = enabled_features(deployment)
    return tuple(row for row in catalog.all if row.feature in features and _used(row, deployment))


def _used(row: Row, deployment: Deployment) -> bool:
    if row.kind is not Kind.CONNECTION or row.id in deployment.rows.off:
        return False
    if not _in_version(row, deployment) or not _chosen(row, deployment):
        return False
    if not all(switch_on(each, deployment) for each in row.requires):
        return False
    # A row that is off by default is on when its switch is (`requires`), or when the deployment names it.
    switched = any(SWITCHES.get(each) is False for each in row.requires)
    return row.default_on or switched or row.id in deployment.rows.on


def _in_version(row: Row, deployment: Deployment) -> bool:
    """Version bounds of our own nodes; bounds of other products ("11.x ...") do not decide."""
    since, until = _BOUND.fullmatch(row.since or ""), _BOUND.fullmatch(row.until or "")
    version = deployment.version_key
    if since and version < _key(since[1]):
        return False
    return not (until and version >= _key(until[1]))


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _chosen(row: Row, deployment: Deployment) -> bool:
    """Of a group of alternatives only the configured choice is used."""
    if row.group is None:
        return True
    choice = getattr(deployment.choices, row.group.replace("-", "_"), GROUPS[row.group][0])
    return row.choice == choice


def switch_on(name: str, deployment: Deployment) -> bool:
    """A switch of the catalog (`features.SWITCHES`) in this deployment."""
    if name.startswith("size="):
        return deployment.size in name.removeprefix("size=").split("|")
    if name.startswith("role="):
        return True  # decided per node, see `holds_for`
    section, _, key = name.partition(".")
    table, field = {"sip": (deployment.sip, key), "turn": (deployment.ports, f"turn_{key}")}.get(section, (None, ""))
    return bool(getattr(table, field, SWITCHES.get(name, False)))


def holds_for(row: Row, node: Node) -> bool:
    """Whether `node` has the role that the row requires of our nodes (`role=core`)."""
    roles = [each.removeprefix("role=") for each in row.requires if each.startswith("role=")]
    return not roles or node.role in roles


def carriers_of(row: Row, deployment: Deployment) -> tuple[Carrier, ...]:
    """All carriers, or the chosen one where the row offers alternatives."""
    if not row.choose_one:
        return row.carriers
    wanted = row.preferred
    if row.destination.effective.setting == "traversal.sip":
        wanted = deployment.sip.zone_transport
    return (next((each for each in row.carriers if _name(each) == wanted), row.carriers[0]),)


def _name(carrier: Carrier) -> str:
    if carrier.transport is Transport.TCP and carrier.security is not Security.NONE:
        return str(carrier.security)
    return str(carrier.transport)


def _closure(name: str) -> Iterator[str]:
    yield name
    for below in FEATURES[name].builds_on:
        yield from _closure(below)
