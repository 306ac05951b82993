"""`seaway call disconnect`: end calls that go through the B2BUA of a running node."""

from __future__ import annotations

import argparse
import json

from seaway.admin.errors import UsageError
from seaway.admin.status import command, run_dir_of

__all__ = ["disconnect"]


def disconnect(options: argparse.Namespace) -> int:
    """Raises `UsageError` when there is no such call, or it goes through the proxy."""
    if options.all == (options.id is not None):
        raise UsageError("say which: `seaway call disconnect ID`, or --all")
    reply = command(run_dir_of(options), {"do": "disconnect", "call": "all" if options.all else options.id})
    calls = reply["calls"]
    print(json.dumps({"disconnected": calls}) if options.json else "\n".join(calls) or "none")
    return 0
