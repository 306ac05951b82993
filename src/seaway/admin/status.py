"""`seaway status`: asks a running node over its control socket."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from seaway.admin.errors import UsageError
from seaway.runtime import ipc
from seaway.runtime.control_protocol import CONTROL_SOCKET, MAX_ANSWER

__all__ = ["ask", "show"]

_RUN = Path("/run/seaway")


def show(options: argparse.Namespace) -> int:
    run_dir = Path(options.run_dir) if options.run_dir else _only_node()
    rows = ask(run_dir, options.show)
    print(json.dumps(rows, indent=2) if options.json else _table(rows), end="\n")
    return 0


def ask(run_dir: Path, view: str, timeout: float = 5.0) -> list[dict[str, Any]]:
    """The rows of one view. Raises `IpcError` when no node answers there."""
    path = run_dir / CONTROL_SOCKET
    question = json.dumps({"show": view}).encode() + b"\n"
    reply = json.loads(asyncio.run(ipc.ask(path, question, max_line=MAX_ANSWER, timeout=timeout)))
    if "error" in reply:
        raise UsageError(f"{path}: {reply['error']}")
    rows: list[dict[str, Any]] = reply["rows"]
    return rows


def _only_node() -> Path:
    found = [each.parent for each in _RUN.glob(f"*/{CONTROL_SOCKET}")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(each) for each in sorted(found)) or f"none under {_RUN}"
    raise UsageError(f"say which node with --run-dir (there is: {names})")


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "none"
    if len(rows) == 1 and len(rows[0]) > 8:
        width = max(len(key) for key in rows[0])
        return "\n".join(f"{key:<{width}}  {_cell(value)}" for key, value in rows[0].items())
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return ",".join(_cell(each) for each in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(each)}" for key, each in value.items()) or "-"
    return str(value)
