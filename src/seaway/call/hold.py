"""Hold the old way, `c=0.0.0.0` (RFC 3264 §8.4), said the new way: our own address goes into `c=`, so the direction
attribute has to tell that the peer wants no media.
"""

from __future__ import annotations

from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["undo_null_hold"]

_NULL = frozenset(("0.0.0.0", "::"))
_MUTED = {b"sendrecv": b"sendonly", b"recvonly": b"inactive"}


def undo_null_hold(session: Session, body: bytes) -> None:
    """Where a running stream has the null address, make its direction say that nothing is received. `body` is what
    `session` was read from: nearly always one look at it is enough."""
    if b"IP4 0.0.0.0" not in body and b"IP6 ::" not in body:
        return
    for index, media in enumerate(session.media):
        connection = session.connection_of(index)
        if not media.enabled or connection is None or connection.address not in _NULL:
            continue
        if media.has(b"ice-ufrag") or session.has(b"ice-ufrag"):
            continue  # no candidate is known yet (RFC 8840 §4.1.1)
        direction = session.direction_of(index)
        set_direction(media, _MUTED.get(direction, direction))


def set_direction(media: Media, direction: bytes) -> None:
    """Make `media` say `direction`."""
    media.remove_attributes((b"sendrecv", b"sendonly", b"recvonly", b"inactive"))
    media.add_attribute(direction)
