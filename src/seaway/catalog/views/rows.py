"""The catalog's rows as a table for people, CSV or JSON: what `seaway map rows` prints. Pure.

The fact columns are what the reference guide prints; `used` says where Seaway departs from it, `notes` why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping

from seaway.catalog.features import GROUPS
from seaway.catalog.load import OWN, PROSE, Catalog, load_catalog
from seaway.catalog.model import Kind, Row, Side

__all__ = ["COLUMNS", "FORMATS", "render_rows", "rows_table", "to_csv", "to_json", "to_text"]

COLUMNS = (
    "id", "table", "chapter", "section", "purpose", "source", "source_ports", "transport", "destination",
    "destination_ports", "used", "feature", "default", "since", "until", "notes",
)  # fmt: skip
FORMATS = ("table", "csv", "json")

_NARROW = (
    "id", "purpose", "source", "source_ports", "transport", "destination", "destination_ports", "used", "feature",
    "default",
)  # fmt: skip


def render_rows(format: str = "table", table: str | None = None, own: bool = False) -> str:
    """The rows of this package's catalog, ready to print. Raises `ValueError` for an unknown format or table."""
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}: write one of {', '.join(FORMATS)}")
    rows = rows_table(load_catalog(), table, own)
    return {"table": to_text, "csv": to_csv, "json": to_json}[format](rows)


def rows_table(catalog: Catalog, table: str | None = None, own: bool = False) -> list[dict[str, object]]:
    """One record per row, with the keys of `COLUMNS`. `notes` is a list.

    `table`: "3" to "30" (also "T11"), "prose" or "own"; `None` is the whole guide. `own` adds Seaway's own rows.
    Raises `ValueError` when the guide has no such table.
    """
    rows: tuple[Row, ...] = catalog.rows
    if table is not None:
        wanted = table.lower().removeprefix("t")
        rows = catalog.own if wanted == OWN else tuple(row for row in catalog.rows if row.table == wanted)
        if not rows:
            numbers = sorted({int(row.table) for row in catalog.rows if row.table != PROSE})
            raise ValueError(f"no table {table!r}: write {numbers[0]} to {numbers[-1]}, {PROSE} or {OWN}")
    if own:
        rows = tuple(dict.fromkeys((*rows, *catalog.own)))
    return [_record(row) for row in rows]


def to_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """RFC 4180 but for the line ends, which are LF; the first line names the columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in COLUMNS])
    return out.getvalue()


def to_json(rows: Iterable[Mapping[str, object]]) -> str:
    return json.dumps(list(rows), indent=2, ensure_ascii=False) + "\n"


def to_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Aligned columns without the notes, which are sentences; CSV and JSON have them."""
    lines = [_NARROW, *(tuple(_cell(row[column]) for column in _NARROW) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(_NARROW))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def _record(row: Row) -> dict[str, object]:
    return {
        "id": row.id,
        "table": row.table,
        "chapter": row.chapter,
        "section": row.section,
        "purpose": row.purpose,
        "source": row.source.entity,
        "source_ports": row.source.ports.text,
        "transport": row.transport,
        "destination": row.destination.entity,
        "destination_ports": row.destination.ports.text,
        "used": _used(row),
        "feature": row.feature,
        "default": _default(row),
        "since": row.since or "",
        "until": row.until or "",
        "notes": _notes(row),
    }


def _used(row: Row) -> str:
    """What is used instead of the printed values: `destination=core; source_ports=25000-29999`."""
    parts: list[str] = []
    for name, side in (("source", row.source), ("destination", row.destination)):
        parts.extend(_used_side(name, side))
    if row.used_transport is not None:
        parts.append(f"transport={row.used_transport}")
    if row.preferred is not None:
        parts.append(f"prefers={row.preferred}")
    return ", ".join(parts)


def _used_side(name: str, side: Side) -> Iterable[str]:
    if side.used_entity is not None:
        yield f"{name}={side.used_entity}"
    if side.used is not None:
        yield f"{name}_ports={side.used.text}"


def _default(row: Row) -> str:
    """`on` or `off` of a connection once its feature is on; `range` and `remark` rows make no connection."""
    if row.kind is Kind.DEFAULT_RANGE:
        return "range"
    if row.kind is Kind.REMARK:
        return "remark"
    if row.group is not None and GROUPS[row.group][0] != row.choice:
        return "off"
    return "on" if row.default_on else "off"


def _notes(row: Row) -> list[str]:
    notes = [*row.notes, *row.footnotes]
    if row.group is not None:
        notes.append(f"One of the alternatives of {row.group}: {row.choice}.")
    if row.requires:
        notes.append(f"Requires {', '.join(row.requires)}.")
    notes.extend(f"{each.id}: {each.what}. Used: {each.used}. {each.why}" for each in row.anomalies)
    return notes


def _cell(value: object) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
