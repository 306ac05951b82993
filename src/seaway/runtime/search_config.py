"""Transforms and search rules in a node's file: `[[transform]]`, `[[search_rule]]`. Checked values."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field, model_validator

from seaway.catalog.problems import Refused, did_you_mean
from seaway.policy.patterns import MAX_ALIAS, Matcher, PatternError, PatternType
from seaway.policy.search_settings import (
    POLICY_SERVICE,
    REGISTRATIONS,
    AliasMode,
    Behaviour,
    OnMatch,
    Protocol,
    SearchRule,
    Transform,
)
from seaway.runtime.settings import Settings
from seaway.runtime.zone_config import Pattern, Priority

__all__ = ["SearchRuleTable", "TransformTable", "check_rules", "search_rule", "transform"]

_SOURCES = ("any", "all-zones", "local-zone", "default-zone")
_SAMPLE = {"localdomains": "x", "ip": "x"}  # stands for the variables that a pattern may have

_Replace = Annotated[str, Field(max_length=MAX_ALIAS)]
_Text = Annotated[str, Field(max_length=128)]


class TransformTable(Settings):
    """`[[transform]]`: applied before the search."""

    priority: Priority
    type: PatternType = "prefix"
    pattern: Pattern
    behaviour: Behaviour = "strip"
    replace: _Replace = ""
    enabled: bool = True
    description: _Text = ""

    @model_validator(mode="after")
    def _usable(self) -> TransformTable:
        if self.behaviour == "leave":
            raise Refused(f"transform {self.priority}: leave changes nothing", "give another behaviour, or remove it")
        _check(f"transform {self.priority}", self.type, self.pattern, self.behaviour, self.replace)
        return self


class SearchRuleTable(Settings):
    """`[[search_rule]]`."""

    priority: Priority
    target: Annotated[str, Field(min_length=1, max_length=64)]
    name: _Text = ""
    mode: AliasMode | None = None  # default: alias-pattern when there is a pattern, else any-alias
    type: PatternType = "prefix"
    pattern: Pattern | None = None
    behaviour: Behaviour = "leave"
    replace: _Replace = ""
    on_match: OnMatch = "continue"
    protocol: Protocol = "any"
    source: Annotated[str, Field(min_length=1, max_length=64)] = "any"
    authenticated: bool = False
    enabled: bool = True
    description: _Text = ""

    @model_validator(mode="after")
    def _usable(self) -> SearchRuleTable:
        where = f"search rule {self.priority}"
        if self.pattern is not None:
            if self.mode not in (None, "alias-pattern"):
                raise Refused(f"{where}: {self.mode} has no pattern", "remove pattern, or set mode to alias-pattern")
            _check(where, self.type, self.pattern, self.behaviour, self.replace)
        elif self.mode == "alias-pattern":
            raise Refused(f"{where}: alias-pattern needs a pattern", "add pattern there")
        elif self.behaviour != "leave" or self.replace:
            raise Refused(f"{where}: {self.behaviour} needs a pattern", "add pattern, or remove behaviour and replace")
        return self


def check_rules(rules: Iterable[SearchRuleTable], zones: Collection[str], *, service: bool) -> None:
    """Every target and source exists; `service`: there is a policy service for search rules. Raises `Refused`."""
    targets = {REGISTRATIONS, *zones, *((POLICY_SERVICE,) if service else ())}
    for rule in rules:
        where = f"search rule {rule.priority}"
        if rule.target == POLICY_SERVICE and not service:
            raise Refused(f"{where}: there is no policy service", 'set when = "search-rule" in [policy.service]')
        if rule.target not in targets:
            remedy = did_you_mean(rule.target, targets, plural="targets")
            raise Refused(f'{where}: there is no zone "{rule.target}"', remedy)
        if rule.source not in _SOURCES and rule.source not in zones:
            remedy = did_you_mean(rule.source, {*_SOURCES, *zones}, plural="sources")
            raise Refused(f'{where}: there is no source "{rule.source}"', remedy)


def transform(table: TransformTable) -> Transform:
    """As call control takes it."""
    return Transform(
        table.priority, table.type, table.pattern, table.behaviour, table.replace, table.enabled, table.description
    )


def search_rule(table: SearchRuleTable) -> SearchRule:
    """As call control takes it."""
    mode = table.mode or ("any-alias" if table.pattern is None else "alias-pattern")
    return SearchRule(
        table.priority, table.target, table.name, mode, table.type, table.pattern or "", table.behaviour, table.replace,
        table.on_match, table.protocol, table.source, table.authenticated, table.enabled, table.description,
    )  # fmt: skip


def _check(where: str, type: PatternType, pattern: str, behaviour: str, replace: str) -> None:
    try:
        Matcher(type, pattern, behaviour, replace, _SAMPLE)
    except PatternError as error:
        raise Refused(f"{where}: {error}", "correct pattern or replace") from None
