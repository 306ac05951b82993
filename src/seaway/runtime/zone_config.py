"""Zones in a node's file: what may be set for each, and the zones that are no table of `config.py`. Checked values.

`zone_settings` makes of a table what `policy/zone_settings.py` holds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from seaway.call.config import DnsZone, EnumZone
from seaway.catalog.problems import Refused
from seaway.policy.access import Access
from seaway.policy.patterns import MAX_PATTERN, PatternError, PatternType
from seaway.policy.zone_settings import (
    AccessRule,
    AuthenticationPolicy,
    BackToBack,
    DefaultZone,
    MediaEncryption,
    ZoneSettings,
)  # fmt: skip
from seaway.runtime.settings import Domain, Host, Settings

__all__ = [
    "Access", "DefaultZoneTable", "DnsZoneTable", "EnumZoneTable", "LocalZoneTable", "Name", "Pattern", "Priority",
    "ZoneTable", "default_zone", "dns_zone", "enum_zone", "zone_settings",
]  # fmt: skip

RESERVED = frozenset(
    ("any", "all-zones", "local-zone", "default-zone", "local", "default", "registrations", "policy-service")
)
"""What search rules call something else: no zone may have one of these names."""


def _name(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 64:
        raise Refused("is no name of 1 to 64 characters", 'write for instance "callmanager"')
    if value in RESERVED:
        raise Refused("means something else to search rules", "give the zone another name")
    return value


def _header(value: object) -> str:
    name = value.lower() if isinstance(value, str) else ""
    if not name.startswith(("p-", "x-")) and name not in ("diversion", "history-info", "identity", "remote-party-id"):
        raise Refused("is no header that is taken away from untrusted zones", 'write for instance "X-Ticket"')
    return name


def _back_to_back(value: object) -> object:
    return {True: "always", False: "never"}.get(value, value) if isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_name)]
Priority = Annotated[StrictInt, Field(ge=1, le=65534)]
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)]
_Header = Annotated[str, Field(max_length=64), BeforeValidator(_header)]


class ZoneTable(Settings):
    """What every zone has. `None`: the default of the kind of zone."""

    authentication: AuthenticationPolicy | None = None
    media_encryption: MediaEncryption = "auto"
    ice: bool = False
    session_refresh: Annotated[StrictInt, Field(ge=90, le=86400)] = 1800
    minimum_session_refresh: Annotated[StrictInt, Field(ge=90, le=86400)] = 500
    hop_count: Annotated[StrictInt, Field(ge=1, le=255)] = 15
    b2bua: Annotated[BackToBack, BeforeValidator(_back_to_back)] = "auto"
    allow_headers: Annotated[tuple[_Header, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _refresh(self) -> ZoneTable:
        if self.minimum_session_refresh > self.session_refresh:
            raise Refused("minimum_session_refresh is above session_refresh", "lower minimum_session_refresh")
        if self.b2bua == "never" and (self.media_encryption != "auto" or self.ice):
            raise Refused("b2bua = false leaves media as it is", 'remove media_encryption and ice, or b2bua = "auto"')
        return self


class LocalZoneTable(ZoneTable):
    """`[local_zone]`: endpoints that are registered here."""


class AccessTable(Settings):
    """`[[default_zone.access]]`."""

    priority: Priority
    type: PatternType = "exact"
    pattern: Pattern
    action: Literal["allow", "deny"] = "allow"
    authentication: AuthenticationPolicy | None = None
    description: Annotated[str, Field(max_length=128)] = ""


class DefaultZoneTable(ZoneTable):
    """`[default_zone]`: everybody who is in no other zone."""

    access: Annotated[tuple[AccessTable, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _patterns(self) -> DefaultZoneTable:
        try:
            Access(_access_rules(self))
        except PatternError as error:
            raise Refused(f"access {error}", "correct the rule") from None
        return self


class DnsZoneTable(ZoneTable):
    """`[[dns_zone]]`."""

    name: Name
    transports: Annotated[tuple[Literal["tls", "tcp", "udp"], ...], Field(min_length=1)] = ("tls", "tcp", "udp")
    verify_name: Host | None = None


class EnumZoneTable(Settings):
    """`[[enum_zone]]`."""

    name: Name
    suffix: Domain = "e164.arpa"


def zone_settings(table: ZoneTable, authentication: AuthenticationPolicy = "do-not-check") -> ZoneSettings:
    """`authentication` is what holds when the table does not say."""
    return ZoneSettings(
        authentication=table.authentication or authentication,
        media_encryption=table.media_encryption,
        ice=table.ice,
        session_refresh=table.session_refresh,
        minimum_session_refresh=table.minimum_session_refresh,
        hop_count=table.hop_count,
        b2bua=table.b2bua,
        allow_headers=table.allow_headers,
    )


def default_zone(table: DefaultZoneTable) -> DefaultZone:
    """The default zone of a node."""
    return DefaultZone(zone_settings(table, "check"), _access_rules(table))


def dns_zone(table: DnsZoneTable) -> DnsZone:
    """A DNS zone. What is there is unknown: whatever comes back from it is untrusted."""
    return DnsZone(table.name, table.transports, table.verify_name, zone_settings(table, "check"))


def enum_zone(table: EnumZoneTable) -> EnumZone:
    """An ENUM zone."""
    return EnumZone(table.name, table.suffix.lower())


def _access_rules(table: DefaultZoneTable) -> tuple[AccessRule, ...]:
    return tuple(
        AccessRule(each.priority, each.type, each.pattern, each.action, each.authentication, each.description)
        for each in table.access
    )
