"""REGISTER: whose it is, whether they may, and what the registrar makes of it (RFC 3261 §10.3)."""

from __future__ import annotations

from collections import deque
from typing import Any

from seaway.call.admission import Admission, Refusal, address_of_record
from seaway.call.config import ControlConfig
from seaway.call.events import LogEvent
from seaway.call.refusing import Refusals
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
from seaway.wire.sip.nameaddr import uri_of

__all__ = ["EXTENSIONS", "Registering"]

EXTENSIONS = frozenset((b"path", b"outbound", b"gruu"))
"""Option tags of the registrar (RFC 3327, RFC 5626, RFC 5627)."""


class Registering:
    """REGISTER requests of one node."""

    def __init__(
        self, config: ControlConfig, sides: Sides, registrar: Registrar, admission: Admission, proxy: Proxy,
        refusals: Refusals, outputs: deque[Any], dates: Dates,
    ) -> None:  # fmt: skip
        self._dates = dates
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._sides = sides
        self._registrar = registrar
        self._admission = admission
        self._proxy = proxy
        self._refuse = refusals.refuse
        self._outputs = outputs

    def register(self, context: Context, zone: Zone, now: float) -> None:
        """Answer a REGISTER that came from `zone`. Raises `SipError` for unreadable fields."""
        request, flow = context.request, context.flow
        if uri_host_port(request.uri) not in self._sides.own and uri_host_port(request.uri) not in self._domains:
            self._refuse(context, Refusal(404, "REGISTER for a domain that is not ours"), now)
            return
        if not zone.trusted:
            who = self._admission.check(request, flow.remote[0], now)
            if isinstance(who, Refusal):
                self._refuse(context, who, now)
                return
        context.admitted = True
        aor = address_of_record(uri_of(request.require(b"to")))
        if aor is None or aor.rpartition(b"@")[2] not in self._domains:
            self._refuse(context, Refusal(404, "To is not in one of our domains"), now)
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
        headers = result.headers
        if result.status == 200:
            headers += ((b"Date", self._dates.at(now)),)  # RFC 3261 §10.3 step 8
        self._proxy.reject(context, result.status, now, headers=headers)

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        """430: the proxy before the phone has lost its flow, so this binding leads nowhere (RFC 5626 §7)."""
        if status == 430 and isinstance(target.mark, Binding) and self._registrar.drop(target.mark):
            aor, uri = text_of(target.mark.aor), text_of(target.mark.uri)
            self._log("registration.removed", user=aor, contact=uri, why="its flow failed")

    def sweep(self, now: float) -> None:
        """Forget what has expired; call it every few seconds."""
        for binding in self._registrar.expire(now):
            self._log("registration.expired", user=text_of(binding.aor), contact=text_of(binding.uri))

    def _log(self, event: str, /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields))
