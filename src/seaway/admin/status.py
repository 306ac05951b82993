"""`seaway status`: asks a running node over its control socket. What keeps a node from answering is one line."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from seaway.admin.errors import UsageError
from seaway.admin.table import table
from seaway.runtime import ipc
from seaway.runtime.control_protocol import CONTROL_SOCKET, MAX_ANSWER

__all__ = ["ask", "command", "run_dir_of", "show"]

_RUN = Path("/run/seaway")


def show(options: argparse.Namespace) -> int:
    """A view is no finding: the status is 0 whatever it shows (`seaway alarms` judges)."""
    rows = ask(run_dir_of(options), options.show)
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return 0


def run_dir_of(options: argparse.Namespace) -> Path:
    """The one that was named, or that of the only node here. Raises `UsageError`."""
    return Path(options.run_dir) if options.run_dir else _only_node()


def ask(run_dir: Path, view: str, timeout: float = 5.0) -> list[dict[str, Any]]:
    """The rows of one view. Raises `IpcError` when no node answers there, `UsageError` when there can be none."""
    rows: list[dict[str, Any]] = command(run_dir, {"show": view}, timeout)["rows"]
    return rows


def command(run_dir: Path, question: dict[str, str], timeout: float = 5.0) -> dict[str, Any]:
    """The answer to one question. Raises `IpcError` when no node answers there, `UsageError` when it refuses."""
    path = run_dir / CONTROL_SOCKET
    line = json.dumps(question).encode() + b"\n"
    try:
        reply: dict[str, Any] = json.loads(asyncio.run(ipc.ask(path, line, max_line=MAX_ANSWER, timeout=timeout)))
    except ipc.IpcError as error:
        raise _unreachable(run_dir, error) from None
    if "error" in reply:
        raise UsageError(f"{run_dir}: {reply['error']}")
    return reply


def _unreachable(run_dir: Path, error: ipc.IpcError) -> Exception:
    """What keeps the node from answering, told from the folder's state."""
    cause = error.__cause__
    if isinstance(cause, PermissionError):
        return ipc.IpcError(run_dir, "permission denied", "only root and the node's own user may ask: use sudo")
    if isinstance(cause, FileNotFoundError):
        if not run_dir.is_dir():
            return UsageError(f"{run_dir}: there is no such folder; give run_dir of the node's file with --run-dir")
        return ipc.IpcError(run_dir, "no node runs there", "start it with `seaway node run CONFIG.toml`")
    if isinstance(cause, ConnectionRefusedError):
        why = "no node runs there; it did not end in order"
        return ipc.IpcError(run_dir, why, "look at the end of its log, then start it again")
    return error


def _only_node() -> Path:
    try:
        folders = list(_RUN.iterdir()) if _RUN.is_dir() else []
        found = [each for each in folders if (each / CONTROL_SOCKET).exists()]
    except PermissionError:
        remedy = "only root and the node's own user may ask: use sudo"
        raise UsageError(f"{_RUN}: permission denied; {remedy}") from None
    if len(found) == 1:
        return found[0]
    if not found and os.geteuid() != 0 and folders:
        raise UsageError(f"say which node with --run-dir (none under {_RUN} that this user may ask; try sudo)")
    names = ", ".join(str(each) for each in sorted(found)) or f"none runs under {_RUN}"
    raise UsageError(f"say which node with --run-dir (there is: {names})")
