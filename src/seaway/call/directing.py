"""Carries out what call policy says of a request: refuse, redirect, look elsewhere, and go on when that has failed."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from seaway.call.admission import Refusal
from seaway.call.alias_uri import uri_of_alias
from seaway.call.b2bua.stack import Permitted
from seaway.call.facts import party_of_uri
from seaway.call.found import Found
from seaway.call.looking_up import Consulted
from seaway.call.screening import Screened, Screening
from seaway.call.search import Search
from seaway.call.searching import Searches
from seaway.call.zones import Zone
from seaway.core.sip.context import Context
from seaway.core.sip.date import Dates
from seaway.core.sip.proxy import Proxy
from seaway.policy.cpl.run import Outcome, ProxyTo, Run

__all__ = ["Directing"]

_MOST_ROUNDS = 20  # decisions of one script on one call
_BUSY = frozenset((486, 600))
_NO_ANSWER = frozenset((408, 480, 487))

Refuse = Callable[[Context, Refusal, float], None]


class Directing:
    """Call policy at work on one node. `refuse` answers a request and says why in the log."""

    def __init__(
        self, screening: Screening, searches: Searches, proxy: Proxy, dates: Dates, refuse: Refuse
    ) -> None:  # fmt: skip
        self._screening = screening
        self._searches = searches
        self._proxy = proxy
        self._dates = dates
        self._refuse = refuse
        self._timers: list[tuple[float, int, _Script, int]] = []
        self._order = count()
        searches.lookups.consult = self.consult

    def begin(self, context: Context, zone: Zone, alias: bytes, now: float, found: Found | None = None) -> None:
        """Ask policy about a request for `alias`, then look for it, at once or later. `found`: where it is without the
        dial plan (GRUU)."""

        def proceed(now: float) -> None:
            if found is None:
                self._searches.begin(context, zone, alias, now)
            else:
                self._searches.send(context, zone, alias, found, now)

        if not self._screening:
            proceed(now)
            return
        if context.request.method == b"INVITE":
            self._proxy.trying(context, now)  # a policy service may take its time

        def done(screened: Screened, now: float) -> None:
            if context.server.request is None or self._answered(context, screened, now):
                return
            send = screened.send
            if send is None:
                proceed(now)
                return
            aliases = _aliases(send)
            if not aliases:
                self._refuse(context, Refusal(404, "the policy script names no alias that can be looked for"), now)
                return
            script = None
            if screened.run is not None and (send.more or send.timeout is not None):
                script = _Script(self, context, screened.run)
                self._start(script, send, now)
            self._searches.begin_at(context, zone, alias, aliases, script, now, parallel=send.ordering == "parallel")

        caller = context.user.decode("utf-8", "replace") if context.user is not None else ""
        name = (found.alias if found is not None and found.alias else alias).decode("utf-8", "replace")
        self._screening.screen(context, zone.name, caller, name, self._dates.wall(now), now, done)

    def consult(self, search: Search, uri: bytes, done: Consulted, now: float) -> None:
        """Ask the policy service for the aliases to look for instead of `uri`: `done(aliases, status, why, now)`, with
        the status and reason for when there are none."""

        def told(screened: Screened, now: float) -> None:
            if screened.send is not None:
                done(_aliases(screened.send), 404, "the policy service names no alias that can be looked for", now)
            elif screened.refusal is not None:
                done([], screened.refusal.status, screened.refusal.why, now)
            else:
                done([], 404, "the policy service names nobody", now)

        context = search.context
        caller = context.user.decode("utf-8", "replace") if context.user is not None else ""
        self._screening.consult(context, search.zone.name, caller, uri, self._dates.wall(now), now, told)

    def refers(
        self, context: Context, zone: Zone, referrer: bytes, authenticated: bool, uri: bytes, alias: bytes,
        done: Permitted, now: float,
    ) -> None:  # fmt: skip
        """Ask policy whether `referrer`, a party of a call, may have `uri` called (REFER), as about a call of his own:
        `done(uri, status, why, now)` with what to look for, or `None`. What a script wants later is not asked."""

        def told(screened: Screened, now: float) -> None:
            if screened.refusal is not None:
                done(None, screened.refusal.status, screened.refusal.why, now)
            elif screened.redirect is not None:
                done(None, 403, "call policy redirects it", now)
            elif screened.send is None:
                done(uri, 0, "", now)
            else:
                named = (uri_of_alias(b"sip", each.decode("ascii", "replace")) for each in _aliases(screened.send))
                done(next(filter(None, named), None), 404, "call policy names no alias that can be looked for", now)

        if self._screening:
            name = alias.decode("utf-8", "replace")
            wall = self._dates.wall(now)
            self._screening.refer(context, zone.name, party_of_uri(referrer), authenticated, uri, name, wall, now, told)
        else:
            done(uri, 0, "", now)

    def next_deadline(self) -> float | None:
        """When the time that a script gives to a call is over."""
        return self._timers[0][0] if self._timers else None

    def handle_timeout(self, now: float) -> None:
        """Give up on those whose time is over."""
        while self._timers and self._timers[0][0] <= now:
            _, _, script, rounds = heappop(self._timers)
            if script.rounds == rounds and script.context.server.request is not None:
                script.late = True
                agent = script.context.agent
                if agent is not None:
                    agent.timed_out(now)
                else:
                    self._proxy.cancel_branches(script.context, now)

    def further(self, script: _Script, search: Search, now: float) -> bool:
        """All that a script wanted has failed: ask it what then. True: the search goes on, or there is an answer."""
        context, late = script.context, script.late
        script.late = False
        script.rounds += 1
        if context.cancelled or context.server.request is None:
            return False
        if script.rounds <= _MOST_ROUNDS:
            screened = self._screening.further(script.run.ended(_outcome(search)), script.run, now)
            if screened is not None and screened.send is None:
                return self._answered(context, screened, now)
            if screened is not None and screened.send is not None:
                self._start(script, screened.send, now)
                aliases, parallel = _aliases(screened.send), screened.send.ordering == "parallel"
                return bool(aliases) and self._searches.go_on(search, aliases, now, parallel=parallel)
        if late:
            self._refuse(context, Refusal(408, "nobody answered in the time that the policy script gives"), now)
        return late

    # -- inside

    def _answered(self, context: Context, screened: Screened, now: float) -> bool:
        """Whether policy answers the request itself."""
        if screened.refusal is not None:
            self._refuse(context, screened.refusal, now)
            return True
        redirect = screened.redirect
        if redirect is not None:
            headers = tuple((b"Contact", b"<" + each.encode("utf-8") + b">") for each in redirect.locations)
            self._proxy.reject(context, 301 if redirect.permanent else 302, now, headers=headers)
            return True
        return False

    def _start(self, script: _Script, send: ProxyTo, now: float) -> None:
        """Start the clock of a `ProxyTo` that has one."""
        if send.timeout is not None:
            heappush(self._timers, (now + send.timeout, next(self._order), script, script.rounds))


class _Script:
    """A script that is to hear how its call ends: `Director` of the search."""

    __slots__ = ("_directing", "context", "late", "rounds", "run")

    def __init__(self, directing: Directing, context: Context, run: Run) -> None:
        self._directing = directing
        self.context = context
        self.run = run
        self.rounds = 0  # decisions so far
        self.late = False  # the time of the present one is over

    def ended(self, search: Search, now: float) -> bool:
        return self._directing.further(self, search, now)


def _outcome(search: Search) -> Outcome:
    """How what was asked has ended, in the words of RFC 3880 §6.1."""
    statuses = search.statuses
    if any(each in _BUSY for each in statuses):
        return "busy"
    if any(300 <= each < 400 for each in statuses):
        return "redirection"
    return "noanswer" if any(each in _NO_ANSWER for each in statuses) else "failure"


def _aliases(send: ProxyTo) -> list[bytes]:
    """The aliases of the locations; what has none (a bare host, another scheme) cannot be looked for."""
    found: list[bytes] = []
    for each in send.locations:
        party = party_of_uri(each.encode("utf-8"))
        if party.scheme == "tel":
            found.append(party.telephone.encode("utf-8"))
        elif party.user and party.host:
            found.append(f"{party.user}@{party.host}".encode())
    return found
