"""What each long-lived process sets for itself at its start: descriptors and the garbage collector."""

from __future__ import annotations

import gc
import resource
from contextlib import suppress

__all__ = ["calm_collector", "raise_descriptor_limit"]


def calm_collector() -> None:
    """What is loaded now stays: the garbage collector need not look at it again. Transactions are freed by their
    reference counts and live for half a minute, so looking at them every 700 allocations finds nothing and costs a
    quarter of a call; cycles are still found, later."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def raise_descriptor_limit() -> None:
    """As many as we may have: a call has 4 sockets for each stream, and the usual 1024 would end at some 250 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
