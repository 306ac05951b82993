"""`seaway metrics`: figures of a running node for Prometheus, as text."""

from __future__ import annotations

import argparse

from seaway.admin.errors import UsageError
from seaway.admin.status import ask, run_dir_of
from seaway.observe.metrics import VIEWS, exposition

__all__ = ["show"]


def show(options: argparse.Namespace) -> int:
    """A view that cannot be had (the relay may be starting) leaves its figures out. Raises `IpcError` when no node
    answers."""
    run_dir = run_dir_of(options)
    views = {VIEWS[0]: ask(run_dir, VIEWS[0])}
    for view in VIEWS[1:]:
        try:
            views[view] = ask(run_dir, view)
        except UsageError:
            continue
    print(exposition(views, openmetrics=options.openmetrics), end="")
    return 0
