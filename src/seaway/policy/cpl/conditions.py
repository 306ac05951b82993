"""The conditions of address, string, language and priority switches (RFC 3880 §4.1 to §4.3, §4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from seaway.policy.cpl.facts import CallFacts, Party

__all__ = ["PRIORITIES", "AddressTest", "LanguageTest", "NotPresent", "PriorityTest", "StringTest", "field_of"]

PRIORITIES = ("non-urgent", "normal", "urgent", "emergency")
"""In rising order (RFC 3880 §4.5)."""


def field_of(facts: CallFacts, field: str) -> Party:
    """The address that a switch looks at."""
    if field == "origin":
        return facts.origin
    return facts.destination if field == "destination" else facts.original_destination


def _part(party: Party, subfield: str) -> str:
    if subfield == "":
        return party.uri if party.user or party.host or party.telephone else ""
    if subfield == "user":
        return party.user
    if subfield == "host":
        return party.host
    if subfield == "port":
        return party.port or ("5061" if party.scheme == "sips" else "5060") if party.host else ""
    if subfield == "tel":
        return party.telephone
    return party.scheme if subfield == "address-type" else party.display


def _same_host(found: str, wanted: str) -> bool:
    return found.rstrip(".").lower() == wanted.rstrip(".").lower()


def _below(found: str, wanted: str) -> bool:
    """RFC 3880 §4.1: a host name at or below a domain."""
    host, domain = found.rstrip(".").lower(), wanted.rstrip(".").lower()
    return host == domain or host.endswith("." + domain)


@dataclass(frozen=True, slots=True)
class AddressTest:
    """`is`, `contains` or `subdomain-of` on one part of an address."""

    field: str
    subfield: str
    how: Literal["is", "contains", "subdomain-of"]
    value: str

    def holds(self, facts: CallFacts) -> bool:
        found = _part(field_of(facts, self.field), self.subfield)
        if not found:
            return False
        if self.how == "subdomain-of":
            return found.startswith(self.value) if self.subfield == "tel" else _below(found, self.value)
        if self.how == "contains":
            return self.value.lower() in found.lower()
        if self.subfield == "user":
            return found == self.value  # RFC 3261 §19.1.4: the user part is case-sensitive
        if self.subfield == "host":
            return _same_host(found, self.value)
        if self.subfield == "":
            return _same_uri(found, self.value)
        return found.lower() == self.value.lower()


def _same_uri(found: str, wanted: str) -> bool:
    """Equal but for the case of scheme and host."""

    def folded(text: str) -> str:
        scheme, _, rest = text.partition(":")
        user, at, host = rest.rpartition("@")
        return f"{scheme.lower()}:{user}{at}{host.lower()}"

    return folded(found) == folded(wanted)


@dataclass(frozen=True, slots=True)
class NotPresent:
    """The field, or the part of it, is not there (RFC 3880 §4)."""

    read: Callable[[CallFacts], str]

    def holds(self, facts: CallFacts) -> bool:
        return not self.read(facts)

    @classmethod
    def of_address(cls, field: str, subfield: str) -> NotPresent:
        return cls(lambda facts: _part(field_of(facts, field), subfield))

    @classmethod
    def of_string(cls, field: str) -> NotPresent:
        return cls(lambda facts: _string(facts, field))


def _string(facts: CallFacts, field: str) -> str:
    if field == "subject":
        return facts.subject
    return facts.organization if field == "organization" else facts.user_agent


@dataclass(frozen=True, slots=True)
class StringTest:
    """`is` or `contains` on subject, organization or user-agent; case and runs of blanks do not count."""

    field: str
    how: Literal["is", "contains"]
    value: str

    def holds(self, facts: CallFacts) -> bool:
        found = " ".join(_string(facts, self.field).split()).casefold()
        wanted = " ".join(self.value.split()).casefold()
        if not found:
            return False
        return found == wanted if self.how == "is" else wanted in found


@dataclass(frozen=True, slots=True)
class LanguageTest:
    """A language of the caller that falls into the range (RFC 3880 §4.3, RFC 4647 §3.3.1)."""

    value: str

    def holds(self, facts: CallFacts) -> bool:
        wanted = self.value.lower()
        return any(
            each == "*" or wanted == "*" or each == wanted or each.startswith(wanted + "-")
            for each in (language.lower() for language in facts.languages)
        )


@dataclass(frozen=True, slots=True)
class PriorityTest:
    """`less`, `greater` or `equal` to a priority; an unknown one of the caller counts as normal (RFC 3880 §4.5)."""

    how: Literal["less", "greater", "equal"]
    value: str

    def holds(self, facts: CallFacts) -> bool:
        found, wanted = facts.priority.lower(), self.value.lower()
        if self.how == "equal":
            return found == wanted
        rank = PRIORITIES.index(found) if found in PRIORITIES else PRIORITIES.index("normal")
        return rank < PRIORITIES.index(wanted) if self.how == "less" else rank > PRIORITIES.index(wanted)
