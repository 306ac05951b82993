"""A search on its way: step by step through the dial plan, each step's targets at once, the next when all have failed.

What is asked in one step may lie in several zones: media that this node carries has legs of its own for each kind of
zone, so a request goes out in one copy per pair of legs (`anchor.py`). Nothing is decided here about who may ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import zip_longest

from seaway.call.admission import Refusal
from seaway.call.alias_uri import uri_of_alias, with_domain
from seaway.call.anchor import Anchor
from seaway.call.b2bua.agent import B2bua
from seaway.call.config import ControlConfig
from seaway.call.finding import Finder
from seaway.call.found import Found
from seaway.call.identity import Identities
from seaway.call.looking_up import LookUps
from seaway.call.paths import Paths
from seaway.call.plans import Decisions
from seaway.call.search import Director, Group, Legs, Search
from seaway.call.search_record import Candidate, SearchRecord, place_shown
from seaway.call.zones import Zone
from seaway.core.sip.context import Context, Target
from seaway.core.sip.forking import breadth_left
from seaway.core.sip.proxy import Proxy
from seaway.policy.plan import Step
from seaway.policy.search_settings import REGISTRATIONS

__all__ = ["Searches"]


_KEPT = 500  # searches that can be looked at afterwards
_MOST_STEPS = 30  # of one search
_ELSEWHERE = frozenset((403, 404, 405, 408, 410, 416, 430, 440, 480, 482, 483, 484, 485, 487))
"""Failures after which the alias may still be found elsewhere, beside 5xx. 487 is that of a phone that rang too long:
after the caller's CANCEL nothing is asked. All others say that it was found, or that the request itself is wrong."""


