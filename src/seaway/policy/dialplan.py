"""The dial plan: plain rules that say where `user@domain` may be looked for, in order of priority. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["REGISTRATIONS", "DialPlan", "DialPlanError"]

REGISTRATIONS = "registrations"
_MAX_ALIAS = 256  # octets; bounds the work of one regular expression


class DialPlanError(ValueError):
    """A rule that cannot be used. `rule` is its priority, `problem` one clear phrase."""

    def __init__(self, rule: int, problem: str) -> None:
        super().__init__(f"rule with priority {rule}: {problem}")
        self.rule = rule
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Compiled:
    priority: int
    pattern: re.Pattern[str]
    target: str


class DialPlan:
    """Compiled rules. `rules` are (priority, pattern, target) triples; a pattern must match the whole alias.

    Raises `DialPlanError` for an unusable pattern or a priority out of 1..65534.
    """

    def __init__(self, rules: Iterable[tuple[int, str, str]]) -> None:
        compiled: list[_Compiled] = []
        for priority, pattern, target in rules:
            if not 1 <= priority <= 65534:
                raise DialPlanError(priority, "priority must be 1 to 65534")
            try:
                compiled.append(_Compiled(priority, re.compile(pattern, re.ASCII | re.IGNORECASE), target))
            except re.error as error:
                raise DialPlanError(priority, f"pattern {pattern!r} is no regular expression: {error}") from None
        self._rules = sorted(compiled, key=lambda rule: rule.priority)

    def targets(self, alias: str) -> list[str]:
        """Where to look for `alias`, in order, each once. Empty when no rule matches or the alias is too long."""
        if len(alias) > _MAX_ALIAS:
            return []
        found: list[str] = []
        for rule in self._rules:
            if rule.target not in found and rule.pattern.fullmatch(alias):
                found.append(rule.target)
        return found
