"""The one error of the STUN codec."""

from __future__ import annotations

from seaway.wire.errors import WireError

__all__ = ["StunError"]


class StunError(WireError):
    """A datagram is not a well-formed STUN message.

    `what` is a stable word or two ("length", "address family"), `offset` the octet in the datagram (or in the
    attribute value, when only that was decoded), `section` where the rule is written.
    """

    def __init__(self, what: str, offset: int, section: str) -> None:
        super().__init__(what, offset=offset, section=section)
