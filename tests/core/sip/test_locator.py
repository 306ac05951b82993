"""Questions under way: joined, bounded, answered once; hops that failed come last."""

from __future__ import annotations

from collections import deque
from typing import Any

from seaway.core.dns.io import Answer, Naptr, Resolve
from seaway.core.sip.io import Hop, Place
from seaway.core.sip.locator import Locator


def made() -> tuple[Locator, deque[Any]]:
    outputs: deque[Any] = deque()
    return Locator(outputs, lambda count: bytes(count)), outputs


def test_one_question_for_all_who_ask() -> None:
    locator, outputs = made()
    heard: list[object] = []
    for _ in range(3):
        locator.locate(Place("a.test", "inner", 5060), lambda *found: heard.append(found), 1.0)
    (question,) = outputs
    assert (question.name, question.kind) == ("a.test", "ADDRESS") and len(locator) == 1
    locator.resolved(question.token, Answer(("192.0.2.1",)), 2.0)
    locator.resolved(question.token, Answer(("192.0.2.2",)), 2.0)
    locator.resolved(99, Answer(), 2.0)
    assert heard == [((Hop("udp", "192.0.2.1", 5060, "inner"),), "", 2.0)] * 3 and len(locator) == 0


def test_enum_follows_its_chain() -> None:
    locator, outputs = made()
    heard: list[object] = []
    locator.enum("12", "e164.arpa", lambda *found: heard.append(found), 1.0)
    first = outputs.popleft()
    assert first == Resolve(first.token, "2.1.e164.arpa", "NAPTR")
    locator.resolved(first.token, Answer((Naptr(1, 1, "", "", "", "x.test"),)), 1.0)
    locator.resolved(outputs.popleft().token, Answer((Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:a@b!", ""),)), 3.0)
    assert heard == [(("sip:a@b",), "", 3.0)]


def test_r69_questions_under_way_are_bounded() -> None:
    locator, _ = made()
    heard: list[Answer] = []
    for number in range(2001):
        locator.ask(f"n{number}.test", "SRV", lambda answer, now: heard.append(answer), 1.0)
    assert len(locator) == 2000 and len(heard) == 1 and "questions wait" in heard[0].failure


def test_a_hop_that_failed_comes_last_for_a_while() -> None:
    locator, outputs = made()
    one, two = (Hop("udp", f"192.0.2.{n}", 5060, "inner") for n in (1, 2))
    locator.penalise(one, 10.0)
    heard: list[tuple[Hop, ...]] = []
    for now, first in ((11.0, two), (41.0, one)):
        heard.clear()
        locator.locate(Place("a.test", "inner", 5060), lambda hops, why, now: heard.append(hops), now)
        locator.resolved(outputs.popleft().token, Answer(("192.0.2.1", "192.0.2.2")), now)
        assert heard[0][0] == first and len(heard[0]) == 2
    for number in range(5000):
        locator.penalise(Hop("udp", "192.0.2.1", number, "inner"), 50.0)
    assert len(locator._failed) == 1000
