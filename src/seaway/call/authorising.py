"""Whether a request that begins something may: by the authentication policy of its zone and by credentials.

"check": the credentials of a local user, or of a domain whose users another node keeps, which is asked
(`delegation.py`). "do-not-check": the request passes, as authenticated when a trusted zone asserts an identity; from an
untrusted zone nobody registers so, or claims to be one of ours. "treat-as-authenticated": the zone is taken to have
checked. The policy of the local zone is that of phones, known by the connection or address that they registered from.
"""

from __future__ import annotations

from collections.abc import Callable

from seaway.call.admission import Admission, Elsewhere, Refusal, address_of_record
from seaway.call.delegation import Delegates
from seaway.call.refusing import Refusals
from seaway.call.zones import Zone
from seaway.core.sip.context import Context
from seaway.core.sip.registrar import Registrar
from seaway.policy.zone_settings import ZoneSettings
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import uri_of

__all__ = ["Authorising", "Proceed"]

Proceed = Callable[[float], None]
"""Goes on with a request that may; called at once or later, with the time."""


class Authorising:
    """Of one node. `refuse` answers a request that may not."""

    def __init__(
        self, admission: Admission, delegates: Delegates, registrar: Registrar, local: ZoneSettings,
        refusals: Refusals,
    ) -> None:  # fmt: skip
        self._admission = admission
        self._registrar = registrar
        self._local = local.authentication
        self._delegates = delegates
        self._refuse = refusals.refuse
        self._proved = refusals.proved

    def decide(self, context: Context, zone: Zone, proceed: Proceed, now: float) -> None:
        """Go on with `proceed`, at once or later, or refuse. Raises `WireError` for unreadable fields."""
        settings = zone.settings
        policy = settings.authentication
        if not zone.trusted:
            self._admission.claims(context.request, settings.allow_headers)
        if self._local != "check" and not zone.trusted and self._registered(context, now):
            proceed(now)
        elif policy == "treat-as-authenticated":
            context.authenticated = True
            proceed(now)
        elif policy == "do-not-check" and (zone.trusted or self._passes(context.request)):
            # Where we trust, somebody who asserts an identity has checked it (RFC 3325 §5).
            context.authenticated = zone.trusted and b"p-asserted-identity" in context.request.names
            proceed(now)
        else:
            self._check(context, proceed, now)

    def _passes(self, request: Request) -> bool:
        """Whether a stranger's request may pass unproved: nobody registers so, nor calls in the name of one of ours."""
        return request.method != b"REGISTER" and not self._admission.identities.ours(request)

    def _registered(self, context: Context, now: float) -> bool:
        """Whether the request comes from where the user in From is registered; then it counts as this user's."""
        if context.request.method == b"REGISTER":
            return False
        aor = address_of_record(uri_of(context.request.require(b"from"))) or b""
        if not any(each.flow is context.flow for each in self._registrar.lookup(aor, now)):
            return False
        context.local = True
        if self._local == "treat-as-authenticated":
            context.user, context.authenticated = aor, True
        return True

    def _check(self, context: Context, proceed: Proceed, now: float) -> None:
        request, source = context.request, context.flow.remote[0]
        who = self._admission.check(request, source, now)
        if not isinstance(who, Elsewhere):
            self._settle(context, who, proceed, now)
            return
        asked = who

        def told(status: int, now: float) -> None:
            if context.server.request is None:
                return  # it has been cancelled meanwhile
            try:
                self._settle(context, self._admission.told(request, asked, status, source, now), proceed, now)
            except WireError as error:
                self._refuse(context, Refusal(error.status if isinstance(error, SipError) else 400, str(error)), now)

        self._delegates.ask(asked.zone, asked.domain, request.method, asked.value, source, told, now)

    def _settle(self, context: Context, who: str | Refusal, proceed: Proceed, now: float) -> None:
        if isinstance(who, Refusal):
            self._refuse(context, who, now)
            return
        self._proved(context)
        context.user = self._admission.identities.of(context.request, who)
        context.authenticated = True
        proceed(now)
