"""`[[domain]]` and `[[identity]]` in a node's file: where registrations are kept, who may register, and as whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from seaway.call.config import Identity, Registrations
from seaway.catalog.problems import Refused, did_you_mean
from seaway.policy.patterns import PatternError, PatternType
from seaway.policy.registration_access import RegistrationAccess
from seaway.runtime.settings import Domain, Settings
from seaway.runtime.zone_config import Pattern

__all__ = ["THIS_NODE", "DomainTable", "IdentityTable", "check_domains", "identity", "registrations"]

THIS_NODE = "this node"


class AliasTable(Settings):
    """One pattern over the address-of-record."""

    type: PatternType = "exact"
    pattern: Pattern


class DomainTable(Settings):
    """`[[domain]]`."""

    name: Domain
    register_on: Annotated[str, Field(min_length=1, max_length=64)] = THIS_NODE
    allow: Annotated[tuple[AliasTable, ...], Field(max_length=1000)] = ()
    deny: Annotated[tuple[AliasTable, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _patterns(self) -> DomainTable:
        try:
            made = registrations(self)
            RegistrationAccess(made.allow, made.deny)
        except PatternError as error:
            raise Refused(f"domain {self.name}: {error}", "correct the pattern") from None
        return self


class IdentityTable(Settings):
    """`[[identity]]`."""

    user: Annotated[str, Field(min_length=1, max_length=128)]
    may_be: Annotated[tuple[AliasTable, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _patterns(self) -> IdentityTable:
        try:
            RegistrationAccess(identity(self).may_be)
        except PatternError as error:
            raise Refused(f"identity of {self.user}: {error}", "correct the pattern") from None
        return self


def identity(table: IdentityTable) -> Identity:
    """What call control is told."""
    return Identity(table.user, tuple((each.type, each.pattern) for each in table.may_be))


def check_domains(tables: Sequence[DomainTable], zones: Sequence[str]) -> None:
    """Whether `register_on` names one of the traversal `zones`, and no domain stands twice. Raises `Refused`."""
    names = [each.name.lower() for each in tables]
    for each in tables:
        if names.count(each.name.lower()) > 1:
            raise Refused(f"domain {each.name} occurs twice", "keep one of them")
        if each.register_on != THIS_NODE and each.register_on not in zones:
            reason = f'domain {each.name}: there is no traversal zone "{each.register_on}"'
            raise Refused(reason, did_you_mean(each.register_on, {*zones, THIS_NODE}, plural="places"))


def registrations(table: DomainTable) -> Registrations:
    """What call control is told."""
    return Registrations(
        table.name.lower(),
        None if table.register_on == THIS_NODE else table.register_on,
        tuple((each.type, each.pattern) for each in table.allow),
        tuple((each.type, each.pattern) for each in table.deny),
    )
