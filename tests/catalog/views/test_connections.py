"""Resolved connections as table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json

from deployments import RECORD

from seaway.catalog.deployment import load_deployment
from seaway.catalog.resolve import resolve
from seaway.catalog.views.connections import COLUMNS, render_connections

NAT = resolve(load_deployment(RECORD / "first-call-nat.toml"))


def test_csv_has_one_line_per_connection() -> None:
    rows = list(csv.DictReader(io.StringIO(render_connections(NAT, "csv"))))
    assert len(rows) == len(NAT.connections)
    assert tuple(rows[0]) == COLUMNS
    (tls,) = [row for row in rows if row["row"] == "T11-07"]
    assert (tls["destination"], tls["destination_addresses"], tls["destination_public"]) == (
        "edge1",
        "10.0.3.20/32",
        "203.0.113.20",
    )
    assert (tls["transport"], tls["security"], tls["destination_ports"], tls["firewalls"]) == (
        "tcp",
        "tls",
        "5061",
        "outer",
    )


def test_json_says_the_same() -> None:
    records = json.loads(render_connections(NAT, "json"))
    assert [each["row"] for each in records] == [each.row.id for each in NAT.connections]
    (link,) = [each for each in records if each["row"] == "T11-01"]
    assert link["firewalls"] == ["inner"] and link["source_ports"] == "25000-29999"


def test_the_table_lines_up_and_has_every_row() -> None:
    lines = render_connections(NAT, "table").splitlines()
    assert len(lines) == len(NAT.connections) + 2
    column = lines[0].index("purpose")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)
    assert "any" in render_connections(NAT) and "10.0.3.20 (203.0.113.20)" in render_connections(NAT)
