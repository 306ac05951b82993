"""Bandwidth: what each call may use on its way through subzones, links and pipes. Pure.

Subzones and zones are places; links join two places and may have up to two pipes, which stand for a real line with a
limit. A call takes the shortest way of links from its caller's place to its callee's, and every place and pipe on the
way must have room for it. Amounts are kbit/s in one direction, as in `b=AS` (RFC 8866 §5.8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Bandwidth", "BandwidthError", "BandwidthPolicy", "Denial", "Grant", "Link", "Pipe", "Place"]

_MAX_PATHS = 32  # ways looked at for one pair of places
_MAX_LINKS = 8  # links on one way
_LEAST = 16  # kbit/s: less is no call


class BandwidthError(ValueError):
    """A policy that cannot be used; its text is one clear phrase."""


@dataclass(frozen=True, slots=True)
class Place:
    """A subzone or zone. Limits in kbit/s: `None` is unlimited, 0 lets no call pass.

    `total` bounds all calls that begin, end or pass here, `within` one call that stays inside, `across` one call that
    leaves or enters.
    """

    name: str
    total: int | None = None
    within: int | None = None
    across: int | None = None


@dataclass(frozen=True, slots=True)
class Pipe:
    """A line with a limit in `total` and for each call, in kbit/s; `None` is unlimited."""

    name: str
    total: int | None = None
    per_call: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Joins two places, over at most two pipes."""

    name: str
    ends: tuple[str, str]
    pipes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BandwidthPolicy:
    """The whole configuration. A call whose rate nobody says counts as `default_call` kbit/s.

    A call above a limit per call is refused, or with `downspeed_per_call` brought down to it; one above what is left
    of a total is refused, or with `downspeed_total` brought down to that.
    """

    places: tuple[Place, ...] = ()
    pipes: tuple[Pipe, ...] = ()
    links: tuple[Link, ...] = ()
    default_call: int = 384
    downspeed_per_call: bool = True
    downspeed_total: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """A call may use `rate` kbit/s. `limited_by` names what brought it down, empty when it has all it wanted."""

    rate: int
    links: tuple[str, ...]
    limited_by: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """No room; `why` is one clear phrase."""

    why: str


@dataclass(slots=True)
class _Held:
    """What a call holds."""

    ends: tuple[str, str]
    rate: int
    accounts: tuple[str, ...]
    links: tuple[str, ...]


