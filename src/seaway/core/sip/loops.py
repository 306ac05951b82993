"""Whether a request has been here before and nothing has changed (RFC 3261 §16.3 step 4, RFC 5393)."""

from __future__ import annotations

from seaway.wire.sip.message import Request

__all__ = ["loop_hash", "loops"]

_MOST_PASSES = 3  # times that one request may pass here, whatever it has been changed into: a loop is bounded


def loops(request: Request, route: bytes | None, prefix: bytes) -> bool:
    """RFC 3261 §16.3 step 4: our Via is there already, and nothing that decides the route has changed; or it is there
    too often, since what is changed at each pass may still go round (RFC 5393 §4.2)."""
    if request.names.count(b"via") < 2:
        return False
    ending: bytes | None = None
    passes = 0
    for name, line in zip(request.names, request.lines, strict=True):
        if name == b"via" and prefix in line:
            if ending is None:
                ending = b".%x" % loop_hash(request, route)
            passes += line.count(prefix)
            if ending in line or passes >= _MOST_PASSES:
                return True
    return False


def loop_hash(request: Request, route: bytes | None) -> int:
    """What decides where a request goes; equal when it comes back unchanged. Only meaningful inside this process.

    `route` is the payload of the route token that it came with: a request inside a dialog may pass here twice.
    """
    names, lines = request.names, request.lines
    return hash((request.uri, route, lines[names.index(b"call-id")], lines[names.index(b"cseq")])) & 0xFFFFFFFF
