"""The call policy of a node, compiled: ordered rules, and a script or a policy service. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.policy.call_rules import CallRules
from seaway.policy.cpl.nodes import Script
from seaway.policy.service import ServiceSettings

__all__ = ["CallPolicy"]


def _none() -> CallRules:
    return CallRules(())


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Rules are asked first; what they do not reject is for the `script`, or for the `service`, never both."""

    rules: CallRules = field(default_factory=_none)
    script: Script | None = None
    service: ServiceSettings | None = None

    def __bool__(self) -> bool:
        return bool(self.rules) or self.script is not None or self.always is not None

    @property
    def always(self) -> ServiceSettings | None:
        """The service, when it is asked about every call."""
        return self.service if self.service is not None and self.service.when == "every-call" else None
