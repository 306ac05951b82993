"""Who is let in through the default zone: access rules over the names of verified certificates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seaway.policy.patterns import Matcher, PatternError
from seaway.policy.zone_settings import AccessRule

__all__ = ["Access"]


class Access:
    """Compiled access rules. Raises `PatternError` with the priority of a rule that cannot be used."""

    def __init__(self, rules: Iterable[AccessRule]) -> None:
        compiled = []
        for rule in rules:
            try:
                compiled.append((rule, Matcher(rule.type, rule.pattern)))
            except PatternError as error:
                raise PatternError(f"rule {rule.priority}: {error}") from None
        self._rules = sorted(compiled, key=lambda each: each[0].priority)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decide(self, names: Sequence[str]) -> AccessRule | None:
        """The first rule that one of `names` (of one verified certificate) matches; `None`: nobody lets it in."""
        for rule, matcher in self._rules:
            if any(matcher.apply(name) is not None for name in names):
                return rule
        return None