class Bandwidth:
    """Grants and what is used. Raises `BandwidthError` for names that do not exist or exist twice."""

    def __init__(self, policy: BandwidthPolicy) -> None:
        self.policy = policy
        self._places = _by_name(policy.places, "place")
        self._pipes = _by_name(policy.pipes, "pipe")
        _by_name(policy.links, "link")
        self._links: dict[str, list[Link]] = {}
        for link in policy.links:
            if len(link.pipes) > 2:
                raise BandwidthError(f"link {link.name} has {len(link.pipes)} pipes, at most 2 are possible")
            for pipe in link.pipes:
                if pipe not in self._pipes:
                    raise BandwidthError(f"link {link.name} names pipe {pipe}, which does not exist")
            for end in link.ends:
                if end not in self._places:
                    raise BandwidthError(f"link {link.name} ends at {end}, which is no zone or subzone")
                self._links.setdefault(end, []).append(link)
        self._used: dict[str, int] = {}
        self._calls: dict[str, _Held] = {}
        self._ways: dict[tuple[str, str], tuple[tuple[Link, ...], ...]] = {}

    def ask(self, call: str, caller: str, callee: str, wanted: int | None) -> Grant | Denial:
        """Room for `call` from place `caller` to place `callee`; `wanted` kbit/s, `None` when nobody said.

        A call that has a grant already asks for another rate: it gets that, or keeps what it has (`Denial`).
        """
        old = self._calls.pop(call, None)
        if old is not None:
            self._add(old, -1)
        outcome = self._ask(call, caller, callee, max(_LEAST, wanted or self.policy.default_call))
        if isinstance(outcome, Denial) and old is not None:
            self._calls[call] = old
            self._add(old, 1)
        return outcome

    def release(self, call: str) -> None:
        """The call ended; nothing happens when it holds nothing."""
        held = self._calls.pop(call, None)
        if held is not None:
            self._add(held, -1)

    def rate(self, call: str) -> int | None:
        """kbit/s that the call was granted."""
        held = self._calls.get(call)
        return held.rate if held is not None else None

    def snapshot(self) -> list[dict[str, object]]:
        """One row for each place and pipe that has a limit or is in use."""
        calls: dict[str, int] = {}
        for held in self._calls.values():
            for account in held.accounts:
                calls[account] = calls.get(account, 0) + 1
        rows: list[dict[str, object]] = []
        for kind, group in (("place", self._places), ("pipe", self._pipes)):
            for name, item in group.items():
                account = _account(item)
                if item.total is not None or account in calls:
                    rows.append({
                        "name": name, "kind": kind, "calls": calls.get(account, 0),
                        "used_kbps": self._used.get(account, 0), "total_kbps": item.total,
                    })  # fmt: skip
        return rows

    # -- inside

    def _ask(self, call: str, caller: str, callee: str, wanted: int) -> Grant | Denial:
        for end in (caller, callee):
            if end not in self._places:
                return Denial(f"{end} is no zone or subzone of the bandwidth policy")
        best: tuple[int, str, tuple[Link, ...]] | None = None
        why = ""
        for way in self._between(caller, callee):
            rate, limit = self._room(way, caller, callee, wanted)
            if rate < _LEAST:
                why = why or limit
                continue
            if best is None or rate > best[0]:
                best = (rate, limit, way)
            if rate == wanted:
                break
        if best is None:
            return Denial(why or f"no links lead from {caller} to {callee}")
        rate, limit, way = best
        links = tuple(link.name for link in way)
        held = _Held((caller, callee), rate, tuple(_account(each) for each in self._limits(way, caller, callee)), links)
        self._calls[call] = held
        self._add(held, 1)
        return Grant(rate, links, limit)

    def _room(self, way: tuple[Link, ...], caller: str, callee: str, wanted: int) -> tuple[int, str]:
        """The rate that this way has for one more call, and what limits it; 0 when it has none."""
        rate, limited = wanted, ""
        inside = caller == callee
        for item in self._limits(way, caller, callee):
            kind = "pipe" if isinstance(item, Pipe) else "zone"
            each = item.per_call if isinstance(item, Pipe) else item.within if inside else item.across
            if each is not None and rate > each:
                limited = f"{kind} {item.name} has {each} kbit/s for one call"
                rate = each if self.policy.downspeed_per_call else 0
            if item.total is not None:
                left = item.total - self._used.get(_account(item), 0)
                if rate > left:
                    limited = f"{kind} {item.name} has {max(left, 0)} of {item.total} kbit/s left"
                    rate = left if self.policy.downspeed_total else 0
            if rate < _LEAST:
                return 0, limited
        return rate, limited

    def _limits(self, way: tuple[Link, ...], caller: str, callee: str) -> list[Place | Pipe]:
        """All places and pipes on a way, each once."""
        found: dict[str, Place | Pipe] = {}
        here = caller
        found[_account(self._places[here])] = self._places[here]
        for link in way:
            for name in link.pipes:
                found[_account(self._pipes[name])] = self._pipes[name]
            here = link.ends[1] if link.ends[0] == here else link.ends[0]
            found[_account(self._places[here])] = self._places[here]
        return list(found.values())

    def _between(self, caller: str, callee: str) -> tuple[tuple[Link, ...], ...]:
        """Ways from one place to another, those with the fewest links first."""
        known = self._ways.get((caller, callee))
        if known is not None:
            return known
        found: list[tuple[Link, ...]] = [()] if caller == callee else []
        queue: deque[tuple[str, tuple[Link, ...], frozenset[str]]] = deque([(caller, (), frozenset((caller,)))])
        steps = 0
        while queue and len(found) < _MAX_PATHS and caller != callee and steps < 10_000:
            here, way, seen = queue.popleft()
            steps += 1
            for link in self._links.get(here, ()):
                there = link.ends[1] if link.ends[0] == here else link.ends[0]
                if there == callee:
                    found.append((*way, link))
                elif there not in seen and len(way) + 1 < _MAX_LINKS:
                    queue.append((there, (*way, link), seen | {there}))
        ways = self._ways[(caller, callee)] = tuple(found)
        return ways

    def _add(self, held: _Held, sign: int) -> None:
        for account in held.accounts:
            self._used[account] = self._used.get(account, 0) + sign * held.rate


def _account(item: Place | Pipe) -> str:
    return ("pipe " if isinstance(item, Pipe) else "place ") + item.name


_Named = TypeVar("_Named", Place, Pipe, Link)


def _by_name(items: Iterable[_Named], kind: str) -> dict[str, _Named]:
    found: dict[str, _Named] = {}
    for item in items:
        if item.name in found:
            raise BandwidthError(f"there are two of the name {item.name} ({kind})")
        found[item.name] = item
    return found
