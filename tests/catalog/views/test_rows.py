"""`seaway map rows`: counts, columns, filters, and that each format says the same."""

from __future__ import annotations

import csv
import io
import json

import pytest

from seaway.catalog.load import load_catalog
from seaway.catalog.views.rows import COLUMNS, render_rows, rows_table, to_csv

CATALOG = load_catalog()


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_guide_is_260_rows() -> None:
    text = render_rows("csv")
    rows = _csv(text)
    assert len(rows) == 260
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [row["id"] for row in rows] == [row.id for row in CATALOG.rows]
    assert "\r" not in text


def test_own_rows_come_after_the_guide() -> None:
    rows = _csv(render_rows("csv", own=True))
    assert [row["id"] for row in rows] == [row.id for row in CATALOG.all]
    assert _csv(render_rows("csv", table="own")) == rows[260:]
    assert _csv(render_rows("csv", table="own", own=True)) == rows[260:]


@pytest.mark.parametrize(("table", "count"), [("11", 17), ("T11", 17), ("3", 14), ("30", 2), ("prose", 14)])
def test_one_table(table: str, count: int) -> None:
    rows = rows_table(CATALOG, table)
    assert len(rows) == count
    assert len({row["table"] for row in rows}) == 1


@pytest.mark.parametrize("table", ["31", "2", "", "T", "11-01"])
def test_an_unknown_table_is_named(table: str) -> None:
    with pytest.raises(ValueError, match="write 3 to 30, prose or own"):
        render_rows("csv", table=table)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match="unknown format 'xml'"):
        render_rows("xml")


def test_formats_agree() -> None:
    structured = json.loads(render_rows("json", own=True))
    flat = _csv(render_rows("csv", own=True))
    assert len(structured) == len(flat)
    for one, other in zip(structured, flat, strict=True):
        assert list(one) == list(COLUMNS)
        assert " ".join(one.pop("notes")) == other.pop("notes")
        assert {key: str(value) for key, value in one.items()} == other


def test_a_departure_from_the_guide_shows_in_the_row() -> None:
    (row,) = (each for each in rows_table(CATALOG) if each["id"] == "T21-07")
    assert row["source_ports"] == "25000-25999"
    assert row["used"] == "source_ports=25000-29999"
    assert any(str(note).startswith("A-25: ") for note in row["notes"])  # type: ignore[attr-defined]


def test_defaults() -> None:
    default = {str(row["id"]): row["default"] for row in rows_table(CATALOG)}
    assert default["T11-05"] == default["T11-06"] == "off"
    assert default["T11-07"] == "on"
    assert default["T6-04"] == "on" and default["T6-05"] == "off"
    assert default["T3-10"] == "range" and default["P-04"] == "remark"


def test_text_is_aligned() -> None:
    lines = render_rows("table", table="11").splitlines()
    assert len(lines) == 2 + 17
    assert lines[0].startswith("id      purpose")
    column = lines[0].index("transport")
    assert {line[column - 2 : column] for line in lines} == {"  "}
    assert all(line == line.rstrip() for line in lines)


def test_cells_with_commas_survive() -> None:
    (row,) = _csv(to_csv([each for each in rows_table(CATALOG) if each["id"] == "T11-09"]))
    assert row["destination_ports"] == "small,medium: 2776|36000; large: 36000-36010/even"
