"""A message of an anchored call that waits until the relay has opened ports for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seaway.call.record import Call
from seaway.media.protocol import LegName
from seaway.wire.sdp.session import Session
from seaway.wire.sip.message import Message

__all__ = ["Edit", "Held", "Proceed", "Refuse", "has_sdp"]

Proceed = Callable[[], None]
Refuse = Callable[[int, str], None]  # status to answer, and why (for the log)
Edit = Callable[[Session], None]  # changes a description before our addresses go in; may raise `SdpError`


@dataclass(slots=True)
class Held:
    """`sdp` is the parsed body of `message`, sent by `side`; `source` the IP address its signalling came from."""

    call: Call
    message: Message
    sdp: Session
    side: LegName
    source: str | None
    proceed: Proceed
    refuse: Refuse
    since: float  # monotonic seconds
    answer: bool  # of an offer of the other side (RFC 3264)
    edit: Edit | None = None


def has_sdp(message: Message) -> bool:
    """Whether the body is a session description."""
    content = message.get(b"content-type")
    if not message.body or content is None:
        return False
    return content.partition(b";")[0].strip().lower() == b"application/sdp"
