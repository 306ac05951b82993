"""An INVITE of ours until it is answered: provisional responses, CANCEL, and the ACK of each 2xx (RFC 3261 §13.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from seaway.core.sip.build import build_cancel
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.dialog import Dialog, cseq_number
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.states import State
from seaway.wire.errors import WireError
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import tag_of

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg
    from seaway.call.b2bua.stack import Stack

__all__ = ["InviteOut", "InviteUser"]

_MAX_ACCEPTED = 16  # 2xx of one INVITE with different tags


class InviteUser(Protocol):
    """Who sent an INVITE."""

    def provisional(self, out: InviteOut, response: Response, now: float) -> None:
        """A 101 to 199. Raises `WireError` when it cannot be read."""

    def accepted(self, out: InviteOut, response: Response, now: float) -> None:
        """A 2xx, once for each To tag. Raises `WireError`."""

    def refused(self, out: InviteOut, status: int, response: Response | None, now: float) -> None:
        """No dialog: a final response, or none (408, 503)."""


class InviteOut:
    """`request` is as sent, but for its Via. `final` is the status that ended it, 0 before."""

    __slots__ = (
        "_acks", "_client", "_tags", "cancelled", "final", "request", "ringing", "stack", "trail", "user", "where",
    )  # fmt: skip

    def __init__(self, stack: Stack, request: Request, where: Flow | Hop | Place, user: InviteUser) -> None:
        self.stack = stack
        self.request = request
        self.where = where
        self.user = user
        self.final = 0
        self.ringing = False
        self.cancelled = False
        self.trail: object = None  # the user's
        self._client: ClientTransaction | None = None
        self._tags: set[bytes] = set()
        self._acks: dict[bytes, tuple[bytes, Flow | Hop]] = {}

    def send(self, now: float) -> None:
        def begun(client: ClientTransaction) -> None:
            self._client = client

        self.stack.send(self.request.copy(), self.where, self, now, begun)

    @property
    def number(self) -> int:
        """CSeq."""
        return cseq_number(self.request)

    @property
    def flow(self) -> Flow | None:
        """On which it is answered."""
        return self._client.flow if self._client is not None else None

    def cancel(self, now: float) -> None:
        """CANCEL as soon as it may be sent (RFC 3261 §9.1)."""
        self.cancelled = True
        client = self._client
        if client is None or client.cancelled or client.state is not State.PROCEEDING or self.final:
            return
        self.stack.layer.cancelling(client, now)
        request, where = parse(client.data), client.flow or client.hop
        assert isinstance(request, Request) and where is not None
        self.stack.layer.send_request(client.key, b"CANCEL", build_cancel(request), where, None, now)

    def ack(self, dialog: Dialog, where: Flow | Hop | Place | None, now: float, body: bytes = b"") -> None:
        """Acknowledge the 2xx that confirmed `dialog`, now and each time it comes again."""
        if where is None or dialog.remote_tag in self._acks:
            return
        request = dialog.ack(self.number)
        if body:
            request.set_body(body, b"application/sdp")

        def located(hop: Flow | Hop | None, when: float) -> None:
            if hop is not None:
                self._acks[dialog.remote_tag] = (self.stack.send_ack(request, hop), hop)

        self.stack.locate(where, located, now)

    def settle(self, leg: Leg, now: float) -> None:
        """The call ends: a 2xx without its ACK gets one, without an answer if one was due; else CANCEL."""
        leg.invite_out = None
        if leg.dialog.remote_tag in self._tags:
            request = leg.dialog.ack(self.number)
            self.ack(leg.dialog, leg.where(request, now), now)
        elif not self.final:
            self.cancel(now)

    # -- Exchange

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        status = response.status
        try:
            if status < 200:
                self.ringing = True
                if self.cancelled:
                    self._client = client
                    self.cancel(now)
                elif status > 100:
                    self.user.provisional(self, response, now)
                return
            if status < 300:
                self._accepted(response, now)
                return
        except WireError as error:
            self.stack.counters["sip.response.unusable"] += 1
            self.stack.log("b2bua.response_unusable", "warning", status=status, why=str(error))
            if status < 200 or self.final:
                return
            status = 502
        if not self.final:
            self.final = status
            self.user.refused(self, status, response if status == response.status else None, now)

    def _accepted(self, response: Response, now: float) -> None:
        tag = tag_of(response.require(b"to")) or b""
        if tag in self._tags:
            known = self._acks.get(tag)
            if known is not None:
                self.stack.repeat_ack(*known)
            return
        if len(self._tags) >= _MAX_ACCEPTED:
            return
        self._tags.add(tag)
        self.user.accepted(self, response, now)
        self.final = self.final or response.status

    def failed(self, status: int, reason: str, now: float) -> None:
        if not self.final:
            self.final = status
            self.user.refused(self, status, None, now)

    def ringing_too_long(self, now: float) -> None:
        self.cancel(now)
