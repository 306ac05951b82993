"""Typed access to TOML tables: defaults, errors, left-over keys."""

from __future__ import annotations

import pytest

from seaway.catalog.fields import CatalogError, Table


def _table(**data: object) -> Table:
    return Table(data, "a.toml", "T1-01")


def test_values_and_defaults() -> None:
    table = _table(a="x", b=True, c=3, d=["p", "q"], e={"f": "y"})
    assert table.text("a") == "x"
    assert table.flag("b", False) is True and table.flag("other", True) is True
    assert table.number("c") == 3 and table.number("other") is None
    assert table.texts("d") == ("p", "q") and table.texts("other") == ()
    assert table.table("e").text("f") == "y"
    assert table.optional_table("other") is None and table.optional_text("other") is None
    table.finish()


def test_errors_have_fields() -> None:
    with pytest.raises(CatalogError) as caught:
        _table(e={"f": 1}).table("e").text("f")
    assert (caught.value.file, caught.value.row, caught.value.field) == ("a.toml", "T1-01", "e.f")
    assert str(caught.value) == "catalog data: a.toml: T1-01: e.f: must be a text, not 1"


def test_missing_and_left_over() -> None:
    with pytest.raises(CatalogError, match="e: is missing"):
        _table().table("e")
    with pytest.raises(CatalogError, match="g: is no field of this table"):
        _table(g=1).finish()
    with pytest.raises(CatalogError, match="'z' is unknown"):
        _table().one_of("g", "z", ("x", "y"))
