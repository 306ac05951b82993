"""Transforms and search rules as an operator writes them: plain values, applied by `plan.py`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.policy.patterns import PatternType

__all__ = [
    "POLICY_SERVICE",
    "REGISTRATIONS",
    "AliasMode",
    "Behaviour",
    "OnMatch",
    "Protocol",
    "SearchRule",
    "Transform",
]

REGISTRATIONS = "registrations"
"""Target of a rule: the endpoints that are registered here (the local zone)."""

POLICY_SERVICE = "policy-service"
"""Target of a rule: the aliases that the policy service names, which are looked for by all rules anew."""

Behaviour = Literal["leave", "strip", "replace", "add-prefix", "add-suffix"]
"""What becomes of an alias that matches: "strip" removes the matched part (exact: all, prefix, suffix), "replace" puts
`replace` in its place (a regular expression: `\\1` to `\\9` are its groups), "add-prefix" and "add-suffix" add it."""

Protocol = Literal["any", "sip", "h323"]
AliasMode = Literal["any-alias", "any-ip-address", "alias-pattern"]
OnMatch = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Transform:
    """Applied to an alias before any search rule; of all that match the one with the lowest priority number."""

    priority: int  # 1..65534
    type: PatternType
    pattern: str
    behaviour: Behaviour = "strip"
    replace: str = ""
    enabled: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class SearchRule:
    """Where an alias is looked for. Rules of equal priority are one step: all their targets are asked at once."""

    priority: int  # 1..65534, low first
    target: str  # REGISTRATIONS, POLICY_SERVICE or the name of a zone
    name: str = ""
    mode: AliasMode = "alias-pattern"
    type: PatternType = "regex"
    pattern: str = ""
    behaviour: Behaviour = "leave"
    replace: str = ""
    on_match: OnMatch = "continue"  # "stop": no rule of a later step is tried once this one has matched
    protocol: Protocol = "any"
    source: str = "any"  # "any", "all-zones", "local-zone", "default-zone" or the name of a zone
    authenticated: bool = False  # only for requests that are authenticated
    enabled: bool = True
    description: str = ""
