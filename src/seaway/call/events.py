"""What call control puts out besides SIP: commands for the media relay, and events for log and counters."""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.core.dns.io import Resolve
from seaway.core.sip.io import CloseFlow, Flow, Send, SendTo
from seaway.media.protocol import Command
from seaway.policy.intrusion import Category

__all__ = ["AskPolicy", "ControlOutput", "LogEvent", "MediaCommand", "Offence", "Proved"]


@dataclass(frozen=True, slots=True)
class MediaCommand:
    """A command for the relay process."""

    command: Command


@dataclass(frozen=True, slots=True)
class AskPolicy:
    """A question to the policy service: `form` as `policy/service.py` makes it. `token` comes back in
    `Control.policy_answered`."""

    token: int
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Something an operator may want to know. `level` is "info" or "warning"; no secrets in `fields`."""

    event: str
    fields: dict[str, object] = field(default_factory=dict)
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Offence:
    """A peer was caught at something. `proven`: its address is its own, not forged."""

    category: Category
    flow: Flow
    proven: bool


@dataclass(frozen=True, slots=True)
class KeepDue:
    """Registrations have changed: `Control.changes` gives what to keep over a restart. Soon, not at once."""


@dataclass(frozen=True, slots=True)
class KeepFlow:
    """The peer of a stream has promised a keep-alive every `seconds` (RFC 5626 §5.4): silent for longer, it is gone."""

    flow: Flow
    seconds: float


@dataclass(frozen=True, slots=True)
class Proved:
    """A peer that had been challenged has given the right credentials."""

    flow: Flow


ControlOutput = (
    Send | SendTo | CloseFlow | Resolve | MediaCommand | AskPolicy | LogEvent | Offence | KeepDue | KeepFlow | Proved
)
