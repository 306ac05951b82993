"""A request of ours inside a dialog that is no INVITE, until its final response."""

from __future__ import annotations

from collections.abc import Callable

from seaway.core.sip.client import ClientTransaction
from seaway.wire.sip.message import Response

__all__ = ["Ask"]


class Ask:
    """`done(status, response, now)` is called once; without a response `status` is 408 or 503."""

    __slots__ = ("_done",)

    def __init__(self, done: Callable[[int, Response | None, float], None]) -> None:
        self._done = done

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        if response.status >= 200:
            self._done(response.status, response, now)

    def failed(self, status: int, reason: str, now: float) -> None:
        self._done(status, None, now)

    def ringing_too_long(self, now: float) -> None:
        """Never: only INVITE rings."""
