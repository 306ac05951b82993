"""Call policy through call control: rules, scripts and a policy service decide on calls."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.call import screening
from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import CallRule, CallRules
from seaway.policy.cpl.read import read_script
from seaway.policy.service import ServiceSettings

from ..support.messages import header
from .test_searching import Site, answering, rule

PEERS = {"desk": "10.0.0.30", "mail": "10.0.0.40"}
RULES = (
    rule(1, "desk", type="prefix", pattern="desk"),
    rule(2, "mail", type="prefix", pattern="mail"),
    rule(3, "registrations"),
)


def site(policy: CallPolicy, **changes: Any) -> Site:
    return Site(*RULES, peers=PEERS, policy=policy, **changes)


MAIL = '<location url="sip:mail1@example.test" clear="yes"><proxy/></location>'


def scripted(body: str) -> Site:
    return site(CallPolicy(script=read_script(f"<cpl><incoming>{body}</incoming></cpl>".encode())))


def test_a_rule_rejects_with_its_own_words() -> None:
    here = site(CallPolicy(CallRules([CallRule(1, "reject", destination_type="prefix", destination="desk",
                                               status=603, reason="Not at night")])))  # fmt: skip
    dialog = here.call("desk1@example.test")
    assert dialog.statuses[-1] == 603
    assert here.rings() == {}
    assert any(each.first == "SIP/2.0 603 Not at night" for each in here.net.wire)
    assert [each["why"] for each in here.core.events("request.refused")] == ["call rule 1 rejects it"]
    assert here.call("mail1@example.test").acked


def test_a_rule_for_callers_who_have_proved_who_they_are() -> None:
    rules = CallRules([CallRule(1, "allow", authenticated=True), CallRule(2, "reject")])
    assert site(CallPolicy(rules)).call("desk1@example.test").acked


def test_a_script_that_decides_nothing_changes_nothing() -> None:
    here = scripted("")
    assert here.call("desk1@example.test").acked
    assert here.rings() == {"desk": 1}


def test_a_script_rejects() -> None:
    here = scripted('<reject status="busy" reason="In theatre"/>')
    assert here.call("desk1@example.test").statuses[-1] == 486
    assert here.rings() == {}
    assert here.core.core.counters["policy.rejected"] == 1


def test_a_script_redirects() -> None:
    here = scripted('<location url="sip:mail1@example.test"><redirect permanent="yes"/></location>')
    dialog = here.call("desk1@example.test")
    assert dialog.statuses[-1] == 301
    answer = next(each.data for each in here.net.wire if each.first.startswith("SIP/2.0 301"))
    assert header(answer, "contact") == ["<sip:mail1@example.test>"]


def test_a_script_sends_elsewhere() -> None:
    here = scripted('<location url="sip:mail7@example.test"><proxy/></location>')
    assert here.call("desk1@example.test").acked
    assert here.rings() == {"mail": 1}
    assert here.peers["mail"].received[0].uri.startswith(b"sip:mail7@example.test")


def test_busy_goes_to_the_voice_mail() -> None:
    here = scripted(
        '<proxy><busy><location url="sip:mail1@example.test" clear="yes"><proxy/></location></busy></proxy>'
    )
    answering(here.peers["desk"], (0.1, 180), (0.3, 486))
    assert here.call("desk1@example.test").acked
    assert here.rings() == {"desk": 1, "mail": 1}


def test_an_outcome_without_an_output_stands() -> None:
    here = scripted(
        '<proxy><busy><location url="sip:mail1@example.test" clear="yes"><proxy/></location></busy></proxy>'
    )
    answering(here.peers["desk"], (0.1, 404))
    assert here.call("desk1@example.test").statuses[-1] == 404
    assert here.rings() == {"desk": 1}


def test_nobody_answers_in_the_time_given() -> None:
    here = scripted(
        '<proxy timeout="5"><noanswer><location url="sip:mail1@example.test" clear="yes"><proxy/></location></noanswer>'
        "</proxy>"
    )
    answering(here.peers["desk"], (0.1, 180))
    dialog = here.call("desk1@example.test", seconds=4.0)
    assert not dialog.acked and here.rings() == {"desk": 1}
    here.net.run(4.0)
    assert dialog.acked
    assert here.rings() == {"desk": 1, "mail": 1}
    assert [each.method for each in here.peers["desk"].received].count(b"CANCEL") == 0  # the layer answers it
    assert any(each.first.startswith("CANCEL") and each.target == "desk" for each in here.net.wire)


def test_the_time_given_ends_a_call_that_nobody_else_takes() -> None:
    here = scripted('<proxy timeout="3"/>')
    answering(here.peers["desk"], (0.1, 180))
    assert here.call("desk1@example.test", seconds=8.0).statuses[-1] == 408


def test_an_answer_in_time_stops_the_clock() -> None:
    here = scripted('<proxy timeout="3"><default><reject status="480"/></default></proxy>')
    dialog = here.call("desk1@example.test", seconds=10.0)
    assert dialog.acked and not dialog.ended


def test_a_caller_who_hangs_up_is_not_sent_on() -> None:
    here = scripted(
        '<proxy><default><location url="sip:mail1@example.test" clear="yes"><proxy/></location></default></proxy>'
    )
    answering(here.peers["desk"], (0.1, 180))
    dialog = here.call("desk1@example.test", seconds=1.0)
    here.caller.cancel(dialog)
    here.net.run(3.0)
    assert dialog.statuses[-1] == 487
    assert here.rings() == {"desk": 1}


@pytest.mark.parametrize(("ordering", "first"), [("sequential", {"desk": 1}), ("parallel", {"desk": 1, "mail": 1})])
def test_orderings(ordering: str, first: dict[str, int]) -> None:
    here = scripted(
        '<location url="sip:desk1@example.test"><location url="sip:mail1@example.test" priority="0.5">'
        f'<proxy ordering="{ordering}"/></location></location>'
    )
    for peer in here.peers.values():
        answering(peer, (0.1, 180), (1.0, 480))
    here.call("other@example.test", seconds=0.5)
    assert here.rings() == first
    here.net.run(3.0)
    assert here.rings() == {"desk": 1, "mail": 1}


def test_lookup() -> None:
    body = (
        '<lookup source="registration"><success><proxy/></success>'
        '<notfound><location url="sip:mail1@example.test"><proxy/></location></notfound></lookup>'
    )
    here = scripted(body)
    bob = here.phone("bob", 21)
    assert here.call("bob@example.test").acked
    assert len(bob.received) and here.rings() == {}
    assert here.call("carol@example.test").acked
    assert here.rings() == {"mail": 1}


def test_a_script_that_never_ends_does_end() -> None:
    again = "<proxy><failure>%s</failure></proxy>"
    body = "<reject status='480'/>"
    for _ in range(60):
        body = again % body
    here = scripted(body)
    answering(here.peers["desk"], (0.01, 404))
    assert here.call("desk1@example.test", seconds=10.0).statuses[-1] == 404
    assert here.rings()["desk"] <= 21


SERVICE = ServiceSettings("https://policy.example.test/")


@pytest.mark.parametrize(
    ("settings", "answer", "status"),
    [
        (SERVICE, (0.2, b"<cpl><incoming/></cpl>", ""), 200),
        (SERVICE, (0.2, b"<cpl><incoming><reject status='busy'/></incoming></cpl>", ""), 486),
        (SERVICE, (0.2, None, "no answer in 3 s"), 504),
        (SERVICE, (0.2, b"<html/>", ""), 504),
        (ServiceSettings(SERVICE.url, default="allow"), (0.2, None, "it answers 500"), 200),
    ],
)
def test_a_policy_service(settings: ServiceSettings, answer: tuple[float, bytes | None, str], status: int) -> None:
    here = site(CallPolicy(service=settings))
    asked: list[dict[str, str]] = []

    def play(form: dict[str, str]) -> tuple[float, bytes | None, str]:
        asked.append(form)
        return answer

    here.core.policy = play
    dialog = here.call("desk1@example.test")
    assert (200 if dialog.acked else dialog.statuses[-1]) == status
    assert len(asked) == 1
    form = asked[0]
    assert form["DESTINATION_ALIAS"] == "desk1@example.test"
    assert form["AUTHENTICATED_SOURCE_ALIAS"] == form["AUTHENTICATION_USER_NAME"] == "alice@example.test"
    assert (form["METHOD"], form["PROTOCOL"], form["SOURCE_IP"]) == ("INVITE", "SIP", "10.0.0.20")
    if status == 504:
        assert len(here.core.events("policy.service.failed")) == 1


def test_calls_beyond_those_that_may_wait_are_decided_by_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_MAX_ASKED", 1)
    here = site(CallPolicy(service=SERVICE))
    here.core.policy = lambda form: (1000.0, None, "")  # it never answers in time
    assert here.call("desk1@example.test").statuses[-1:] in ([], [100])
    assert here.call("desk2@example.test").statuses[-1] == 504
    assert here.core.events("policy.service.failed")[-1]["problem"] == "1 calls wait for it already"


def test_a_caller_who_hangs_up_while_the_service_thinks() -> None:
    here = site(CallPolicy(service=SERVICE))
    here.core.policy = lambda form: (2.0, b"<cpl><incoming/></cpl>", "")
    dialog = here.call("desk1@example.test", seconds=1.0)
    here.caller.cancel(dialog)
    here.net.run(3.0)
    assert dialog.statuses[-1] == 487
    assert here.rings() == {}
