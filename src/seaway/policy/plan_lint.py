"""What is probably a mistake in a dial plan: rules that never apply, or never will be reached. Pure.

Only what is certain is reported: patterns are compared where one plainly includes the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seaway.policy.search_settings import REGISTRATIONS, SearchRule, Transform

__all__ = ["findings"]

_EVERYTHING = frozenset((".*", "(.*)", ".+", "(.+)", "^.*$"))


def findings(transforms: Iterable[Transform], rules: Iterable[SearchRule], targets: Iterable[str]) -> list[str]:
    """One line for each mistake. `targets` are the zones that a rule may lead to."""
    found = _transforms(sorted((each for each in transforms if each.enabled), key=lambda each: each.priority))
    ordered = sorted((each for each in rules if each.enabled), key=lambda each: each.priority)
    found += _rules(ordered)
    unused = sorted(set(targets) - {each.target for each in ordered})
    return found + [f"no search rule leads to zone {name}" for name in unused]


def _transforms(transforms: Sequence[Transform]) -> list[str]:
    found = []
    for index, each in enumerate(transforms):
        for before in transforms[:index]:
            if _includes(before, each):
                found.append(f"transform {each.priority} never applies: {before.priority} matches all that it matches")
                break
    return found


def _rules(rules: Sequence[SearchRule]) -> list[str]:
    found = []
    for index, each in enumerate(rules):
        where = f"search rule {each.priority}{f' ({each.name})' if each.name else ''}"
        if each.source == each.target:
            found.append(f"{where} never applies: a request does not go back to the zone that it came from")
            continue
        for before in rules[:index]:
            if not (_matches_all(before, each) and _asks_less(before, each)):
                continue
            if before.on_match == "stop" and before.priority < each.priority:
                found.append(f"{where} is never reached: {before.priority} stops the search before it")
                break
            if before.target == each.target and before.behaviour == each.behaviour == "leave":
                found.append(f"{where} has no effect: {before.priority} leads to {each.target} already")
                break
    return found


def _matches_all(wide: SearchRule, narrow: SearchRule) -> bool:
    """Whether `wide` matches every alias that `narrow` matches."""
    if wide.mode == "any-alias":
        return True
    if wide.mode == "any-ip-address" or narrow.mode != "alias-pattern":
        return wide.mode == narrow.mode or (wide.mode == "alias-pattern" and _everything(wide))
    return _includes(wide, narrow)


def _asks_less(wide: SearchRule, narrow: SearchRule) -> bool:
    """Whether every request that `narrow` is for is one that `wide` is for too."""
    if wide.protocol not in ("any", narrow.protocol) or (wide.authenticated and not narrow.authenticated):
        return False
    if wide.source != "any":
        return wide.source == narrow.source
    # A rule is not for requests from its own target: with another target it is not for all from anywhere.
    named = narrow.source not in ("any", "all-zones")
    return narrow.source != wide.target if named else wide.target in (narrow.target, REGISTRATIONS)


def _includes(wide: Transform | SearchRule, narrow: Transform | SearchRule) -> bool:
    """Whether the pattern of `wide` plainly matches all that the one of `narrow` matches."""
    if _everything(wide):
        return True
    one, other = wide.pattern.lower(), narrow.pattern.lower()
    if wide.type == "regex" or narrow.type == "regex":
        return wide.type == narrow.type and wide.pattern == narrow.pattern
    if wide.type == "prefix":
        return narrow.type in ("prefix", "exact") and other.startswith(one)
    if wide.type == "suffix":
        return narrow.type in ("suffix", "exact") and other.endswith(one)
    return narrow.type == "exact" and one == other


def _everything(each: Transform | SearchRule) -> bool:
    return each.type == "regex" and each.pattern in _EVERYTHING
