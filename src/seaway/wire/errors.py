"""The error every parser of this room raises: the peer sent octets that do not fit the standard."""

from __future__ import annotations

__all__ = ["WireError"]


class WireError(ValueError):
    """Octets that cannot be read.

    `what` is one clear line, `offset` the octet in the parsed value where it went wrong (`None` when it
    belongs to the whole), `section` the place in the standard ("RFC 3261 §20.14"; empty when none applies).
    """

    def __init__(self, what: str, *, offset: int | None = None, section: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.section = section

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at octet {self.offset}"
        return f"{self.what}{where} ({self.section})" if self.section else f"{self.what}{where}"
