"""`seaway alarms`: what is wrong with a running node, and that somebody looks after it."""

from __future__ import annotations

import argparse
import json

from seaway.admin.errors import FINDING, UsageError
from seaway.admin.status import ask, command, run_dir_of
from seaway.admin.table import table

__all__ = ["acknowledge", "show"]


def show(options: argparse.Namespace) -> int:
    """Ends with 1 while an alarm is raised that nobody has acknowledged."""
    rows = ask(run_dir_of(options), "alarms")
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return FINDING if any(each["state"] == "raised" for each in rows) else 0


def acknowledge(options: argparse.Namespace) -> int:
    """Raises `UsageError` without an id, and when there is no such alarm."""
    if options.id is None:
        raise UsageError("say which alarm: `seaway alarms` shows the ids")
    command(run_dir_of(options), {"do": "acknowledge", "alarm": options.id})
    print(json.dumps({"acknowledged": options.id}) if options.json else f"{options.id} acknowledged")
    return 0
