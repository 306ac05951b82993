"""Phones that an edge passes on to another registrar and that come back on another connection.

The edge keeps no bindings (`passing.py`). But a request inside a call is for the connection that the phone had when the
call began; when that is gone, and the same user has registered the same contact on a new one, it goes there. A contact
that two users claim leads nowhere. Bounded: the oldest go.
"""

from __future__ import annotations

from seaway.core.sip.io import Flow

__all__ = ["Returning"]

_MOST = 20_000


class Returning:
    """Contact URIs of authenticated users with the stream that they were registered on last."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[bytes, tuple[bytes, Flow] | None] = {}  # `None`: two users claim it

    def note(self, uri: bytes, user: bytes, flow: Flow) -> None:
        """`user` has registered `uri` on `flow`."""
        known = self._known.pop(uri, (user, flow))  # and to the end: it is the youngest now
        mine = known is not None and known[0] == user
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[uri] = (user, flow) if mine else None

    def flow(self, uri: bytes) -> Flow | None:
        """Where the phone with the contact `uri` was last; it may be closed."""
        known = self._known.get(uri)
        return known[1] if known is not None else None
