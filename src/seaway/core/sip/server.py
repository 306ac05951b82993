"""Server transactions (RFC 3261 §17.2, RFC 6026 §7.1): what answers one request, also when it comes again."""

from __future__ import annotations

from typing import Any

from seaway.core.sip.io import Flow
from seaway.core.sip.states import INVITE_SERVER, NON_INVITE_SERVER, Event, State
from seaway.wire.sip.message import Request

__all__ = ["ServerTransaction"]


class ServerTransaction:
    """One request that we received. The layer sends and keeps time; this holds state.

    `flow` is where responses go (RFC 3261 §18.2.2). `context` belongs to the transaction user.
    """

    __slots__ = ("context", "flow", "interval", "invite", "key", "last", "method", "request", "started", "state")

    def __init__(self, key: bytes, request: Request, flow: Flow, now: float) -> None:
        self.key = key
        self.request: Request | None = request  # released when the final response is out
        self.method = request.method
        self.invite = request.method == b"INVITE"
        self.flow = flow
        self.state = State.PROCEEDING if self.invite else State.TRYING
        self.last: bytes | None = None  # last response, for retransmissions
        self.interval = 0.0  # timer G
        self.started = now  # time of the final response, for timer H
        self.context: Any = None

    def advance(self, event: Event) -> bool:
        """Take the transition for `event`; false when the table has none (the event is then to be ignored)."""
        state = (INVITE_SERVER if self.invite else NON_INVITE_SERVER).get((self.state, event))
        if state is None:
            return False
        self.state = state
        return True
