"""Which of several final responses goes upstream (RFC 3261 §16.7 step 6)."""

from __future__ import annotations

from seaway.core.sip.context import Branch

__all__ = ["rank", "rank_status"]

_PREFERRED_4XX = (401, 407, 415, 420, 484)  # RFC 3261 §16.7 step 6: they can be acted upon
_NOT_HERE = (403, 404, 405, 408, 410, 416, 480, 482, 483)  # say least: somebody else may have found the callee


def rank(branch: Branch) -> tuple[int, int]:
    """The smallest is the best. `branch` has its final response."""
    assert branch.final is not None
    return rank_status(branch.final.status)


def rank_status(status: int) -> tuple[int, int]:
    """The same of a status."""
    if status >= 600:
        return (0, status)
    if status // 100 == 4 and status in _PREFERRED_4XX:
        return (4, 0)
    if status in _NOT_HERE:
        return (4, 1000 - (status == 480))
    return (status // 100, status)