class Searches:
    """The searches of one node. `refuse` answers a request and says why in the log."""

    def __init__(
        self, config: ControlConfig, decisions: Decisions, finder: Finder, paths: Paths, anchor: Anchor, proxy: Proxy,
        identities: Identities, refuse: Callable[[Context, Refusal, float], None], b2bua: B2bua,
    ) -> None:  # fmt: skip
        self._identities = identities
        self._b2bua = b2bua
        self._domain = config.domains[0].lower()
        self._decisions = decisions
        self._finder = finder
        self._anchor = anchor
        self._proxy = proxy
        self._paths = paths
        self._refuse = refuse
        self._number = 0
        self.lookups = LookUps(self, decisions, finder, proxy.locator)
        self.records: deque[SearchRecord] = deque(maxlen=_KEPT)

    def begin(self, context: Context, zone: Zone, alias: bytes, now: float) -> None:
        """Look for `alias` by the dial plan and send the request there; refuse it when it is nowhere."""
        decision = self._decisions.about(alias, zone, context.authenticated)
        search = self._new(context, zone, alias, now)
        if decision is None:
            search.why = "the alias has octets outside ASCII"
        else:
            search.record.decision = decision
            search.queue.extend(decision.steps)
            if decision.problem:
                search.why = decision.problem
        self.go_on_with(search, now)

    def begin_at(
        self, context: Context, zone: Zone, alias: bytes, aliases: list[bytes], director: Director | None, now: float,
        *, parallel: bool,
    ) -> None:  # fmt: skip
        """Look for `aliases` instead of the `alias` that was asked for, one after the other or at once."""
        search = self._new(context, zone, alias, now)
        search.director = director
        self._queue(search, aliases, parallel=parallel)
        self.go_on_with(search, now)

    def go_on(self, search: Search, aliases: list[bytes], now: float, *, parallel: bool) -> bool:
        """Look for further aliases, also for one that has been asked; false when there is nobody to ask."""
        search.looked.clear()
        self._queue(search, aliases, parallel=parallel)
        return self.advance(search, now)

    def _queue(self, search: Search, aliases: list[bytes], *, parallel: bool) -> None:
        found = [self._decisions.about(each, search.zone, search.context.authenticated) for each in aliases]
        plans = [each.steps for each in found if each is not None]
        if parallel:
            for steps in zip_longest(*plans):
                choices = tuple(choice for step in steps if step is not None for choice in step.choices)
                search.queue.append(Step(min(step.priority for step in steps if step is not None), choices))
        else:
            search.queue.extend(step for steps in plans for step in steps)

    def send(self, context: Context, zone: Zone, alias: bytes, found: Found, now: float) -> None:
        """Send a request to what was found for it without the dial plan."""
        search = self._new(context, zone, alias, now)
        search.status, search.why = found.status, found.why
        if found.targets:
            search.queue.extend([Candidate(found.zone_of(each), each) for each in group] for group in _groups(found))
        self.go_on_with(search, now)

    def exhausted(self, search: Search, now: float) -> bool:
        """All branches have failed: true when there is more to come."""
        context = search.context
        fresh = [each for each in context.branches if each not in search.asked]
        search.asked.extend(fresh)
        statuses = [each.final.status for each in fresh if each.final is not None]
        search.statuses.extend(statuses)
        for each in fresh:
            if each.why:
                place = place_shown(each.target)
                named = place.partition("/")[0] in each.why
                search.record.passed_over(each.why if named else f"{place}: {each.why}")
        return bool(search.holding) or self.after_failures(search, statuses, now)

    def after_failures(self, search: Search, statuses: list[int], now: float) -> bool:
        """Those asked last have failed with `statuses`: true when others are asked."""
        found = any(each < 500 and each not in _ELSEWHERE for each in statuses)
        if found and search.queue and isinstance(search.queue[0], Step):
            search.queue.clear()
        return self.advance(search, now) or self._directed(search, now)

    def finished(self, search: Search, status: int, now: float) -> None:
        """The final response went upstream."""
        search.record.finish(status, now, search.record.why)
        search.queue.clear()
        for call, _ in search.calls.values():
            if status < 300 and call.callee_tag is not None:
                self._anchor.answered(call, now)
            else:
                reason = "another fork answered" if status < 300 else f"refused with {status}"
                self._anchor.end(call, reason, now)

    def look(self, uri: bytes, zone: Zone, authenticated: bool, now: float) -> tuple[Found, bytes]:
        """Where `uri`, which somebody in `zone` has named (REFER), is by the dial plan: the first step that leads
        anywhere, without ENUM and policy service; and its alias. Raises `SipError`."""
        alias = self._paths.alias(uri)
        decision = self._decisions.about(alias, zone, authenticated) if alias is not None else None
        for step in decision.steps if decision is not None else ():
            for choice in step.choices:
                if choice.rule.target in self.lookups.targets:
                    continue
                there = uri
                if choice.alias.encode("ascii") != alias:
                    there = uri_of_alias(b"sip", with_domain(choice.alias, self._domain)) or b""
                found = self._finder.find(
                    choice.rule.target, with_domain(choice.alias, self._domain).encode("ascii"), there, now
                )
                if there and found.targets:
                    return found, alias or b""
        return Found(None, [], 404, "no search rule leads anywhere"), alias or b""

    # -- inside

    def _new(self, context: Context, zone: Zone, alias: bytes, now: float) -> Search:
        request = context.request
        self._number += 1
        record = SearchRecord(
            self._number, now, request.method, request.uri, request.require(b"from"), context.call_id, zone,
            context.authenticated, None,
        )  # fmt: skip
        self.records.append(record)
        search = Search(self, context, zone, alias, record)
        context.search = search
        return search

    def go_on_with(self, search: Search, now: float) -> None:
        """Ask the next, or give up."""
        if not self.advance(search, now) and not self._directed(search, now):
            self._give_up(search, now)

    def _directed(self, search: Search, now: float) -> bool:
        """Whether a policy script goes on."""
        return search.director is not None and search.director.ended(search, now)

    def _give_up(self, search: Search, now: float) -> None:
        """Nothing more can be asked."""
        if search.agent is not None:
            self._b2bua.give_up(search, now)
            return
        if search.context.branches:
            self._proxy.give_up(search.context, now)
            return
        search.record.why = search.why
        self._refuse(search.context, Refusal(search.status, search.why), now)

    def advance(self, search: Search, now: float) -> bool:
        """Ask the next group. True: it was asked, or something that leads to it; false: there is none."""
        context, queue = search.context, search.queue
        while queue:
            if context.cancelled or context.server.request is None:
                return True
            item = queue.pop(0)
            if isinstance(item, Step):
                search.steps += 1
                if search.steps > _MOST_STEPS:
                    queue.clear()
                    break
                self._leave(search, now)
                going = self.lookups.before(search, item, now)
                if going is not None:
                    return going
                queue[:0] = self._gather(search, item, now)
                continue
            if self._ask(search, item, now):
                return True
        return False

    def _leave(self, search: Search, now: float) -> None:
        """The calls of the step before are over."""
        for call, _ in search.calls.values():
            self._anchor.end(call, f"not answered in {call.egress}", now)
        search.calls.clear()

    # -- one step

    def _gather(self, search: Search, step: Step, now: float) -> list[Group]:
        """What the rules of a step lead to; a group is asked when those before it have failed (RFC 3261 §16.6, q)."""
        groups: list[Group] = []
        for choice in step.choices:
            uri = self.uri_for(search, choice.alias)
            if uri is None:
                self.passed_over(search, 404, f"{choice.alias} cannot stand in a Request-URI")
                continue
            alias = with_domain(choice.alias, self._domain).encode("ascii")
            found = self._finder.find(choice.rule.target, alias, uri, now)
            if not found.targets:
                # Nobody learns by calling which users there are (R43).
                known = choice.rule.target != REGISTRATIONS or search.context.authenticated or search.zone.trusted
                self.passed_over(search, found.status if known else 404, found.why)
                continue
            for index, targets in enumerate(_groups(found)):
                if index == len(groups):
                    groups.append([])
                for each in targets:  # RFC 3261 §16.5: each place once, whichever rules lead there
                    if (each.uri, each.where) not in search.looked:
                        search.looked.add((each.uri, each.where))
                        groups[index].append(Candidate(found.zone_of(each), each, choice.rule))
        return [each for each in groups if each]

    def uri_for(self, search: Search, alias: str) -> bytes | None:
        """The Request-URI for `alias`: the one that came, as long as it says the same."""
        uri = search.context.request.uri
        if alias.encode("ascii") == search.alias:
            return uri
        return uri_of_alias(uri.partition(b":")[0].lower(), with_domain(alias, self._domain))

    def passed_over(self, search: Search, status: int, why: str) -> None:
        """A target cannot be asked; what says more than 404 is kept for the answer."""
        search.record.passed_over(why)
        if status != 404 or search.status == 404:
            search.status, search.why = status, why

    # -- one group

    def _ask(self, search: Search, group: Group, now: float) -> bool:
        """Send the request to a group, as wide as it may be (RFC 5393 §5.3.3). False: nothing was sent."""
        context = search.context
        if len(group) > 1 or context.branches or context.breadth < 1:
            breadth = breadth_left(context)
            if breadth < len(group):
                if breadth == 0:
                    search.status, search.why = 440, "Max-Breadth is used up"
                    return False
                search.queue.insert(0, group[breadth:])
                group = group[:breadth]
        search.statuses = search.record.tried(group)
        request = context.request
        if not search.asked:
            context.payload = self._paths.back(request, context.flow, search.zone)
        parts: dict[Legs, Group] = {}
        if request.method == b"INVITE":
            self.trying(search, now)
            if self._b2bua.wanted(search, group):
                told = [one._replace(target=self._identities.told(context, one.zone, one.target)) for one in group]
                self._b2bua.ask(search, told, now)
                return True
            for one in group:
                carried = self._anchor.wanted(search.zone, one.zone)
                where = one.target.where
                legs = self._anchor.legs(search.zone, context.flow, one.zone, where) if carried else None
                parts.setdefault(legs, []).append(one)
        else:
            parts[None] = group
        search.holding = len(parts)
        for legs, part in parts.items():
            self._send_part(search, legs, part, len(parts), now)
        return True

    def _send_part(self, search: Search, legs: Legs, part: Group, share: int, now: float) -> None:
        """Send the request to targets of one kind; its SDP is made to fit, which may have to wait for the relay."""
        context = search.context
        targets = [self._identities.told(context, one.zone, one.target) for one in part]
        if legs is None:
            search.holding -= 1
            self._proxy.forward(context, targets, now, share=share)
            return
        known = search.calls.get(legs)
        if known is not None:  # a group of lower q: asked what the one before was asked
            search.holding -= 1
            self._proxy.forward(context, targets, now, known[1], known[0], share)
            return
        call = self._anchor.begin(context, search.zone, part[0].zone, part[0].target.where, legs, search.alias, now)
        copy = context.request.copy()
        search.calls[legs] = (call, copy)

        def proceed() -> None:
            search.holding -= 1
            self._proxy.forward(context, targets, now, copy, call, share)

        def refuse(status: int, why: str) -> None:
            search.holding -= 1
            if search.holding or any(each.final is None for each in context.branches):
                search.record.passed_over(why)
            else:
                search.record.why = why
                self._refuse(context, Refusal(status, why), now)

        self._anchor.carry_request(call, copy, context.flow, proceed, refuse, now)

    def trying(self, search: Search, now: float) -> None:
        context = search.context
        if context.request.method == b"INVITE" and not search.asked and not context.branches:
            self._proxy.trying(context, now)


def _groups(found: Found) -> list[list[Target]]:
    return [found.targets, *found.later]
