"""Requests that call control sends on its own account, outside the proxy: who hears of their end."""

from __future__ import annotations

from seaway.core.sip.client import ClientTransaction
from seaway.wire.sip.message import Response

__all__ = ["OwnRequest"]


class OwnRequest:
    """The `context` of such a client transaction."""

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """A response came, also a provisional one."""
        raise NotImplementedError

    def failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """It could not be sent (503) or was not answered (408)."""
        raise NotImplementedError
