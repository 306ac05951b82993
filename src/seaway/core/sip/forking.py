"""What forking adds to a proxy: Max-Breadth (RFC 5393 §5), hop limits, challenges of several branches in one response.

Works on the raw lines of messages, as `routing.py` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response

if TYPE_CHECKING:
    from seaway.core.sip.context import Context

__all__ = ["BREADTH", "breadth_left", "lines_onward", "max_breadth", "merge_challenges", "share_of"]

BREADTH = 60  # RFC 5393 §5.3.1: for a request that says nothing
_CHALLENGES = (b"www-authenticate", b"proxy-authenticate")
_MOST_CHALLENGES = 20  # in one response


def max_breadth(request: Request) -> int:
    """How many branches at once `request` may become. Raises `SipError`."""
    value = request.get(b"max-breadth")
    if value is None:
        return BREADTH
    try:
        return parse_digits(value, maximum=2**31 - 1)
    except WireError as error:
        raise SipError(f"Max-Breadth: {error.what}", section="RFC 5393 §5.3.1") from None


def breadth_left(context: Context) -> int:
    """How many branches at once may be added (RFC 5393 §5.3.3)."""
    if not context.branches:
        return context.breadth
    used = (each.breadth or context.breadth for each in context.branches if each.final is None)
    return max(0, context.breadth - sum(used))


def share_of(context: Context, count: int, share: int) -> int | None:
    """Max-Breadth for each of `count` further branches, when `share` such sets divide what is left. `None`: what the
    request has stays; 0: there is not enough."""
    if context.token is not None:
        return None  # a request inside a dialog does not fork
    left = breadth_left(context) // share
    if left < count:
        return 0
    if count == share == 1 and b"max-breadth" in context.request.names:
        return None
    return left // count


def lines_onward(request: Request, hops: int | None, breadth: int | None) -> list[bytes]:
    """The header lines of `request` with another Max-Forwards and Max-Breadth; `None` leaves what is there."""
    lines = request.lines.copy()
    for name, shown, value in ((b"max-forwards", b"Max-Forwards", hops), (b"max-breadth", b"Max-Breadth", breadth)):
        if value is None:
            continue
        line = b"%b: %d" % (shown, value)
        if name in request.names:
            lines[request.names.index(name)] = line
        else:
            lines.append(line)
    return lines


def merge_challenges(best: Response, others: Iterable[Response]) -> None:
    """RFC 3261 §16.7 step 7: a 401 or 407 carries the challenges of all branches that answered so."""
    if best.status not in (401, 407):
        return
    lines = {best.lines[i] for i, name in enumerate(best.names) if name in _CHALLENGES}
    for other in others:
        if other is best or other.status not in (401, 407):
            continue
        for name, line in zip(other.names, other.lines, strict=True):
            if name in _CHALLENGES and line not in lines and len(lines) < _MOST_CHALLENGES:
                lines.add(line)
                best.insert(len(best.names), name, line)
