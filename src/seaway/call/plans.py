"""The dial plan of a node: made of its configuration; decisions that depend on the query alone are remembered."""

from __future__ import annotations

import re

from seaway.call.config import ControlConfig
from seaway.call.zones import Zone
from seaway.policy.plan import Decision, Plan, Query, Source
from seaway.policy.plan_lint import findings
from seaway.policy.search_settings import SearchRule

__all__ = ["Decisions", "mistakes_of", "plan_of", "rules_of", "source_of"]

_CACHE = 10_000  # decisions


def plan_of(config: ControlConfig) -> Plan:
    """The plan, with both forms of rules. In patterns `%localdomains%` and `%ip%` stand for our domains and addresses.

    Raises `PlanError`.
    """
    addresses = {address[0] for each in config.listeners for address in (each.address, each.advertised)}
    variables = {"localdomains": _any_of(config.domains), "ip": _any_of(addresses)}
    return Plan(config.transforms, rules_of(config), variables)


def rules_of(config: ControlConfig) -> list[SearchRule]:
    """The search rules of a node, those in the short form first."""
    short = [SearchRule(each.priority, each.target, type="regex", pattern=each.pattern) for each in config.rules]
    return [*short, *config.search_rules]


def mistakes_of(config: ControlConfig) -> list[str]:
    """What is probably a mistake in the dial plan, for `seaway node check`."""
    zones = (config.traversal, config.neighbours, config.dns_zones, config.enum_zones)
    return findings(config.transforms, rules_of(config), [each.name for kind in zones for each in kind])


def source_of(zone: Zone) -> Source:
    """What search rules see of a zone."""
    if zone.kind == "default":
        return Source(zone.name, "default")
    return Source(zone.name, "local") if zone.kind == "local" else Source(zone.name)


class Decisions:
    """Decisions of one plan. The cache is emptied when it is full: phones ask for the same again and again."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._known: dict[tuple[bytes, str, bool], Decision | None] = {}

    def about(self, alias: bytes, zone: Zone, authenticated: bool) -> Decision | None:
        """The decision on a SIP request from `zone`; `None`: the alias has octets outside ASCII."""
        key = (alias, zone.name, authenticated)
        try:
            return self._known[key]
        except KeyError:
            pass
        decision = None
        if alias.isascii():
            decision = self.plan.decide(Query(alias.decode("ascii"), source_of(zone), "sip", authenticated))
        if len(self._known) >= _CACHE:
            self._known.clear()
        self._known[key] = decision
        return decision


def _any_of(words: tuple[str, ...] | set[str]) -> str:
    return "|".join(sorted(re.escape(each) for each in words)) or r"\z"
