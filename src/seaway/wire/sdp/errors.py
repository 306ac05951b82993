"""SDP parse errors and the SIP status that answers the request which carried the body."""

from __future__ import annotations

from seaway.wire.errors import WireError

__all__ = ["SdpError"]


class SdpError(WireError):
    """A session description that cannot be used, for this call only.

    `status` is 400 when it breaks the grammar, 488 when it is over a limit or no fitting answer (RFC 3261 §21.4.26).
    `line` counts from 1; `None` when the error belongs to the whole.
    """

    def __init__(self, what: str, *, status: int = 400, line: int | None = None, section: str = "RFC 8866 §5") -> None:
        super().__init__(what if line is None else f"{what}, line {line}", section=section)
        self.status = status
        self.line = line
