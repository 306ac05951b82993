"""Client transactions (RFC 3261 §17.1, RFC 6026 §7.2): one request that we sent, until its final response."""

from __future__ import annotations

from typing import Any

from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.states import INVITE_CLIENT, NON_INVITE_CLIENT, Event, State

__all__ = ["ClientTransaction"]


class ClientTransaction:
    """One request that we sent. The layer sends and keeps time; this holds state.

    `flow` is `None` until a `hop` has been resolved and connected. `context` belongs to the transaction user.
    """

    __slots__ = (
        "cancelled", "context", "data", "flow", "hop", "interval", "invite", "key", "method", "patience", "reliable",
        "started", "state",
    )  # fmt: skip

    def __init__(
        self, key: bytes, method: bytes, data: bytes, flow: Flow | None, hop: Hop | None, context: Any, now: float,
        patience: float,
    ) -> None:  # fmt: skip
        self.key = key
        self.method = method
        self.invite = method == b"INVITE"
        self.data = data  # the request as sent; released after the final response (INVITE: after its ACK is needless)
        self.flow = flow
        self.hop = hop
        if flow is not None:
            self.reliable = flow.transport != "udp"
        else:
            assert hop is not None
            self.reliable = hop.transport != "udp"
        self.state = State.CALLING if self.invite else State.TRYING
        self.interval = 0.0  # timer A or E
        self.started = now
        self.patience = patience  # seconds for a first response
        self.context = context
        self.cancelled = False

    def advance(self, event: Event) -> bool:
        """Take the transition for `event`; false when the table has none (the event is then to be ignored)."""
        state = (INVITE_CLIENT if self.invite else NON_INVITE_CLIENT).get((self.state, event))
        if state is None:
            return False
        self.state = state
        return True
