"""Call policy as ordered rules: who may call whom. Pure.

The first rule that fits a call decides; a call that no rule fits is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seaway.policy.patterns import MAX_ALIAS, Matcher, PatternError, PatternType

__all__ = ["CallRule", "CallRuleError", "CallRules", "Caller"]


class CallRuleError(ValueError):
    """A rule that cannot be used; `str()` names it and says why."""


@dataclass(frozen=True, slots=True)
class CallRule:
    """One rule. Each condition that is given must hold.

    `zone` is the name of the zone that the call comes from, `authenticated` whether the caller has proved who he is.
    `source` and `destination` are patterns over whole aliases, `user@domain`. With `source` an unauthenticated caller's
    alias is only what he says himself, so a rule that allows something should ask for `authenticated` too.
    """

    priority: int  # 1..65534, low first
    action: Literal["allow", "reject"]
    zone: str = ""
    authenticated: bool | None = None
    source_type: PatternType = "regex"
    source: str = ""
    destination_type: PatternType = "regex"
    destination: str = ""
    status: int = 403
    reason: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the zone the call comes from, his alias, and whether he has proved that it is his."""

    zone: str
    alias: str
    authenticated: bool


class CallRules:
    """Compiled rules. Raises `CallRuleError`."""

    def __init__(self, rules: Iterable[CallRule]) -> None:
        compiled = []
        for rule in rules:
            if not 1 <= rule.priority <= 65534:
                raise CallRuleError(f"call rule {rule.priority}: priority must be 1 to 65534")
            if not 400 <= rule.status <= 699:
                raise CallRuleError(f"call rule {rule.priority}: status {rule.status} is not 400 to 699")
            if len(rule.reason) > 100 or not rule.reason.isprintable():
                raise CallRuleError(f"call rule {rule.priority}: reason has control characters, or more than 100")
            try:
                source = Matcher(rule.source_type, rule.source) if rule.source else None
                destination = Matcher(rule.destination_type, rule.destination) if rule.destination else None
            except PatternError as error:
                raise CallRuleError(f"call rule {rule.priority}: {error}") from None
            compiled.append((rule, source, destination))
        self._rules = sorted(compiled, key=lambda each: each[0].priority)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decide(self, caller: Caller, destination: str) -> CallRule | None:
        """The rule that decides on a call to `destination`; `None`: no rule fits, the call is allowed.

        An alias that is too long to be looked at fits every pattern of a rejecting rule, and none of an allowing one.
        """
        for rule, source_matcher, destination_matcher in self._rules:
            if rule.zone and rule.zone != caller.zone:
                continue
            if rule.authenticated is not None and rule.authenticated != caller.authenticated:
                continue
            rejects = rule.action == "reject"
            if _fits(source_matcher, caller.alias, rejects) and _fits(destination_matcher, destination, rejects):
                return rule
        return None


def _fits(matcher: Matcher | None, alias: str, rejects: bool) -> bool:
    if matcher is None:
        return True
    if len(alias) > MAX_ALIAS:
        return rejects
    return matcher.apply(alias) is not None
