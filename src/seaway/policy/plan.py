"""The dial plan: transforms, then search rules, make of an alias the steps of its search. Pure.

`decide` depends on its arguments alone and may be remembered. `explain` says of every rule why it applies or not; both
ask the same `_judge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby
from typing import Literal

from seaway.policy.patterns import MAX_ALIAS, Matcher, PatternError
from seaway.policy.search_settings import SearchRule, Transform

__all__ = ["Choice", "Decision", "Plan", "PlanError", "Query", "Source", "Step", "Verdict"]


class PlanError(ValueError):
    """A rule that cannot be used; `str()` names it and says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """The zone that a request comes from. `kind` decides for `any`, `all-zones`, `local-zone` and `default-zone`."""

    name: str
    kind: Literal["local", "default", "zone"] = "zone"


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for and by whom. `alias` is `user@domain`, ASCII."""

    alias: str
    source: Source
    protocol: Literal["sip", "h323"] = "sip"
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One rule that applies, and the alias that its target is asked for."""

    rule: SearchRule
    alias: str


@dataclass(frozen=True, slots=True)
class Step:
    """Rules of equal priority: their targets are asked at once."""

    priority: int
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the dial plan makes of a query. `alias` is the one after the transform."""

    query: Query
    transform: Transform | None
    alias: str
    steps: tuple[Step, ...]
    problem: str = ""  # why there are no steps, when it is not for want of a rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one rule: the alias for its target when it applies, and why (not)."""

    rule: SearchRule
    alias: str | None
    why: str


class Plan:
    """Compiled transforms and rules. `variables` may stand in patterns as `%name%`. Raises `PlanError`."""

    def __init__(
        self, transforms: Iterable[Transform], rules: Iterable[SearchRule], variables: Mapping[str, str] | None = None
    ) -> None:
        names = variables or {}
        self._transforms = [
            (each, _matcher(f"transform {each.priority}", each, names))
            for each in sorted(transforms, key=lambda each: each.priority)
        ]
        self._rules = [
            (each, _matcher(f"search rule {each.priority}", each, names))
            for each in sorted(rules, key=lambda each: each.priority)
        ]

    def decide(self, query: Query) -> Decision:
        """The steps of a search, in order."""
        if len(query.alias) > MAX_ALIAS:
            return Decision(query, None, query.alias, (), f"the alias is longer than {MAX_ALIAS} octets")
        if not _usable(query.alias):
            return Decision(query, None, query.alias, (), "the alias has octets that no alias has")
        transform, alias = self._transform(query.alias)
        if not _usable(alias):
            return Decision(query, transform, alias, (), "the transform makes an alias that cannot be used")
        steps: list[Step] = []
        seen: set[tuple[str, str]] = set()
        for priority, rules in groupby(self._rules, key=lambda each: each[0].priority):
            choices = []
            stop = False
            for rule, matcher in rules:
                found, _ = _judge(rule, matcher, alias, query)
                if found is None:
                    continue
                stop = stop or rule.on_match == "stop"
                if (rule.target, found) not in seen:
                    seen.add((rule.target, found))
                    choices.append(Choice(rule, found))
            if choices:
                steps.append(Step(priority, tuple(choices)))
            if stop:
                break
        return Decision(query, transform, alias, tuple(steps))

    def explain(self, query: Query) -> tuple[Decision, list[Verdict]]:
        """The same decision, with a verdict on every rule in order."""
        decision = self.decide(query)
        verdicts = []
        stopped: int | None = None  # priority of the step that ends the search
        seen: set[tuple[str, str]] = set()
        for rule, matcher in self._rules:
            if decision.problem:
                verdicts.append(Verdict(rule, None, decision.problem))
                continue
            if stopped is not None and rule.priority > stopped:
                verdicts.append(Verdict(rule, None, f"a rule with priority {stopped} stops the search"))
                continue
            found, why = _judge(rule, matcher, decision.alias, query)
            if found is not None:
                if rule.on_match == "stop":
                    stopped = rule.priority
                if (rule.target, found) in seen:
                    found, why = None, "the target is asked for this alias already"
                else:
                    seen.add((rule.target, found))
            verdicts.append(Verdict(rule, found, why))
        return decision, verdicts

    def _transform(self, alias: str) -> tuple[Transform | None, str]:
        for transform, matcher in self._transforms:
            if transform.enabled and matcher is not None:
                found = matcher.apply(alias)
                if found is not None:
                    return transform, found
        return None, alias


def _matcher(where: str, each: Transform | SearchRule, variables: Mapping[str, str]) -> Matcher | None:
    if not 1 <= each.priority <= 65534:
        raise PlanError(f"{where}: a priority is 1 to 65534")
    if isinstance(each, SearchRule) and each.mode != "alias-pattern":
        return None
    try:
        return Matcher(each.type, each.pattern, each.behaviour, each.replace, variables)
    except PatternError as error:
        raise PlanError(f"{where}: {error}") from None


def _usable(alias: str) -> bool:
    return 0 < len(alias) <= MAX_ALIAS and alias.isascii() and alias.isprintable()


def _judge(rule: SearchRule, matcher: Matcher | None, alias: str, query: Query) -> tuple[str | None, str]:
    """The alias for the target of `rule` when it applies, and why (not)."""
    if not rule.enabled:
        return None, "disabled"
    if rule.protocol != "any" and rule.protocol != query.protocol:
        return None, f"for {rule.protocol} only"
    if not _from(rule.source, query.source):
        return None, f"for {rule.source} only, this comes from {query.source.name}"
    if rule.authenticated and not query.authenticated:
        return None, "for authenticated requests only"
    if rule.target == query.source.name:
        return None, "the request came from this zone"
    if matcher is not None:
        found = matcher.apply(alias)
        if found is None:
            return None, "the pattern does not match"
        if not _usable(found):
            return None, "the pattern matches, but makes an alias that cannot be used"
        return found, "the pattern matches"
    if rule.mode == "any-ip-address":
        return (alias, "the alias is an IP address") if _is_address(alias) else (None, "the alias is no IP address")
    return alias, "any alias"


def _from(wanted: str, source: Source) -> bool:
    if wanted == "any":
        return True
    if wanted == "all-zones":
        return source.kind != "default"
    if wanted == "local-zone":
        return source.kind == "local"
    if wanted == "default-zone":
        return source.kind == "default"
    return source.kind == "zone" and wanted == source.name


def _is_address(alias: str) -> bool:
    """Whether the host of an alias is an IP literal; a port may follow."""
    host = alias.rpartition("@")[2]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
