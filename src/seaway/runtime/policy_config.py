"""Call policy in a node's file: `[[call_rule]]`, `[policy]`. Checked values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from seaway.catalog.problems import Refused
from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import CallRule, CallRuleError, CallRules
from seaway.policy.cpl.errors import CplError
from seaway.policy.cpl.nodes import Script
from seaway.policy.cpl.read import read_script
from seaway.policy.patterns import PatternType
from seaway.policy.service import ServiceSettings
from seaway.runtime.policy_service import service_address
from seaway.runtime.settings import Password, Seconds, Settings
from seaway.runtime.zone_config import Pattern, Priority

__all__ = ["CallRuleTable", "PolicyTable", "call_policy"]

_Status = Annotated[StrictInt, Field(ge=400, le=699)]


class CallRuleTable(Settings):
    """`[[call_rule]]`: who may call whom."""

    priority: Priority
    action: Literal["allow", "reject"]
    zone: Annotated[str, Field(max_length=64)] = ""
    authenticated: bool | None = None
    source_type: PatternType = "regex"
    source: Pattern | None = None
    destination_type: PatternType = "regex"
    destination: Pattern | None = None
    status: _Status = 403
    reason: Annotated[str, Field(max_length=100)] = ""
    description: Annotated[str, Field(max_length=128)] = ""

    @model_validator(mode="after")
    def _usable(self) -> CallRuleTable:
        try:
            CallRules([_rule(self)])
        except CallRuleError as error:
            raise Refused(str(error), "correct the rule") from None
        return self


class ServiceTable(Settings):
    """`[policy.service]`."""

    url: Annotated[str, Field(max_length=1000)]
    user: Annotated[str, Field(max_length=128)] = ""
    password: Annotated[Password | None, Field(repr=False)] = None
    timeout: Seconds = 3.0
    default: Literal["allow", "reject"] = "reject"
    status: _Status = 504
    when: Literal["every-call", "search-rule"] = "every-call"
    ca: Path | None = None  # default: that of [tls]

    @model_validator(mode="after")
    def _usable(self) -> ServiceTable:
        try:
            service_address(self.url)
        except ValueError as error:
            raise Refused(f"url {error}", "correct url") from None
        if self.timeout > 30:
            raise Refused("timeout is above 30 seconds", "callers do not wait for longer")
        if (self.password is None) != (not self.user):
            raise Refused("user and password belong together", "give both or neither")
        return self


class PolicyTable(Settings):
    """`[policy]`: a script, or a service that answers with scripts."""

    cpl: Path | None = None
    service: ServiceTable | None = None

    @model_validator(mode="after")
    def _one(self) -> PolicyTable:
        if self.cpl is not None and self.service is not None:
            raise Refused("policy has cpl and service", "keep one of them")
        return self

    def under(self, base: Path) -> PolicyTable:
        """With relative paths starting at `base`."""
        service = self.service
        if service is not None and service.ca is not None:
            service = service.model_copy(update={"ca": base / service.ca})
        return self.model_copy(update={"cpl": self.cpl and base / self.cpl, "service": service})


def call_policy(table: PolicyTable, rules: tuple[CallRuleTable, ...]) -> CallPolicy:
    """As call control takes it; the script is read. Raises `Refused`."""
    service = table.service
    settings = None
    if service is not None:
        settings = ServiceSettings(
            service.url, service.user, service.password or "", service.timeout, service.default, service.status,
            service.when,
        )  # fmt: skip
    return CallPolicy(CallRules(_rule(each) for each in rules), _script(table.cpl), settings)


def _script(path: Path | None) -> Script | None:
    if path is None:
        return None
    try:
        return read_script(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Refused(f"{path} cannot be read: {reason}", "name a readable file") from None
    except CplError as error:
        raise Refused(f"{path}: {error}", "correct the script") from None


def _rule(table: CallRuleTable) -> CallRule:
    return CallRule(
        table.priority, table.action, table.zone, table.authenticated, table.source_type, table.source or "",
        table.destination_type, table.destination or "", table.status, table.reason, table.description,
    )  # fmt: skip
