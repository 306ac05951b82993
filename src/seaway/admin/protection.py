"""`seaway protection`: which sources a running node has blocked, and lifting a block."""

from __future__ import annotations

import argparse
import json

from seaway.admin.errors import UsageError
from seaway.admin.status import ask, command, run_dir_of
from seaway.admin.table import table

__all__ = ["show", "unblock"]


def show(options: argparse.Namespace) -> int:
    if options.address is not None or options.all:
        raise UsageError("protection list takes no address; `seaway protection unblock ADDRESS` lifts a block")
    rows = ask(run_dir_of(options), "protection")
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return 0


def unblock(options: argparse.Namespace) -> int:
    """Raises `UsageError` when that address is not blocked."""
    if options.all == (options.address is not None):
        raise UsageError("say which: `seaway protection unblock ADDRESS`, or --all")
    reply = command(run_dir_of(options), {"do": "unblock", "source": "all" if options.all else options.address})
    if options.json:
        print(json.dumps({"unblocked": reply["count"]}))
    if not reply["count"] and not options.all:
        raise UsageError(f"{options.address} is not blocked; `seaway protection list` shows who is")
    return 0
