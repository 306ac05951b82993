"""REGISTER: whose it is, whether they may, and what the registrar makes of it (RFC 3261 §10.3)."""

from __future__ import annotations

from collections import deque
from typing import Any

from seaway.call.admission import Refusal, address_of_record
from seaway.call.authorising import Authorising
from seaway.call.config import ControlConfig, Registrations
from seaway.call.events import KeepFlow, LogEvent
from seaway.call.kept import Keeper
from seaway.call.passing import Passing
from seaway.call.refusing import Refusals
from seaway.call.reg_events import RegEvents
from seaway.call.views import place_of, text_of
from seaway.call.zones import Zone
from seaway.core.sip.binding import Binding
from seaway.core.sip.context import Context, Target
from seaway.core.sip.date import Dates
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.registration import option_tags
from seaway.core.sip.routing import uri_host_port
from seaway.core.sip.sides import Sides
from seaway.policy.registration_access import RegistrationAccess
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.message import Response
from seaway.wire.sip.nameaddr import uri_of
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["EXTENSIONS", "Registering"]

EXTENSIONS = frozenset((b"path", b"outbound", b"gruu"))
"""Option tags of the registrar (RFC 3327, RFC 5626, RFC 5627)."""


_SHORTEST_TIMER, _LONGEST_TIMER = 30, 3600  # seconds


class _Rules:
    """Of one domain."""

    def __init__(self, config: Registrations) -> None:
        self.register_on = config.register_on
        self.access = RegistrationAccess(config.allow, config.deny)


class Registering:
    """REGISTER requests of one node."""

    def __init__(
        self, config: ControlConfig, sides: Sides, registrar: Registrar, proxy: Proxy,
        refusals: Refusals, outputs: deque[Any], dates: Dates, authorising: Authorising, passing: Passing,
        keeper: Keeper, events: RegEvents,
    ) -> None:  # fmt: skip
        self.events = events
        self._keeper = keeper
        self._authorising = authorising
        self._passing = passing
        self._rules = {each.name.lower().encode(): _Rules(each) for each in config.registrations}
        self._dates = dates
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._flow_timer = float(config.registrar.flow_timer)
        self._sides = sides
        self._registrar = registrar
        self._proxy = proxy
        self._refuse = refusals.refuse
        self._outputs = outputs

    def register(self, context: Context, zone: Zone, now: float) -> None:
        """Answer a REGISTER that came from `zone`. Raises `SipError` for unreadable fields."""
        request = context.request
        if uri_host_port(request.uri) not in self._sides.own and uri_host_port(request.uri) not in self._domains:
            parse_request_uri(request.uri)  # perhaps it is none at all (RFC 5118 §4.2)
            self._refuse(context, Refusal(404, "REGISTER for a domain that is not ours"), now)
            return
        self._authorising.decide(context, zone, lambda now: self._admitted(context, zone, now), now)

    def _admitted(self, context: Context, zone: Zone, now: float) -> None:
        """Who asks may ask: take the registration here, or send it to the node that keeps those of the domain."""
        request, flow = context.request, context.flow
        context.admitted = True
        aor = address_of_record(uri_of(request.require(b"to")))
        domain = aor.rpartition(b"@")[2] if aor is not None else b""
        if aor is None or domain not in self._domains:
            self._refuse(context, Refusal(404, "To is not in one of our domains"), now)
            return
        if (rules := self._rules.get(domain)) is not None:
            problem = rules.access.problem(aor)
            if problem is not None:
                self._refuse(context, Refusal(403, f"{text_of(aor)} may not register: {problem}"), now)
                return
            if rules.register_on is not None and rules.register_on != zone.name:
                refusal = self._passing.forward(context, rules.register_on, now)
                if refusal is not None:
                    self._refuse(context, refusal, now)
                return
        unknown = option_tags(request, b"require") - EXTENSIONS if b"require" in request.names else None
        if unknown:
            unsupported = (b"Unsupported", b", ".join(sorted(unknown)))  # RFC 3261 §8.2.2.3
            self._refuse(context, Refusal(420, "the REGISTER requires what we do not have", (unsupported,)), now)
            return
        behind = zone.name if zone.trusted and b"path" in request.names else None
        result = self._registrar.register(request, aor, flow, now, behind)
        for uri in result.added:
            self._log("registration.added", user=text_of(aor), contact=uri.decode("latin-1"), source=place_of(flow))
        for uri in result.removed:
            self._log("registration.removed", user=text_of(aor), contact=uri.decode("latin-1"))
        if result.outbound and flow.reliable:
            self._outputs.append(KeepFlow(flow, self._flow_timer))
        headers = result.headers
        if result.status == 200:
            headers += ((b"Date", self._dates.at(now)),)  # RFC 3261 §10.3 step 8
        self._proxy.reject(context, result.status, now, headers=headers)
        self._changed(now)

    def _changed(self, now: float) -> None:
        """Bindings may have changed: tell who keeps and who watches them."""
        self._keeper.note()
        if self._registrar.news:
            self.events.tell(now)

    def answered(self, context: Context, response: Response) -> None:
        """An answer to a REGISTER that we passed on: its Flow-Timer is for the flow to us (RFC 5626 §5.4)."""
        if response.status != 200 or not context.flow.reliable:
            return
        self._passing.accepted(context)
        if b"flow-timer" in response.names:
            try:
                seconds = parse_digits(response.require(b"flow-timer"), maximum=_LONGEST_TIMER)
            except WireError:
                return  # a promise that nobody understands
            self._outputs.append(KeepFlow(context.flow, float(max(seconds, _SHORTEST_TIMER))))

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        """430: the proxy before the phone has lost its flow, so this binding leads nowhere (RFC 5626 §7)."""
        if status == 430 and isinstance(target.mark, Binding) and self._registrar.drop(target.mark, "deactivated"):
            aor, uri = text_of(target.mark.aor), text_of(target.mark.uri)
            self._log("registration.removed", user=aor, contact=uri, why="its flow failed")
            self._changed(now)

    def sweep(self, now: float) -> None:
        """Forget what has expired; call it every few seconds."""
        for binding in self._registrar.expire(now):
            self._log("registration.expired", user=text_of(binding.aor), contact=text_of(binding.uri))
        self._changed(now)
        self.events.sweep(now)

    def _log(self, event: str, /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields))
