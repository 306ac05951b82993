"""Targets of search rules that only name other aliases: ENUM zones (RFC 6116) and the policy service.

They are asked before the rest of their step. What they name is looked for by all rules anew, before the rest of the
search.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from seaway.call.alias_uri import number_of
from seaway.call.finding import Finder
from seaway.call.plans import Decisions
from seaway.call.search import Search
from seaway.call.views import text_of
from seaway.core.sip.locator import Locator
from seaway.policy.plan import Choice, Step
from seaway.policy.search_settings import POLICY_SERVICE
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["Consulted", "LookUps"]

_MOST = 2  # in one search: what they find is looked for anew, also by them

Consulted = Callable[[list[bytes], int, str, float], None]
"""Told the aliases that the policy service names, or the status and reason when it names none."""


class Going(Protocol):
    """Who drives searches, as this file needs it."""

    def advance(self, search: Search, now: float) -> bool: ...
    def go_on_with(self, search: Search, now: float) -> None: ...
    def passed_over(self, search: Search, status: int, why: str) -> None: ...
    def trying(self, search: Search, now: float) -> None: ...
    def uri_for(self, search: Search, alias: str) -> bytes | None: ...


class LookUps:
    """Of one node. `consult`, set by its owner, asks the policy service about a URI."""

    def __init__(self, going: Going, decisions: Decisions, finder: Finder, locator: Locator) -> None:
        self._going = going
        self._decisions = decisions
        self._suffixes = finder.enum
        self.targets = frozenset((POLICY_SERVICE, *finder.enum))
        self._locator = locator
        self.consult: Callable[[Search, bytes, Consulted, float], None] | None = None

    def before(self, search: Search, step: Step, now: float) -> bool | None:
        """Ask what in a step has to be asked before the rest. `None`: there is nothing; else as `advance`."""
        asked = [each for each in step.choices if each.rule.target in self.targets]
        if not asked:
            return None
        others = tuple(each for each in step.choices if each not in asked)
        if others:
            search.queue.insert(0, Step(step.priority, others))
        search.holding += 1
        for choice in asked:
            if search.numbers >= _MOST:
                self._going.passed_over(search, 404, f"{choice.rule.target}: {choice.alias} is one look-up too many")
                continue
            search.numbers += 1
            search.holding += 1
            self._going.trying(search, now)
            if choice.rule.target == POLICY_SERVICE:
                self._advise(search, choice, now)
            else:
                self._look_up(search, choice, now)
        search.holding -= 1
        return True if search.holding else self._going.advance(search, now)

    def _advise(self, search: Search, choice: Choice, now: float) -> None:
        """Ask the policy service."""

        def told(aliases: list[bytes], status: int, why: str, now: float) -> None:
            if aliases:
                search.record.passed_over(f"{choice.rule.target}: {', '.join(map(text_of, aliases))}")
            else:
                self._going.passed_over(search, status, why)
            self._anew(search, aliases, now)

        uri = self._going.uri_for(search, choice.alias)
        if self.consult is None or uri is None:
            told([], 404, f"{choice.rule.target}: {choice.alias} cannot be asked for", now)
        else:
            self.consult(search, uri, told, now)

    def _look_up(self, search: Search, choice: Choice, now: float) -> None:
        """Ask the DNS for the URIs of a number."""
        digits = number_of(choice.alias)
        if digits is None:
            self._going.passed_over(search, 404, f"zone {choice.rule.target}: {choice.alias} is no E.164 number")
            self._anew(search, [], now)
            return
        done = partial(self._numbered, search, choice, digits)
        self._locator.enum(digits, self._suffixes[choice.rule.target], done, now)

    def _numbered(
        self, search: Search, choice: Choice, digits: str, uris: tuple[str, ...], why: str, now: float
    ) -> None:
        """What ENUM found."""
        if not uris:
            self._going.passed_over(search, 404, f"zone {choice.rule.target}: {why}")
        aliases = []
        for uri in uris:
            with suppress(SipError):  # it has headers
                aliases.append(parse_request_uri(uri.encode("utf-8")).aor())
        for alias in aliases:
            search.record.passed_over(f"zone {choice.rule.target}: {digits} is {text_of(alias)}")
        self._anew(search, aliases, now)

    def _anew(self, search: Search, aliases: list[bytes], now: float) -> None:
        """What was found by asking is looked for by all rules, before the rest of the search."""
        search.holding -= 1
        found = (self._decisions.about(each, search.zone, search.context.authenticated) for each in aliases)
        search.queue[:0] = [step for each in found if each is not None for step in each.steps]
        if not search.holding:
            self._going.go_on_with(search, now)
