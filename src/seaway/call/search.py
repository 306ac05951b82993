"""The state of one search: what is still to be asked, what was asked, and the calls of the present step."""

from __future__ import annotations

from typing import Protocol

from seaway.call.record import Call
from seaway.call.search_record import Candidate, SearchRecord
from seaway.call.zones import Zone
from seaway.core.sip.context import Branch, Context
from seaway.media.protocol import LegRequest
from seaway.policy.plan import Step
from seaway.wire.sip.message import Request, Response

__all__ = ["Director", "Group", "Legs", "Search"]

Legs = tuple[LegRequest, LegRequest] | None
Group = list[Candidate]
"""Candidates that are asked at once."""


class Director(Protocol):
    """Who says how a search goes on when everybody has been asked: a policy script."""

    def ended(self, search: Search, now: float) -> bool:
        """True: it goes on, or the request has been answered."""


class Owner(Protocol):
    """Who drives searches."""

    def exhausted(self, search: Search, now: float) -> bool: ...
    def after_failures(self, search: Search, statuses: list[int], now: float) -> bool: ...
    def finished(self, search: Search, status: int, now: float) -> None: ...


class Search:
    """One request that begins something, until its final response."""

    __slots__ = (
        "_owner",
        "agent",
        "alias",
        "asked",
        "calls",
        "context",
        "director",
        "holding",
        "looked",
        "numbers",
        "queue",
        "record",
        "status",
        "statuses",
        "steps",
        "why",
        "zone",
    )  # fmt: skip

    def __init__(self, owner: Owner, context: Context, zone: Zone, alias: bytes, record: SearchRecord) -> None:
        self._owner = owner
        self.context = context
        self.agent: object = None  # the B2BUA's, once it asks instead of the proxy
        self.zone = zone  # where the request comes from
        self.alias = alias
        self.record = record
        self.queue: list[Step | Group] = []  # short, and much smaller than a deque
        self.calls: dict[Legs, tuple[Call, Request]] = {}  # those of the present step
        self.asked: list[Branch] = []  # whose failure was looked at
        self.looked: set[tuple[bytes, object]] = set()  # URI and place of all that was asked: nobody is asked twice
        self.holding = 0  # copies of the present group that wait for the relay
        self.statuses: list[int] = []
        self.director: Director | None = None
        self.steps = 0
        self.numbers = 0
        self.status, self.why = 404, "no search rule matches"  # while nothing was asked

    def exhausted(self, best: Response, now: float) -> bool:
        """All that were asked have failed."""
        return self._owner.exhausted(self, now)

    def go_on(self, statuses: list[int], now: float) -> bool:
        """The B2BUA was refused with `statuses` by all that it asked last: true when it is given others."""
        self.statuses.extend(statuses)
        return self._owner.after_failures(self, statuses, now)

    def finished(self, status: int, now: float) -> None:
        """The B2BUA has sent the final response."""
        self._owner.finished(self, status, now)
