"""A message of an anchored call that waits until the relay has opened ports for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seaway.call.description import Description
from seaway.call.record import Call
from seaway.media.protocol import LegName
from seaway.wire.sdp.session import Session
from seaway.wire.sip.message import Message

__all__ = ["Edit", "Held", "Proceed", "Refuse"]

Proceed = Callable[[], None]
Refuse = Callable[[int, str], None]  # status to answer, and why (for the log)
Edit = Callable[[Session], None]  # changes a description before our addresses go in; may raise `SdpError`


@dataclass(slots=True)
class Held:
    """`sdp` is what `described`, in the body of `message`, says, sent by `side`; `source` the IP address its signalling
    came from."""

    call: Call
    message: Message
    described: Description
    sdp: Session
    side: LegName
    source: str | None
    proceed: Proceed
    refuse: Refuse
    since: float  # monotonic seconds
    answer: bool  # of an offer of the other side (RFC 3264)
    edit: Edit | None = None
