"""Targets that name other aliases: the policy service (ENUM is in `test_searching.py`)."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.policy.call_policy import CallPolicy
from seaway.policy.service import ServiceSettings

from .test_searching import Site, answering, rule

SERVICE = ServiceSettings("https://policy.example.test/", when="search-rule")


def site(answer: tuple[float, bytes | None, str], *more: Any, settings: ServiceSettings = SERVICE) -> Site:
    rules = (rule(5, "registrations"), rule(10, "policy-service", type="prefix", pattern="9"), *more)
    there = Site(*rules, policy=CallPolicy(service=settings))
    there.asked = []  # type: ignore[attr-defined]

    def service(form: dict[str, str]) -> tuple[float, bytes | None, str]:
        there.asked.append(form)  # type: ignore[attr-defined]
        return answer

    there.core.policy = service
    return there


def script(body: str) -> bytes:
    return f"<cpl><incoming>{body}</incoming></cpl>".encode()


TO_CM = script('<location url="sip:desk@cm.test"><proxy/></location>')
CM = rule(20, "cm", type="suffix", pattern="@cm.test")
PSTN = rule(30, "pstn", type="prefix", pattern="9")


def test_the_service_names_an_alias_that_is_looked_for_anew() -> None:
    there = site((0.1, TO_CM, ""), CM, PSTN)
    assert there.call("9123@example.test").statuses[-1] == 200
    assert there.rings() == {"cm": 1} and there.peers["cm"].received[0].uri == b"sip:desk@cm.test"
    (form,) = there.asked  # type: ignore[attr-defined]
    assert form["DESTINATION_ALIAS"] == "9123@example.test" and form["AUTHENTICATION_USER_NAME"]
    assert "policy-service: desk@cm.test" in there.core.core._searches.records[-1].attempts


def test_only_what_a_rule_sends_there_is_asked() -> None:
    there = site((0.1, TO_CM, ""), CM, rule(40, "pbx"))
    assert there.call("8123@example.test").statuses[-1] == 200
    assert there.rings() == {"pbx": 1} and there.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer",
    [
        (0.1, script('<reject status="notfound"/>'), ""),
        (0.1, script(""), ""),
        (0.1, script('<location url="sip:example.test"><proxy/></location>'), ""),
        (0.1, None, "it answers 500"),
        (0.1, b"no script", ""),
    ],
)
def test_without_an_answer_the_search_goes_on(answer: tuple[float, bytes | None, str]) -> None:
    there = site(answer, CM, PSTN)
    assert there.call("9123@example.test").statuses[-1] == 200 and there.rings() == {"pstn": 1}


def test_what_the_service_says_is_the_answer_when_there_is_nobody_else() -> None:
    there = site((0.1, script('<reject status="busy"/>'), ""))
    assert there.call("9123@example.test").statuses == [486]
    there = site((0.1, None, "it answers 500"))
    assert there.call("9123@example.test").statuses == [504]


def test_who_is_named_does_not_answer_and_the_search_goes_on() -> None:
    there = site((0.1, TO_CM, ""), CM, PSTN)
    answering(there.peers["cm"], (0.1, 404))
    assert there.call("9123@example.test").statuses[-1] == 200 and there.rings() == {"cm": 1, "pstn": 1}


def test_r35_a_service_that_names_what_leads_back_to_it_is_asked_twice_at_most() -> None:
    there = site((0.1, script('<location url="sip:91@example.test"><proxy/></location>'), ""), PSTN)
    assert there.call("9123@example.test").statuses[-1] == 200
    assert len(there.asked) == 2 and there.rings() == {"pstn": 1}  # type: ignore[attr-defined]


def test_cancel_while_the_service_thinks() -> None:
    there = site((2.0, TO_CM, ""), CM)
    dialog = there.call("9123@example.test", 1)
    there.caller.cancel(dialog)
    there.net.run(4)
    assert dialog.statuses == [487] and there.rings() == {}


def test_equal_rules_wait_for_the_service() -> None:
    there = site((0.1, TO_CM, ""), CM, rule(10, "pbx", type="prefix", pattern="9"))
    answering(there.peers["cm"], (0.1, 404))
    assert there.call("9123@example.test").statuses[-1] == 200 and there.rings() == {"cm": 1, "pbx": 1}
