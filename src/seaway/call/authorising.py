"""Whether a request that begins something may: by the authentication policy of its zone and by credentials.

"check": the credentials of a local user, or of a domain whose users another node keeps, which is asked
(`delegation.py`). "do-not-check": the request passes unauthenticated; but nobody registers so from an untrusted zone.
"treat-as-authenticated": the zone is taken to have checked.
"""

from __future__ import annotations

from collections.abc import Callable

from seaway.call.admission import Admission, Elsewhere, Refusal
from seaway.call.delegation import Delegates
from seaway.call.zones import Zone
from seaway.core.sip.context import Context
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError

__all__ = ["Authorising", "Proceed"]

Proceed = Callable[[float], None]
"""Goes on with a request that may; called at once or later, with the time."""


class Authorising:
    """Of one node. `refuse` answers a request that may not."""

    def __init__(
        self, admission: Admission, delegates: Delegates, refuse: Callable[[Context, Refusal, float], None]
    ) -> None:
        self._admission = admission
        self._delegates = delegates
        self._refuse = refuse

    def decide(self, context: Context, zone: Zone, proceed: Proceed, now: float) -> None:
        """Go on with `proceed`, at once or later, or refuse. Raises `WireError` for unreadable fields."""
        settings = zone.settings
        policy = settings.authentication
        if not zone.trusted:
            self._admission.claims(context.request, settings.allow_headers)
        if policy == "treat-as-authenticated":
            context.authenticated = True
            proceed(now)
        elif policy == "do-not-check" and (zone.trusted or context.request.method != b"REGISTER"):
            proceed(now)
        else:
            self._check(context, proceed, now)

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
        context.user = self._admission.identities.of(context.request, who)
        context.authenticated = True
        proceed(now)
