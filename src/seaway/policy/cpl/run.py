"""One run of a script over one call: what to do next, and how to go on when that has an outcome (RFC 3880 §8, §9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from seaway.policy.cpl.facts import CallFacts
from seaway.policy.cpl.nodes import (
    Location,
    Lookup,
    Node,
    Note,
    Ordering,
    Proxy,
    Redirect,
    Reject,
    Remove,
    Script,
    Switch,
)  # fmt: skip

__all__ = ["AskWhere", "Continue", "Decision", "Outcome", "ProxyTo", "RedirectTo", "RejectWith", "Run"]

Outcome = Literal["busy", "noanswer", "failure", "redirection"]
_MAX_LOCATIONS = 50


@dataclass(frozen=True, slots=True)
class Continue:
    """Nothing was decided: the call goes on as it would without a script."""


@dataclass(frozen=True, slots=True)
class ProxyTo:
    """Send the call to `locations`, URIs in the order to try.

    `more` tells that the script wants to hear how it ends (`Run.ended`). `timeout` is seconds.
    """

    locations: tuple[str, ...]
    ordering: Ordering
    timeout: float | None
    recurse: bool
    more: bool


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Answer 301 or 302 with `locations`."""

    locations: tuple[str, ...]
    permanent: bool


@dataclass(frozen=True, slots=True)
class RejectWith:
    """Refuse the call. An empty `reason` stands for the usual phrase."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class AskWhere:
    """Look up where the destination is registered, then `Run.looked_up`. `timeout` is seconds."""

    timeout: float


Decision: TypeAlias = Continue | ProxyTo | RedirectTo | RejectWith | AskWhere


class Run:
    """One run. `direction` names the action; a script without it decides nothing."""

    __slots__ = ("_acted", "_at", "_locations", "_notes", "_touched", "facts")

    def __init__(self, script: Script, direction: Literal["incoming", "outgoing"], facts: CallFacts) -> None:
        self.facts = facts
        self._at: Node | None = script.incoming if direction == "incoming" else script.outgoing
        self._locations: list[tuple[float, str]] = []
        self._touched = False  # a location node was passed
        self._acted = False  # a signalling node was passed
        self._notes: list[tuple[str, str, str]] = []

    def start(self) -> Decision:
        """Go from the beginning to the first decision."""
        return self._go(self._at)

    def ended(self, outcome: Outcome) -> Decision:
        """How a `ProxyTo` ended. `Continue` then means: tell the caller that outcome."""
        assert isinstance(self._at, Proxy)
        outputs = self._at.outputs
        if outcome in outputs:
            return self._go(outputs[outcome])
        if "default" in outputs:
            return self._go(outputs["default"])
        return Continue()

    def looked_up(self, result: Literal["success", "notfound", "failure"], found: Iterable[str] = ()) -> Decision:
        """The answer to `AskWhere`: `found` are contact URIs."""
        assert isinstance(self._at, Lookup)
        if result == "success":
            self._touched = True
            if self._at.clear:
                self._locations.clear()
            for url in found:
                self._add(url, 1.0)
        return self._go(self._at.outputs.get(result))

    def take_notes(self) -> list[tuple[str, str, str]]:
        """The log and mail nodes that were passed since the last time, as (kind, name, text)."""
        notes, self._notes = self._notes, []
        return notes

    def _go(self, node: Node | None) -> Decision:
        while node is not None:
            if isinstance(node, Switch):
                node = next((case.then for case in node.cases if case.test.holds(self.facts)), node.otherwise)
            elif isinstance(node, Location):
                self._touched = True
                if node.clear:
                    self._locations.clear()
                self._add(node.url, node.priority)
                node = node.then
            elif isinstance(node, Remove):
                self._touched = True
                url = node.location
                self._locations = [each for each in self._locations if url and each[1] != url]
                node = node.then
            elif isinstance(node, Note):
                self._notes.append((node.kind, node.name, node.text))
                node = node.then
            else:
                self._at = node
                return self._act(node)
        if self._touched and self._locations and not self._acted:
            return ProxyTo(self._ordered(), "parallel", None, True, more=False)  # RFC 3880 §8
        return Continue()

    def _act(self, node: Proxy | Redirect | Reject | Lookup) -> Decision:
        if isinstance(node, Lookup):
            return AskWhere(node.timeout)
        self._acted = True
        if isinstance(node, Reject):
            return RejectWith(node.status, node.reason)
        locations = self._ordered() or (self.facts.destination.uri,)
        if isinstance(node, Redirect):
            return RedirectTo(locations, node.permanent)
        if node.ordering == "first-only":
            locations = locations[:1]
        return ProxyTo(locations, node.ordering, node.timeout, node.recurse, more=bool(node.outputs))

    def _add(self, url: str, priority: float) -> None:
        if len(self._locations) < _MAX_LOCATIONS and all(each[1] != url for each in self._locations):
            self._locations.append((priority, url))

    def _ordered(self) -> tuple[str, ...]:
        return tuple(url for _, url in sorted(self._locations, key=lambda each: -each[0]))
