"""Catalog + deployment -> concrete connections. Pure.

`resolve(deployment)` is the one function from which listeners, source ports, firewall rules, tables, diagrams and
proofs are derived. Which rows are in use is decided in `selection.py`, where an entity stands in `places.py`, which
ports an expression means in `amounts.py`, which firewalls are crossed in `paths.py`; `resolution.py` has the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Literal

from seaway.catalog import places
from seaway.catalog.amounts import port_set
from seaway.catalog.deployment import Deployment
from seaway.catalog.load import Catalog, load_catalog
from seaway.catalog.model import Carrier, Row, Transport
from seaway.catalog.places import Place
from seaway.catalog.ports import PortSet
from seaway.catalog.problems import DeploymentError
from seaway.catalog.resolution import Connection, Direction, Listener, Party, Resolution, carried
from seaway.catalog.selection import carriers_of, enabled_rows, holds_for

__all__ = ["Connection", "Direction", "Listener", "Party", "Resolution", "resolve"]


def resolve(deployment: Deployment, catalog: Catalog | None = None) -> Resolution:
    """The connections of `deployment`, in catalog order. Raises `DeploymentError` when an address is missing."""
    found: list[Connection] = []
    strangers: dict[str, None] = {}
    for row in enabled_rows(deployment, catalog if catalog is not None else load_catalog()):
        found.extend(_connections(row, deployment, strangers))
    return Resolution(_merged(found), deployment, (*deployment.warnings, *strangers))


def _connections(row: Row, deployment: Deployment, strangers: dict[str, None]) -> Iterator[Connection]:
    """Those of one row, for each address family that both ends have. `strangers` gets a warning for ends with none."""
    ends = (row.source.effective_entity, row.destination.effective_entity)
    for source, destination in places.pairs(*ends, deployment):
        for end, place in (("source", source), ("destination", destination)):
            if not place.known:
                raise DeploymentError(
                    f"hosts.{place.entity}", None, f"row {row.id} ({row.purpose}) has this {end}, which has no address",
                    f'add {place.entity} = ["..."] to [hosts], or switch off services.{row.feature}',
                )  # fmt: skip
        if not all(place.node is None or holds_for(row, place.node) for place in (source, destination)):
            continue
        if not _families(source) & _families(destination):
            ends_shown = " and ".join(f"{each.host} (IPv{min(_families(each))})" for each in (source, destination))
            strangers[f"{ends_shown} have no address family in common; they cannot talk"] = None
            continue
        for carrier in carriers_of(row, deployment):
            for version in (4, 6):
                one = _party(row, "source", source, carrier, version, deployment)
                other = _party(row, "destination", destination, carrier, version, deployment)
                if one is not None and other is not None:
                    yield Connection(row, carrier, one, other, row.opens)


def _families(place: Place) -> frozenset[int]:
    return frozenset(network.version for network in place.networks)


def _party(
    row: Row,
    end: Literal["source", "destination"],
    place: Place,
    carrier: Carrier,
    version: int,
    deployment: Deployment,
) -> Party | None:
    """`None` when the place has no address of this IP version."""
    networks = tuple(str(network) for network in place.networks if network.version == version)
    if not networks:
        return None
    side = row.source if end == "source" else row.destination
    ports = PortSet()
    if carrier.transport is not Transport.IP:
        ports = port_set(side.effective, deployment, place.node.role if place.node else None)
        if not ports.ranges:
            raise DeploymentError(
                f"ports.{side.effective.setting or row.id}",
                None,
                f"row {row.id} ({row.purpose}) has no {end} ports",
                "set it",
            )
    public = (place.public,) if place.public and ip_network(place.public).version == version else ()
    return Party(place.entity, place.zone, (place.host,), networks, ports, place.nic, public)


def _merged(connections: list[Connection]) -> tuple[Connection, ...]:
    """Connections that are the same on the wire become one: the first row wins, the others go to `also`."""
    merged: dict[object, Connection] = {}
    for each in connections:
        wire = (carried(each.carrier), each.opens, _wire(each.source), _wire(each.destination))
        first = merged.get(wire)
        if first is None:
            merged[wire] = each
        elif each.row.id != first.row.id and each.row.id not in first.also:
            merged[wire] = replace(first, also=(*first.also, each.row.id))
    return tuple(merged.values())


def _wire(party: Party) -> tuple[object, ...]:
    return party.zone, party.nic, party.networks, party.public, party.ports
