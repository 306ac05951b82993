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

__all__ = ["ask", "command", "run_dir_of", "show", "table"]

_RUN = Path("/run/seaway")


def show(options: argparse.Namespace) -> int:
    rows = ask(run_dir_of(options), options.show)
    print(json.dumps(rows, indent=2) if options.json else table(rows), end="\n")
    return 0


def run_dir_of(options: argparse.Namespace) -> Path:
    """The one that was named, or that of the only node here. Raises `UsageError`."""
    return Path(options.run_dir) if options.run_dir else _only_node()


def ask(run_dir: Path, view: str, timeout: float = 5.0) -> list[dict[str, Any]]:
    """The rows of one view. Raises `IpcError` when no node answers there."""
    rows: list[dict[str, Any]] = command(run_dir, {"show": view}, timeout)["rows"]
    return rows


def command(run_dir: Path, question: dict[str, str], timeout: float = 5.0) -> dict[str, Any]:
    """The answer to one question. Raises `IpcError` when no node answers there, `UsageError` when it refuses."""
    path = run_dir / CONTROL_SOCKET
    line = json.dumps(question).encode() + b"\n"
    reply: dict[str, Any] = json.loads(asyncio.run(ipc.ask(path, line, max_line=MAX_ANSWER, timeout=timeout)))
    if "error" in reply:
        raise UsageError(f"{path}: {reply['error']}")
    return reply


def _only_node() -> Path:
    found = [each.parent for each in _RUN.glob(f"*/{CONTROL_SOCKET}")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(each) for each in sorted(found)) or f"none under {_RUN}"
    raise UsageError(f"say which node with --run-dir (there is: {names})")


def table(rows: list[dict[str, Any]]) -> str:
    """Text for people: a line for each row, or for each field of a single wide one."""
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
