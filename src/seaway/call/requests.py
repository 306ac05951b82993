"""What becomes of a request: who may ask, where it goes, and whether its media is carried here."""

from __future__ import annotations

from seaway.call.admission import Admission, Refusal
from seaway.call.anchor import Anchor
from seaway.call.authorising import Authorising
from seaway.call.b2bua.agent import B2bua
from seaway.call.config import ControlConfig
from seaway.call.delegation import OPTION_TAG, judge
from seaway.call.directing import Directing
from seaway.call.found import Found
from seaway.call.paths import Paths
from seaway.call.refusing import Refusals
from seaway.call.registering import Registering
from seaway.call.searching import Searches
from seaway.call.zones import ServerLink, Zone, Zones
from seaway.core.sip.context import Context, Target
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registration import option_tags
from seaway.core.sip.routing import uri_host_port
from seaway.core.sip.sides import Sides
from seaway.wire.sip.nameaddr import tag_of

__all__ = ["Requests"]

_ALLOW = b"INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE"
_ABILITIES = ((b"Allow", _ALLOW), (b"Accept", b"application/sdp"), (b"Supported", b"path, outbound, gruu"),
              (b"Allow-Events", b"reg"))  # fmt: skip


class Requests:
    """The decisions of one node on requests that begin a transaction."""

    def __init__(
        self, config: ControlConfig, sides: Sides, zones: Zones, paths: Paths, admission: Admission, anchor: Anchor,
        registering: Registering, proxy: Proxy, refusals: Refusals, authorising: Authorising, searches: Searches,
        directing: Directing, b2bua: B2bua,
    ) -> None:  # fmt: skip
        self._authorising = authorising
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._sides = sides
        self._zones = zones
        self._paths = paths
        self._admission = admission
        self._anchor = anchor
        self._registering = registering
        self._events = registering.events
        self._proxy = proxy
        self._searches = searches
        self._directing = directing
        self._refuse = refusals.refuse
        self._b2bua = b2bua

    def route(self, context: Context, now: float) -> None:
        """Forward or refuse a request, at once or later. Raises `WireError` for unreadable fields."""
        request, flow = context.request, context.flow
        zone = self._zones.of(flow)
        context.zone = zone
        method = request.method
        if zone.refused:
            names = ", ".join(flow.peer_names)
            self._refuse(context, Refusal(403, f"no access rule of the default zone lets {names} in"), now)
            return
        if zone.kind == "traversal-server":
            link = self._zones.links[zone.name]
            assert isinstance(link, ServerLink)
            if method == b"OPTIONS" and context.token is None and self._for_us(request.uri, link.config.port):
                link.options(context, self._proxy, now)
                return
            if link.flow is not flow:
                self._refuse(context, Refusal(403, "a request before the zone was authenticated"), now)
                return
        if self._b2bua.request(context, zone, now):
            return
        if context.token is not None:
            if tag_of(request.require(b"to")) is not None:
                self._in_dialog(context, context.token, zone, now)
                return
            context.token = None  # begins something new: what a dialog may, it may not
        if method == b"REGISTER":
            self._registering.register(context, zone, now)
            return
        if method == b"OPTIONS" and self._for_us(request.uri):
            if zone.traversal and OPTION_TAG in option_tags(request, b"require"):
                status, why = judge(context, self._admission.authenticator, self._admission.users)
                self._refuse(context, Refusal(status, why, usual=status == 200), now)
                return
            self._proxy.reject(context, 200, now, headers=_ABILITIES)
            return
        if tag_of(request.require(b"to")) is not None and not (method == b"SUBSCRIBE" and self._events.known(request)):
            self._refuse(context, Refusal(481, "a request inside a dialog without our Route"), now)
            return
        if context.path is not None and zone.trusted and (context.path or zone.traversal):
            self._by_path(context, zone, context.path, now)
            return
        self._authorising.decide(context, zone, lambda now: self._authorised(context, zone, now), now)

    def _authorised(self, context: Context, zone: Zone, now: float) -> None:
        """Whoever asks may ask."""
        if not zone.trusted:
            if context.user is not None or context.local:
                zone = self._zones.local  # one of ours, wherever they are
            self._admission.clean(context.request, zone.settings.allow_headers)
        request = context.request
        if request.method == b"SUBSCRIBE" and (self._events.known(request) or self._events.wanted(request)):
            refusal = self._events.subscribe(context, now)
            if refusal is not None:
                self._refuse(context, refusal, now)
            return
        self._admission.identities.take(context)
        self._start(context, zone, now)

    def _start(self, context: Context, zone: Zone, now: float) -> None:
        """A request that begins something: look for its target and send it there."""
        request = context.request
        context.admitted = True
        alias = self._paths.alias(request.uri)
        if alias is None:
            self._refuse(context, Refusal(404, "the Request-URI has no user"), now)
            return
        found = self._paths.gruu(request.uri, now) if b";gr" in request.uri else None
        self._directing.begin(context, zone, alias, now, found)

    def _by_path(self, context: Context, zone: Zone, payload: bytes, now: float) -> None:
        """A request of the registrar for a phone that registered through us (RFC 5626 §5.3)."""
        context.admitted = True
        target = self._paths.by_path(context.request.uri, payload)
        if target is None:
            self._refuse(context, Refusal(430, "the connection of the phone is gone"), now)
            return
        alias = self._paths.alias(context.request.uri) or b""
        self._admission.identities.take(context)
        self._searches.send(context, zone, alias, Found(None, [target]), now)

    def _in_dialog(self, context: Context, token: bytes, zone: Zone, now: float) -> None:
        """A request that carries our route token: its dialog was admitted before (RFC 3261 §16.4)."""
        context.admitted = True
        if not zone.trusted:
            self._admission.clean(context.request, self._zones.allow_headers)
        self._anchor.find(context)
        if context.call is None and self._anchor.needs_call(context.request, zone, token):
            self._refuse(context, Refusal(481, "the media session of this call is gone"), now)
            return
        target = self._paths.follow(context.request, token, now)
        if target is None:
            self._refuse(context, Refusal(480, "the connection to the other side is gone"), now)
            return
        if context.request.method == b"INVITE":
            self._proxy.trying(context, now)
        self._carry(context, target, now)

    def _carry(self, context: Context, target: Target, now: float) -> None:
        """Send a request on; before that rewrite the SDP of an anchored call, which may have to wait for the relay."""
        call = context.call
        if call is None:
            self._proxy.forward(context, [target], now)
            return

        def refuse(status: int, why: str) -> None:
            self._refuse(context, Refusal(status, why), now)

        def proceed() -> None:
            self._proxy.forward(context, [target], now, call=call)

        self._anchor.carry_request(call, context.request, context.flow, proceed, refuse, now)

    def _for_us(self, uri: bytes, port: int | None = None) -> bool:
        """Whether a Request-URI names this node or domain itself, without a user."""
        if b"@" in uri:
            return False
        place = uri_host_port(uri)
        if port is not None and place.endswith(b":%d" % port):
            return True
        return place in self._sides.own or place in self._domains
