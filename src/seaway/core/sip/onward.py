"""A request as a proxy sends it on (RFC 3261 §16.6)."""

from __future__ import annotations

from seaway.core.sip.context import Branch
from seaway.core.sip.forking import limit
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.loops import loop_hash
from seaway.core.sip.sides import Sides
from seaway.core.sip.tokens import RouteTokens
from seaway.wire.sip.message import Request

__all__ = ["Onward"]

_DIALOG_METHODS = frozenset((b"INVITE", b"SUBSCRIBE", b"REFER", b"NOTIFY"))


class Onward:
    """Of one proxy. `prefix` begins all its branches and no other's."""

    def __init__(self, sides: Sides, tokens: RouteTokens, prefix: bytes) -> None:
        self._sides = sides
        self._tokens = tokens
        self._prefix = prefix
        self._counter = 0

    def edited(self, branch: Branch, where: Flow | Hop, key: bytes) -> bytes:
        """The request as it goes out (RFC 3261 §16.6 steps 2 to 8)."""
        context, target, request = branch.context, branch.target, branch.request
        sides = self._sides
        lines = [b"%b %b SIP/2.0" % (request.method, target.uri), sides.via(where) + key, *target.lines]
        if request.method in _DIALOG_METHODS and context.token is None:
            call_id = context.call_id
            inbound = sides.record_route(context.flow)
            outbound = sides.record_route(where)
            if inbound is outbound and context.payload == target.payload == b"n":
                lines.append(inbound % self._tokens.make(b"n", call_id))
            else:  # double Record-Route (RFC 5658): each side gets the token of the other
                lines.append(outbound % self._tokens.make(target.payload, call_id))
                lines.append(inbound % self._tokens.make(context.payload, call_id))
        begin = len(lines)
        lines += request.lines
        if context.token is None:
            limit(lines, begin, request.names, min(target.hop_count, context.hops), branch.breadth)
        if where.transport != "udp" and b"content-length" not in request.names:
            lines.append(b"Content-Length: %d" % len(request.body))  # a stream needs it (RFC 3261 §16.6 step 9)
        lines += (b"", request.body)
        return b"\r\n".join(lines)

    def branch(self, request: Request, route: bytes | None = None) -> bytes:
        """A new branch value for `request` (RFC 3261 §16.6 step 8); `route` as in `loop_hash`."""
        self._counter += 1
        return b"%b%x.%x" % (self._prefix, self._counter, loop_hash(request, route))
