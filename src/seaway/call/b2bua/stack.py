"""What every part of the B2BUA works with: sending, answering, timers, random names, the log."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Protocol

from seaway.call.anchor import Anchor
from seaway.call.b2bua.ice import IceTranslation
from seaway.call.b2bua.secure import Translation, enforced
from seaway.call.b2bua.timers import Timers
from seaway.call.config import ControlConfig
from seaway.call.events import LogEvent
from seaway.call.found import Found
from seaway.call.paths import Paths
from seaway.call.record import Call
from seaway.call.zones import Zone, Zones
from seaway.core.sip.build import build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Context, Target
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.session_timer import TimerWishes
from seaway.core.sip.sides import Sides
from seaway.core.sip.topvia import MAGIC
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response

__all__ = ["ALLOW", "Exchange", "Look", "Permit", "Permitted", "Stack"]

Headers = tuple[tuple[bytes, bytes], ...]
Look = Callable[[bytes, Zone, bool, float], tuple[Found, bytes]]
Permitted = Callable[[bytes | None, int, str, float], None]
"""Told the URI to look for, or `None` with status and reason."""
Permit = Callable[[Context, Zone, bytes, bool, bytes, bytes, Permitted, float], None]
ALLOW = b"INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE"
_USER = b"b2bua"


class Exchange(Protocol):
    """A request of ours: the context of its client transaction."""

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """A response came."""

    def failed(self, status: int, reason: str, now: float) -> None:
        """There is none: 408 or 503."""

    def ringing_too_long(self, now: float) -> None:
        """Timer C of an INVITE (RFC 3261 §16.8)."""


class Stack:
    """Of one node. `random(n)` gives n random octets."""

    def __init__(
        self, config: ControlConfig, proxy: Proxy, sides: Sides, paths: Paths, zones: Zones, anchor: Anchor,
        outputs: deque[Any], counters: Counter[str], random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.config = config
        self.layer = proxy.layer
        self.proxy = proxy
        self.paths = paths
        self.zones = zones
        self.anchor = anchor
        self.counters = counters
        self.random = random
        self.timers = Timers()
        self.look: Look = lambda uri, zone, authenticated, now: (Found(None, [], 404), b"")  # `Searches.look`
        self.permit: Permit  # `Directing.refers`
        self.note: Callable[[Any], None] = lambda call: None  # `B2bua.note`: a call has something new to be kept
        self.session_due: Callable[[Any, float], None] = lambda leg, now: None  # `refresh.due`
        self.clock = 0.0  # `now` of what is being handled: for answers of the relay, which come without it
        self.domain = config.domains[0].encode()
        self.server = config.server_name.encode()
        self._sides = sides
        self._outputs = outputs

    # -- names

    def tag(self) -> bytes:
        return self.random(8).hex().encode()

    def call_id(self) -> bytes:
        """Says nothing of the node or the call."""
        return self.random(16).hex().encode()

    def contact(self, where: Flow | Hop) -> bytes:
        """Our Contact value towards `where`."""
        line = self._sides.record_route(where) % _USER
        return line.partition(b": ")[2].replace(b";lr>", b">")

    # -- sending

    def send(
        self, request: Request, where: Flow | Hop | Place, exchange: Exchange | None, now: float,
        begun: Callable[[ClientTransaction], None] | None = None,
    ) -> None:  # fmt: skip
        """Send `request` (without Via) in a client transaction of its own; a place is located first. `begun` gets the
        transaction."""

        def located(hop: Flow | Hop | None, when: float) -> None:
            if hop is None:
                if exchange is not None:
                    exchange.failed(503, "the next hop was not found", when)
                return
            key = MAGIC + self.random(10).hex().encode()
            self._finish(request, hop, key)
            client = self.layer.send_request(key, request.method, request.serialise(), hop, exchange, when)
            if begun is not None:
                begun(client)

        self.locate(where, located, now)

    def locate(self, where: Flow | Hop | Place, done: Callable[[Flow | Hop | None, float], None], now: float) -> None:
        """Where exactly, at once or later; `None`: nothing was found."""
        if isinstance(where, Place):
            self.proxy.locator.locate(where, lambda hops, why, when: done(hops[0] if hops else None, when), now)
        else:
            done(where, now)

    def send_ack(self, request: Request, where: Flow | Hop) -> bytes:
        """Send the ACK of a 2xx; returns the octets, to be repeated with `repeat_ack`."""
        self._finish(request, where, MAGIC + self.random(10).hex().encode())
        data = request.serialise()
        self.layer.send_stateless(data, where)
        return data

    def repeat_ack(self, data: bytes, where: Flow | Hop) -> None:
        self.layer.send_stateless(data, where)

    def _finish(self, request: Request, where: Flow | Hop, key: bytes) -> None:
        request.insert(0, b"via", self._sides.via(where) + key)
        if self.server:
            request.insert(len(request.names), b"user-agent", b"User-Agent: " + self.server)
        if b"content-length" not in request.names:
            request.set_body(request.body)

    def follow(self, request: Request, payload: bytes, now: float) -> Target | None:
        """Where a request of a dialog goes; `None`: that place is gone, or cannot be reached from here."""
        try:
            return self.paths.follow(request, payload, now)
        except WireError:
            return None

    # -- answering

    def respond(
        self, context: Context, status: int, now: float, *, tag: bytes | None = None, headers: Headers = (),
        body: bytes = b"", content: Headers = (), reason: str | None = None,
    ) -> None:  # fmt: skip
        """Answer a request; ignored when it has its final response."""
        server = context.server
        if server.request is None:
            return
        if self.server and status > 100:
            headers = (*headers, (b"Server", self.server))
        response = build_response(context.request, status, tag=tag, headers=(*headers, *content), reason=reason)
        if body:
            response.set_body(body)
        self.layer.respond(server, response.serialise(), status, now)

    def refuse_body(self, context: Context, now: float) -> None:
        """A body of a type that is not taken here (RFC 3261 §21.4.13)."""
        self.respond(context, 415, now, tag=self.tag(), headers=((b"Accept", b"application/sdp"),))

    def build(
        self, context: Context, status: int, *, tag: bytes | None, headers: Headers, body: bytes = b"",
        content: Headers = (),
    ) -> bytes:  # fmt: skip
        """A response as octets, for those that are sent more than once."""
        if self.server:
            headers = (*headers, (b"Server", self.server))
        response = build_response(context.request, status, tag=tag, headers=(*headers, *content))
        if body:
            response.set_body(body)
        return response.serialise()

    # -- the rest

    def search(self, uri: bytes, ingress: Zone, authenticated: bool, now: float) -> tuple[Found, bytes]:
        """Where a URI that a party of a call has named is, by the dial plan, and its alias."""
        try:
            return self.look(uri, ingress, authenticated, now)
        except SipError as error:
            return Found(None, [], error.status, error.what), b""

    def secure(self, record: Call, ingress: Zone, egress: Zone) -> Call:
        """Let the media of `record` be protected as its two zones demand."""
        policies = ingress.settings.media_encryption, egress.settings.media_encryption
        if enforced(*policies):
            record.security = Translation(policies, self.random, lambda: record.fingerprint)
        if ingress.settings.ice or egress.settings.ice:
            wanted = ingress.settings.ice and not ingress.traversal, egress.settings.ice and not egress.traversal
            record.security = ice = IceTranslation(wanted, record.security, self.random)
            record.last_edit = ice.write
        return record

    def wishes(self, zone: Zone) -> TimerWishes:
        """What session timers are asked of the peers of `zone`."""
        return TimerWishes(zone.settings.session_refresh, zone.settings.minimum_session_refresh)

    def log(self, event: str, level: str = "info", /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields, level))

    def retry_after(self) -> Headers:
        """0 to 10 s, for a request that came too early (RFC 3261 §14.2)."""
        return ((b"Retry-After", b"%d" % (self.random(1)[0] % 11)),)
