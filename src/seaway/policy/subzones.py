"""Which subzone an endpoint is in: by its address or its alias. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from seaway.policy.patterns import MAX_ALIAS, Matcher, PatternError

__all__ = ["DEFAULT_SUBZONE", "Membership", "MembershipError", "Subzones"]

DEFAULT_SUBZONE = "DefaultSubZone"


class MembershipError(ValueError):
    """A membership rule that cannot be used; its text is one clear phrase."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One rule: endpoints at a `subnet` ("10.1.0.0/16"), or whose alias as a whole matches an `alias` pattern, are in
    `subzone`. `priority` 1 to 65534, low first; of equal ones a longer prefix counts first."""

    priority: int
    kind: Literal["subnet", "alias"]
    value: str
    subzone: str


class Subzones:
    """Compiled membership rules. Raises `MembershipError`."""

    def __init__(self, rules: Iterable[Membership]) -> None:
        self._rules: list[tuple[int, int, IPv4Network | IPv6Network | None, Matcher | None, str]] = []
        for rule in rules:
            if not 1 <= rule.priority <= 65534:
                raise MembershipError(f"priority {rule.priority} is not 1 to 65534")
            if rule.kind == "subnet":
                try:
                    network = ip_network(rule.value)
                except ValueError:
                    raise MembershipError(f"{rule.value!r} is no network like 10.1.0.0/16") from None
                self._rules.append((rule.priority, -network.prefixlen, network, None, rule.subzone))
            else:
                try:
                    pattern = Matcher("regex", rule.value)
                except PatternError as error:
                    raise MembershipError(f"{rule.value!r}: {error}") from None
                self._rules.append((rule.priority, 0, None, pattern, rule.subzone))
        self._rules.sort(key=lambda each: each[:2])

    def of(self, address: str, alias: str) -> str:
        """The subzone of an endpoint at `address` (an IP literal) with `alias`; `DefaultSubZone` when no rule fits."""
        try:
            place = ip_address(address)
        except ValueError:
            place = None
        for _, _, network, pattern, name in self._rules:
            if network is not None:
                if place is not None and place.version == network.version and place in network:
                    return name
            elif pattern is not None and len(alias) <= MAX_ALIAS and pattern.apply(alias) is not None:
                return name
        return DEFAULT_SUBZONE
