"""`seaway status`: tables of any rows."""

from __future__ import annotations

import pytest

from seaway.admin.errors import UsageError
from seaway.admin.status import _only_node
from seaway.admin.table import table


def test_rows_become_atable() -> None:
    rows = [{"name": "pair", "state": "active", "rows": ["T11-01"]}, {"name": "b", "state": None, "rows": []}]
    assert table(rows) == "name  state   rows\npair  active  T11-01\nb     -       -"
    assert table([]) == "none"


def test_one_long_row_is_shown_down_the_page() -> None:
    row = {f"field{number}": number for number in range(9)} | {"zones": {"pair": "active"}}
    lines = table([row]).split("\n")
    assert max(map(len, table([row | {"media": "x=1 " * 60}]).split("\n"))) <= 100
    assert table([row | {"media": None}]).endswith("media   -")
    assert lines[0] == "field0  0" and lines[-1] == "zones   pair=active"


def test_without_a_node_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("seaway.admin.status._RUN", tmp_path)
    with pytest.raises(UsageError, match="--run-dir"):
        _only_node()
