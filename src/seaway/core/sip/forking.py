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

__all__ = ["BREADTH", "breadth_left", "limit", "max_breadth", "merge_challenges", "share_of"]

BREADTH = 60  # RFC 5393 §5.3.1: for a request that says nothing
_USUAL = b"Max-Breadth: %d" % BREADTH
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
    if not context.branches and count == share == 1 and context.breadth > 0:
        return None if b"max-breadth" in context.request.names else context.breadth
    left = breadth_left(context) // share
    if left < count:
        return 0
    if count == share == 1 and b"max-breadth" in context.request.names:
        return None
    return left // count


def limit(lines: list[bytes], begin: int, names: list[bytes], hops: int, breadth: int | None) -> None:
    """Make `hops` the Max-Forwards and `breadth` (`None`: what is there) the Max-Breadth of the header that begins at
    `lines[begin]` and has these `names`."""
    if b"max-forwards" in names:
        lines[begin + names.index(b"max-forwards")] = b"Max-Forwards: %d" % hops
    else:
        lines.append(b"Max-Forwards: %d" % hops)
    if breadth is None:
        return
    line = _USUAL if breadth == BREADTH else b"Max-Breadth: %d" % breadth
    if b"max-breadth" in names:
        lines[begin + names.index(b"max-breadth")] = line
    else:
        lines.append(line)


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
