"""Typed access to one TOML table of the catalog's data, with errors that name file, row and field.

Knows nothing of rows; `load.py` does. A table that still has unread keys at the end was misspelt somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

__all__ = ["CatalogError", "Table"]

Value = TypeVar("Value")


class CatalogError(ValueError):
    """The catalog's data is malformed. `row` and `field` are empty when the file as a whole is meant."""

    def __init__(self, file: str, row: str, field: str, problem: str) -> None:
        self.file = file
        self.row = row
        self.field = field
        self.problem = problem
        where = ": ".join(part for part in (file, row, field) if part)
        super().__init__(f"catalog data: {where}: {problem}")


class Table:
    """One TOML table. Each accessor takes its key out; `finish` refuses what is left."""

    __slots__ = ("_left", "_prefix", "file", "row")

    def __init__(self, data: Mapping[str, object], file: str, row: str, prefix: str = "") -> None:
        self.file = file
        self.row = row
        self._left = dict(data)
        self._prefix = prefix

    def error(self, field: str, problem: str) -> CatalogError:
        return CatalogError(self.file, self.row, self._prefix + field, problem)

    def text(self, field: str) -> str:
        """A required, non-empty string."""
        value = self.optional_text(field)
        if value is None:
            raise self.error(field, "is missing")
        return value

    def optional_text(self, field: str) -> str | None:
        value = self._take(field, str)
        if value is not None and not value.strip():
            raise self.error(field, "is empty")
        return value

    def flag(self, field: str, default: bool) -> bool:
        value = self._take(field, bool)
        return default if value is None else value

    def number(self, field: str) -> int | None:
        """A positive integer, or `None` when the field is absent."""
        value = self._take(field, int)
        if value is not None and (isinstance(value, bool) or value <= 0):
            raise self.error(field, f"must be a positive number, not {value!r}")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of strings; empty when the field is absent."""
        value: list[object] | None = self._take(field, list)
        result: list[str] = []
        for each in value or ():
            if not isinstance(each, str) or not each.strip():
                raise self.error(field, f"must be a list of texts, holds {each!r}")
            result.append(each)
        return tuple(result)

    def table(self, field: str) -> Table:
        inner = self.optional_table(field)
        if inner is None:
            raise self.error(field, "is missing")
        return inner

    def optional_table(self, field: str) -> Table | None:
        value: dict[str, object] | None = self._take(field, dict)
        return None if value is None else Table(value, self.file, self.row, f"{self._prefix}{field}.")

    def one_of(self, field: str, value: str, known: Iterable[str]) -> str:
        """`value`, read from `field` before, if `known` has it."""
        if value not in known:
            raise self.error(field, f"{value!r} is unknown")
        return value

    def finish(self) -> None:
        for field in self._left:
            raise self.error(field, "is no field of this table")

    def _take(self, field: str, kind: type[Value]) -> Value | None:
        value = self._left.pop(field, None)
        if value is None or isinstance(value, kind):
            return value
        raise self.error(field, f"must be {_NAMES.get(kind, kind.__name__)}, not {value!r}")


_NAMES: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", list: "a list", dict: "a table"}
