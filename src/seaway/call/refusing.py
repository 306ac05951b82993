"""How a request is refused: the answer to the peer, the one line in the log that says why, and what it is an offence
against."""

from __future__ import annotations

from collections import deque
from typing import Any

from seaway.call.admission import Refusal
from seaway.call.events import LogEvent, Offence, Proved
from seaway.call.noise import Noise
from seaway.call.views import open_uri, place_of
from seaway.core.sip.context import Context
from seaway.core.sip.proxy import Proxy
from seaway.policy.intrusion import Category, is_scanner

__all__ = ["Refusals"]


class Refusals:
    """Refuses requests of one node; the log lines are bounded by `noise`."""

    def __init__(self, proxy: Proxy, outputs: deque[Any], noise: Noise) -> None:
        self._proxy = proxy
        self._outputs = outputs
        self._noise = noise

    def refuse(self, context: Context, refusal: Refusal, now: float) -> None:
        """Answer `context` with the status of `refusal`; its reason goes to the log unless it is a usual one."""
        agent = context.request.get(b"user-agent")  # before the answer, which may let go of the request
        self._proxy.reject(context, refusal.status, now, headers=refusal.headers, reason=refusal.phrase or None)
        proven = refusal.wrong or context.flow.reliable
        if refusal.bare and context.flow.reliable:
            self._outputs.append(Offence(Category.ENUMERATION, context.flow, True))
        if refusal.wrong:
            self._outputs.append(Offence(Category.AUTHENTICATION, context.flow, proven))
        if agent is not None and is_scanner(agent):
            self._outputs.append(Offence(Category.SCANNER, context.flow, proven))
        if refusal.usual or not self._noise.allows(now):
            return
        fields: dict[str, object] = {
            "method": context.request.method.decode("latin-1"),
            "uri": open_uri(context.request.uri).decode("latin-1"),
            "status": refusal.status,
            "why": refusal.why,
            "source": place_of(context.flow),
            "call_id": context.call_id.decode("latin-1"),
        }
        self._outputs.append(LogEvent("request.refused", fields, "warning"))

    def proved(self, context: Context) -> None:
        """A challenge was answered rightly: it is no offence (see `refuse`)."""
        if context.flow.reliable:
            self._outputs.append(Proved(context.flow))
