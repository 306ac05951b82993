"""Rows of a view as text for people, at most 100 columns wide where that can be had."""

from __future__ import annotations

from typing import Any

from seaway.catalog.views.fitted import WIDTH, down, fitted

__all__ = ["table"]


def table(rows: list[dict[str, Any]], width: int = WIDTH) -> str:
    """A line for each row, or for each field of a single wide one."""
    if not rows:
        return "none"
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if len(rows) == 1 and len(columns) > 8:
        return down(columns, [_cell(each) for each in rows[0].values()], width, empty=True)
    return fitted(columns, [[_cell(row.get(column)) for column in columns] for row in rows], width=width)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return ",".join(_cell(each) for each in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(each)}" for key, each in value.items()) or "-"
    return str(value)
