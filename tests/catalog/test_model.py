"""A row keeps what is printed and what is in effect apart."""

from __future__ import annotations

import dataclasses

import pytest

from seaway.catalog.load import load_catalog
from seaway.catalog.model import PortExpr, Side


def test_the_value_in_effect_is_the_used_one_where_there_is_one() -> None:
    printed = Side("edge", PortExpr("36000-59999", "media"))
    assert printed.effective == PortExpr("36000-59999", "media")
    assert printed.effective_entity == "edge"
    narrowed = Side("edge", PortExpr("36000-59999"), PortExpr("36000-59998/even", "media.even"), "edge.public")
    assert narrowed.effective.setting == "media.even"
    assert narrowed.effective_entity == "edge.public"
    assert narrowed.ports.text == "36000-59999"


def test_rows_are_values() -> None:
    row = load_catalog().row("T11-01")
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.feature = "pair"  # type: ignore[misc]
    assert hash(row) == hash(dataclasses.replace(row))
