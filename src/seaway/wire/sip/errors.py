"""SIP parse errors: what is wrong, and which SIP status answers it."""

from __future__ import annotations

from seaway.wire.errors import WireError
from seaway.wire.sip.status import reason_phrase

__all__ = ["SipError"]


class SipError(WireError):
    """A SIP message or field that cannot be accepted.

    `status` is the SIP status to answer a request with (400, 413, 416, 420, 505, ...); `reason` its reason
    phrase, never text from the peer. A response in error is dropped instead, and a stream that cannot be
    resynchronised is closed: `close` is true for those.
    """

    def __init__(
        self,
        what: str,
        *,
        status: int = 400,
        reason: str | None = None,
        offset: int | None = None,
        section: str = "",
        close: bool = False,
    ) -> None:
        super().__init__(what, offset=offset, section=section)
        self.status = status
        self.reason = reason if reason is not None else reason_phrase(status)
        self.close = close
