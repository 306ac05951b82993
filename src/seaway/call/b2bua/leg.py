"""One leg of a call through the B2BUA: a dialog with one peer, where it is reached, and what is open in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.origin import Origin
from seaway.call.b2bua.stack import ALLOW, Stack
from seaway.call.b2bua.timers import Timer
from seaway.call.record import Call
from seaway.call.zones import Zone
from seaway.core.sip.dialog import Dialog, DialogState, option_tags
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.offer_answer import OfferAnswer
from seaway.core.sip.reliable import ReliableReceiver, ReliableSender
from seaway.core.sip.session_timer import SessionTimer
from seaway.media.protocol import LegName
from seaway.wire.sip.message import Message, Request

if TYPE_CHECKING:
    from seaway.call.b2bua.call import B2buaCall
    from seaway.call.b2bua.invite_in import InviteIn
    from seaway.call.b2bua.invite_out import InviteOut
    from seaway.call.b2bua.stack import Exchange
    from seaway.call.b2bua.transfer import Transfer

__all__ = ["Leg"]

Headers = tuple[tuple[bytes, bytes], ...]


class Leg:
    """`payload` is the route token payload that leads to the peer (`core/sip/tokens.py`), `side` its side of the media
    session `media`. `local_sdp` and `remote_sdp` are the descriptions that were sent and received last, as they were
    on this leg. `peer` is the leg at the other end; it changes with a transfer."""

    __slots__ = (
        "allow", "authenticated", "bye_waits", "call", "contact", "dialog", "expiry", "invite_in", "invite_out",
        "local_sdp", "media", "offers", "origin", "payload", "peer", "receiver", "refer_ids", "remote_sdp", "sender",
        "side", "source", "stack", "supported", "timer", "transfer", "zone",
    )  # fmt: skip

    def __init__(
        self, call: B2buaCall, stack: Stack, dialog: Dialog, zone: Zone, payload: bytes, contact: bytes, side: LegName,
        timer: SessionTimer,
    ) -> None:  # fmt: skip
        self.authenticated = zone.trusted or (zone.kind == "local" and zone.settings.authentication != "do-not-check")
        """Whether the peer counts as authenticated in what it may reach by REFER; for whoever called, as the call did.
        Somebody who was called is taken for whom the zone knows, strangers are strangers."""
        self.call = call
        self.stack = stack
        self.dialog = dialog
        self.zone = zone
        self.payload = payload
        self.contact = contact
        self.side: LegName = side
        self.media: Call = call.record  # the call's, unless it forks over legs of several kinds
        self.timer = timer
        self.peer: Leg | None = None
        self.offers = OfferAnswer()
        self.origin = Origin(stack.random(8))
        self.sender = ReliableSender(1 + (int.from_bytes(stack.random(2)) << 4))
        self.receiver = ReliableReceiver()
        self.allow: frozenset[bytes] = frozenset()
        self.supported: frozenset[bytes] = frozenset()
        self.local_sdp = b""
        self.remote_sdp = b""
        self.source: Flow | None = None  # that its signalling came on last
        self.invite_in: InviteIn | None = None  # an INVITE that came, until its ACK
        self.invite_out: InviteOut | None = None  # an INVITE that we sent, until its ACK
        self.bye_waits: Headers | None = None  # BYE goes out when the ACK has come (RFC 3261 §15)
        self.expiry: Timer | None = None
        self.refer_ids: dict[bytes, bytes] = {}  # CSeq of a REFER that we passed on -> its CSeq where it came from
        self.transfer: Transfer | None = None  # that the peer has asked for

    # -- state

    @property
    def alive(self) -> bool:
        return self.dialog.state is not DialogState.TERMINATED

    @property
    def confirmed(self) -> bool:
        return self.dialog.state is DialogState.CONFIRMED

    @property
    def busy(self) -> bool:
        """Whether an INVITE or an offer is open: nothing else may begin (RFC 3261 §14.1)."""
        return self.invite_in is not None or self.invite_out is not None or not self.offers.may_offer

    def learn(self, message: Message) -> None:
        """What the peer says that it can (RFC 3311 §4)."""
        if b"allow" in message.names:
            self.allow = option_tags(message, b"allow")
        if b"supported" in message.names:
            self.supported = option_tags(message, b"supported")

    # -- sending

    def where(self, request: Request, now: float) -> Flow | Hop | Place | None:
        """Where `request` goes; `None`: the peer cannot be reached any more."""
        target = self.stack.follow(request, self.payload, now)
        return target.where if target is not None else None

    def contact_headers(self) -> Headers:
        """What INVITE, UPDATE and their answers say of us."""
        return ((b"Contact", self.contact), (b"Allow", ALLOW), (b"Supported", b"100rel, timer, replaces"))

    def send(
        self, method: bytes, headers: Headers, body: bytes, content: Headers, exchange: Exchange | None, now: float,
        max_forwards: int = 70,
    ) -> bool:  # fmt: skip
        """Send a request inside the dialog; false: there is no way to the peer."""
        request = self.dialog.request(method, (*headers, *content), max_forwards=max_forwards)
        where = self.where(request, now)
        if where is None:
            return False
        if body:
            request.set_body(body)
        self.stack.send(request, where, exchange, now)
        return True

    def bye(self, now: float, headers: Headers = ()) -> None:
        """End the dialog: BYE now, or when the ACK for our 2xx has come (RFC 3261 §15)."""
        if not self.alive:
            return
        if self.invite_in is not None and self.invite_in.awaits_ack:
            self.bye_waits = headers
            return
        if self.invite_out is not None:
            self.invite_out.settle(self, now)
        self.send(b"BYE", headers, b"", (), None, now)
        self.close()

    def close(self) -> None:
        """Nothing more is sent or taken."""
        self.dialog.state = DialogState.TERMINATED
        self.sender.stop()
        if self.expiry is not None:
            self.expiry.stop()
            self.expiry = None
        self.call.forget(self)
