"""Resolved connections as a table for people, CSV or JSON: what `seaway map resolve` prints."""

from __future__ import annotations

import csv
import io
import json
from typing import Literal

from seaway.catalog.model import Security, Transport
from seaway.catalog.resolve import Connection, Party, Resolution

__all__ = ["COLUMNS", "Format", "records", "render_connections"]

Format = Literal["table", "csv", "json"]

COLUMNS = (
    "row", "feature", "purpose", "transport", "security", "opens", "source", "source_zone", "source_nic",
    "source_addresses", "source_public", "source_ports", "destination", "destination_zone", "destination_nic",
    "destination_addresses", "destination_public", "destination_ports", "firewalls", "also",
)  # fmt: skip


def render_connections(resolution: Resolution, format: Format = "table") -> str:
    """All connections of `resolution`, one per line, in catalog order. Ends with a newline."""
    rows = records(resolution)
    if format == "json":
        return json.dumps(rows, indent=2) + "\n"
    if format == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(value) for key, value in row.items()})
        return out.getvalue()
    return _table(resolution)


def records(resolution: Resolution) -> list[dict[str, object]]:
    """One record per connection, with the keys of `COLUMNS`; addresses, firewalls and `also` are lists."""
    return [_record(resolution, each) for each in resolution.connections]


def _record(resolution: Resolution, connection: Connection) -> dict[str, object]:
    record: dict[str, object] = {
        "row": connection.row.id,
        "feature": connection.row.feature,
        "purpose": connection.row.purpose,
        "transport": _transport(connection),
        "security": str(connection.carrier.security),
        "opens": str(connection.opens),
    }
    for end, party in (("source", connection.source), ("destination", connection.destination)):
        record[end] = "+".join(party.hosts)
        record[f"{end}_zone"] = party.zone
        record[f"{end}_nic"] = party.nic or ""
        record[f"{end}_addresses"] = list(party.networks)
        record[f"{end}_public"] = list(party.public)
        record[f"{end}_ports"] = str(party.ports)
    record["firewalls"] = list(resolution.path(connection))
    record["also"] = list(connection.also)
    return {column: record[column] for column in COLUMNS}


def _table(resolution: Resolution) -> str:
    head = ("row", "from", "address", "ports", "transport", "to", "address", "ports", "firewalls", "purpose")
    lines = [head]
    for each in resolution.connections:
        arrow = "" if each.carrier.security is Security.NONE else f"/{each.carrier.security}"
        lines.append(
            (
                ",".join((each.row.id, *each.also)), "+".join(each.source.hosts), _addresses(each.source),
                str(each.source.ports), _transport(each) + arrow, "+".join(each.destination.hosts),
                _addresses(each.destination), str(each.destination.ports),
                ",".join(resolution.path(each)) or "-", each.row.purpose,
            )
        )  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = tuple("-" * width for width in widths)
    printed = [lines[0], rule, *lines[1:]]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in printed]
    return "\n".join(text) + "\n"


def _transport(connection: Connection) -> str:
    carrier = connection.carrier
    return f"ip/{carrier.protocol}" if carrier.transport is Transport.IP else str(carrier.transport)


def _addresses(party: Party) -> str:
    real = ",".join(network.removesuffix("/32").removesuffix("/128") for network in party.networks)
    real = "any" if real in ("0.0.0.0/0", "::/0") else real
    return f"{real} ({','.join(party.public)})" if party.public else real


def _cell(value: object) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
