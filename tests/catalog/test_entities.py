"""Entities: zones, and that the rows use each of them."""

from __future__ import annotations

from seaway.catalog.entities import ENTITIES, ZONES, family
from seaway.catalog.load import load_catalog


def test_every_entity_is_well_formed() -> None:
    for token, entity in ENTITIES.items():
        assert entity.token == token
        assert entity.zones and set(entity.zones) <= set(ZONES)
        assert entity.summary.endswith(".")
        assert entity.node == (family(token) in {"expressway", "core", "edge", "peer", "gateway", "localhost"})


def test_the_rows_use_every_entity_and_no_other() -> None:
    rows = load_catalog().all
    used = {
        token
        for row in rows
        for side in (row.source, row.destination)
        for token in (side.entity, side.effective_entity)
    }
    assert used == set(ENTITIES)


def test_edge_addresses_have_their_interface() -> None:
    inner = {token for token, each in ENTITIES.items() if each.interface == "inner"}
    assert inner == {"edge.private", "edge.internal_nic", "edge.turn.private"}
    outer = {token for token, each in ENTITIES.items() if each.interface == "outer"}
    assert outer == {"edge.public", "edge.public_nic", "edge.external_nic", "edge.turn.public"}
    assert all(ENTITIES[token].role == "edge" and ENTITIES[token].zones == ("dmz",) for token in inner | outer)


def test_family() -> None:
    assert family("edge.turn.public") == "edge"
    assert family("core") == "core"
