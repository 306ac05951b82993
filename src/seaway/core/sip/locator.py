"""Questions to the DNS that are under way, and what waits for their answers. Sans-IO.

`locate` finds the hops of a place (RFC 3263), `enum` the URIs of a number (RFC 6116), `ask` answers one question. Each
takes a function that is called once, at once or later, with what was found. Hops that failed a short while ago are
tried after the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from seaway.core.dns.e164 import EnumSearch
from seaway.core.dns.io import Answer, Kind, Resolve
from seaway.core.sip.io import Hop, Place
from seaway.core.sip.locating import Locating, Question

__all__ = ["Locator"]

_MOST = 2000  # questions under way
_PENALTY = 30.0  # seconds for which a hop that failed comes last
_MOST_PENALTIES = 1000

Asked = Callable[[Answer, float], None]
Located = Callable[[tuple[Hop, ...], str, float], None]
Numbered = Callable[[tuple[str, ...], str, float], None]


class Locator:
    """`outputs` takes the `Resolve`s; `random(n)` gives n random octets."""

    def __init__(self, outputs: deque[Any], random: Callable[[int], bytes]) -> None:
        self._outputs = outputs
        self._random = random
        self._tokens: dict[int, Question] = {}
        self._waiting: dict[Question, list[Asked]] = {}
        self._failed: dict[Hop, float] = {}  # until when it comes last
        self._next_token = 0

    # -- what is wanted

    def locate(self, place: Place, done: Located, now: float) -> None:
        """Find where to send: `done(hops, why, now)`, with `why` in one line when there are none."""
        search = Locating(place, self._random)

        def take(questions: list[Question], now: float) -> None:
            if search.hops is not None:
                done(self._ordered(search.hops, now), search.why, now)
                return
            for question in questions:
                self.ask(*question, partial(answered, question), now)

        def answered(question: Question, answer: Answer, now: float) -> None:
            take(search.answered(question, answer), now)

        take(search.begin(), now)

    def enum(self, digits: str, suffix: str, done: Numbered, now: float) -> None:
        """Find the SIP URIs of a number without `+`: `done(uris, why, now)`."""
        search = EnumSearch(digits, suffix)

        def take(answer: Answer, now: float) -> None:
            search.answered(answer)
            go_on(now)

        def go_on(now: float) -> None:
            if search.question is None:
                done(search.uris, search.why, now)
            else:
                self.ask(search.question, "NAPTR", take, now)

        go_on(now)

    def ask(self, name: str, kind: Kind, done: Asked, now: float) -> None:
        """One question. Who asks the same meanwhile waits for the same answer."""
        question = (name, kind)
        waiting = self._waiting.get(question)
        if waiting is not None:
            waiting.append(done)
            return
        if len(self._waiting) >= _MOST:
            done(Answer((), f"{_MOST} questions wait for the name servers already"), now)
            return
        self._next_token += 1
        self._tokens[self._next_token] = question
        self._waiting[question] = [done]
        self._outputs.append(Resolve(self._next_token, name, kind))

    # -- what is told

    def resolved(self, token: int, answer: Answer, now: float) -> None:
        """The answer to a `Resolve`; one for an unknown token changes nothing."""
        question = self._tokens.pop(token, None)
        if question is not None:
            for done in self._waiting.pop(question):
                done(answer, now)

    def penalise(self, hop: Hop, now: float, seconds: float = _PENALTY) -> None:
        """`hop` did not answer or could not be reached: it comes last for `seconds`."""
        self._failed.pop(hop, None)
        while len(self._failed) >= _MOST_PENALTIES:
            del self._failed[next(iter(self._failed))]
        self._failed[hop] = now + seconds

    def failed_lately(self, hop: Hop, now: float) -> bool:
        """Whether `hop` failed a short while ago."""
        return self._failed.get(hop, 0.0) > now

    def _ordered(self, hops: tuple[Hop, ...], now: float) -> tuple[Hop, ...]:
        if len(hops) < 2 or not self._failed:
            return hops
        return tuple(sorted(hops, key=lambda hop: self.failed_lately(hop, now)))

    def __len__(self) -> int:
        """Questions under way."""
        return len(self._waiting)
