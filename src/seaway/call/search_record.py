"""What is kept of a search, for `seaway status searches` and `seaway search`: references; words are made on demand."""

from __future__ import annotations

from typing import NamedTuple

from seaway.call.views import open_uri, printable, text_of
from seaway.call.zones import Zone
from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Place
from seaway.policy.plan import Decision
from seaway.policy.search_settings import SearchRule
from seaway.wire.endpoint import shown
from seaway.wire.sip.nameaddr import uri_of

__all__ = ["Candidate", "SearchRecord", "place_shown"]

_MOST_ATTEMPTS = 60
_LONGEST = 500  # characters of a line on what could not be asked
_OURS = frozenset((404, 408, 480, 488, 500, 503))  # statuses that this node gives for reasons of its own


class Candidate(NamedTuple):
    """One target of a search. `zone` is `None` for phones that are registered here, `rule` when no rule led there."""

    zone: Zone | None
    target: Target
    rule: SearchRule | None = None


class SearchRecord:
    """One search. `attempts` are groups of candidates that were asked at once, each with the statuses they answered;
    or lines on what could not be asked."""

    __slots__ = (
        "attempts", "authenticated", "began", "call_id", "caller", "decision", "ended", "method", "number", "status",
        "uri", "why", "zone",
    )  # fmt: skip

    def __init__(
        self, number: int, began: float, method: bytes, uri: bytes, caller: bytes, call_id: bytes, zone: Zone,
        authenticated: bool, decision: Decision | None,
    ) -> None:  # fmt: skip
        self.number = number
        self.began = began
        self.method = method
        self.uri = uri
        self.caller = caller  # value of From
        self.call_id = call_id
        self.zone = zone
        self.authenticated = authenticated
        self.decision = decision
        self.attempts: list[tuple[list[Candidate], list[int]] | str] = []
        self.ended: float | None = None
        self.status = 0
        self.why = ""

    def tried(self, group: list[Candidate]) -> list[int]:
        """A group is asked; the list is for the statuses that it answers."""
        statuses: list[int] = []
        self._add((group, statuses))
        return statuses

    def passed_over(self, why: str) -> None:
        """A target could not be asked."""
        self._add(why[:_LONGEST])

    def finish(self, status: int, now: float, why: str = "") -> None:
        """The final response went out. Without `why` it is what this node itself found last, if that can be why."""
        if self.ended is None:
            if not why and status in _OURS:
                why = next((each for each in reversed(self.attempts) if isinstance(each, str)), "")
            self.ended, self.status, self.why = now, status, why

    def row(self, now: float) -> dict[str, object]:
        """One line of `seaway status searches`."""
        decision = self.decision
        return {
            "search": self.number,
            "seconds_ago": round(now - self.began, 1),
            "method": text_of(self.method),
            "alias": printable(decision.query.alias) if decision is not None else text_of(open_uri(self.uri)),
            "from": text_of(_address(self.caller)),
            "zone": self.zone.name,
            "authenticated": self.authenticated,
            "targets": [name for each in self.attempts if not isinstance(each, str) for name in _names(each[0])],
            "status": self.status or None,
            "took": round(self.ended - self.began, 3) if self.ended is not None else None,
            "why": self.why,
        }

    def attempts_shown(self) -> list[dict[str, object]]:
        """What was tried, in order."""
        rows: list[dict[str, object]] = []
        for each in self.attempts:
            if isinstance(each, str):
                rows.append({"what": "passed over", "why": each})
                continue
            group, statuses = each
            rows.append(
                {
                    "what": "asked",
                    "targets": [
                        {
                            "zone": one.zone.name if one.zone is not None else "local",
                            "rule": _rule(one.rule),
                            "uri": text_of(open_uri(one.target.uri)),
                            "where": place_shown(one.target),
                        }
                        for one in group
                    ],
                    "answers": list(statuses),
                }
            )
        return rows

    def _add(self, attempt: tuple[list[Candidate], list[int]] | str) -> None:
        if len(self.attempts) < _MOST_ATTEMPTS:
            self.attempts.append(attempt)


def place_shown(target: Target) -> str:
    """Where a target is."""
    where = target.where
    if isinstance(where, Flow):
        return f"{shown(where.remote)}/{where.transport}"
    if isinstance(where, Place):
        port = f":{where.port}" if where.port is not None else ""
        return f"{where.host}{port} (DNS)"
    others = f" and {len(target.more)} more" if target.more else ""
    return f"{shown((where.host, where.port))}/{where.transport}{others}"


def _rule(rule: SearchRule | None) -> str | None:
    if rule is None:
        return None
    return f"{rule.priority} {rule.name}".strip()


def _names(group: list[Candidate]) -> list[str]:
    return list(dict.fromkeys(one.zone.name if one.zone is not None else "local" for one in group))


def _address(value: bytes) -> bytes:
    return open_uri(uri_of(value)).partition(b":")[2].partition(b";")[0]
