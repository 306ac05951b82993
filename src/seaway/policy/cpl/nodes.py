"""The nodes of a script, read and checked (RFC 3880 §3). `None` as a next node ends the script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from seaway.policy.cpl.facts import CallFacts

__all__ = [
    "Case",
    "Condition",
    "Location",
    "Lookup",
    "Node",
    "Note",
    "Ordering",
    "Proxy",
    "Redirect",
    "Reject",
    "Remove",
    "Script",
    "Switch",
]  # fmt: skip

Ordering = Literal["parallel", "sequential", "first-only"]


class Condition(Protocol):
    """One condition of a switch."""

    def holds(self, facts: CallFacts) -> bool:
        """Whether the call meets it."""


@dataclass(frozen=True, slots=True)
class Case:
    """One branch of a switch."""

    test: Condition
    then: Node | None


@dataclass(frozen=True, slots=True)
class Switch:
    """The first case whose test holds, else `otherwise` (RFC 3880 §4). `not_present` has its place among the cases."""

    cases: tuple[Case, ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Location:
    """Adds a URI to the location set (§5.1); with `clear` it becomes the only one. `priority` is 0.0 to 1.0."""

    url: str
    priority: float
    clear: bool
    then: Node | None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Asks where the destination is registered (§5.2)."""

    source: str  # "registration"
    timeout: float  # seconds
    clear: bool
    outputs: Mapping[str, Node | None]  # success, notfound, failure


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes one URI from the location set, or all when `location` is empty (§5.3)."""

    location: str
    then: Node | None


@dataclass(frozen=True, slots=True)
class Proxy:
    """Sends the call to the location set (§6.1)."""

    timeout: float | None  # seconds
    recurse: bool
    ordering: Ordering
    outputs: Mapping[str, Node | None]  # busy, noanswer, failure, redirection, default


@dataclass(frozen=True, slots=True)
class Redirect:
    """Tells the caller the location set (§6.2)."""

    permanent: bool


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuses the call (§6.3). `status` is 400 to 699."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """`mail` or `log` (§7): something to tell, nothing to decide."""

    kind: Literal["mail", "log"]
    text: str
    name: str
    then: Node | None


Node: TypeAlias = Switch | Location | Lookup | Remove | Proxy | Redirect | Reject | Note


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script. An action that it lacks is `None`; `has_outgoing` tells that from an empty one."""

    incoming: Node | None
    outgoing: Node | None
    has_outgoing: bool
