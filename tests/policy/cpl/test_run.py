"""Scripts run over calls: each node of RFC 3880 decides what the RFC says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seaway.policy.cpl.facts import CallFacts, Party
from seaway.policy.cpl.read import read_script
from seaway.policy.cpl.run import AskWhere, Continue, Decision, ProxyTo, RedirectTo, RejectWith, Run

ANNE = Party(user="anne", host="clinic.example", display="Anne Ward")
DESK = Party(user="desk", host="example.test")
FACTS = CallFacts(ANNE, DESK, DESK, when=1_800_000_000.0)
REJECT = '<reject status="reject"/>'


def run(body: str, facts: CallFacts = FACTS, before: str = "") -> Run:
    text = f'<cpl xmlns="urn:ietf:params:xml:ns:cpl">{before}<incoming>{body}</incoming></cpl>'
    return Run(read_script(text.encode()), "incoming", facts)


def decide(body: str, facts: CallFacts = FACTS, before: str = "") -> Decision:
    return run(body, facts, before).start()


def test_a_script_without_a_decision_leaves_the_call_alone() -> None:
    assert decide("") == Continue()
    script = read_script(b'<cpl xmlns="urn:ietf:params:xml:ns:cpl"><outgoing><reject status="busy"/></outgoing></cpl>')
    assert Run(script, "incoming", FACTS).start() == Continue()
    assert Run(script, "outgoing", FACTS).start() == RejectWith(486, "")


@pytest.mark.parametrize(
    ("status", "number"), [("busy", 486), ("notfound", 404), ("reject", 603), ("error", 500), ("480", 480)]
)
def test_reject(status: str, number: int) -> None:
    assert decide(f'<reject status="{status}" reason="Not today"/>') == RejectWith(number, "Not today")


@pytest.mark.parametrize(
    ("field", "subfield", "test", "matches"),
    [
        ("origin", 'subfield="user"', 'is="anne"', True),
        ("origin", 'subfield="user"', 'is="Anne"', False),
        ("origin", 'subfield="host"', 'is="CLINIC.example"', True),
        ("origin", 'subfield="host"', 'subdomain-of="example"', True),
        ("origin", 'subfield="host"', 'subdomain-of="nic.example"', False),
        ("origin", 'subfield="display"', 'contains="WARD"', True),
        ("origin", 'subfield="port"', 'is="5060"', True),
        ("origin", 'subfield="address-type"', 'is="sip"', True),
        ("origin", 'subfield="tel"', 'subdomain-of="4420"', False),
        ("destination", "", 'is="sip:desk@EXAMPLE.test"', True),
        ("destination", "", 'is="sip:desk@example.org"', False),
        ("original-destination", 'subfield="user"', 'is="desk"', True),
    ],
)
def test_address_switch(field: str, subfield: str, test: str, matches: bool) -> None:
    body = f'<address-switch field="{field}" {subfield}><address {test}>{REJECT}</address></address-switch>'
    assert decide(body) == (RejectWith(603, "") if matches else Continue())


def test_a_telephone_number_below_another() -> None:
    caller = replace(FACTS, origin=Party(scheme="tel", telephone="442071234567"))
    body = '<address-switch field="origin" subfield="tel"><address subdomain-of="4420">%s</address></address-switch>'
    assert decide(body % REJECT, caller) == RejectWith(603, "")


def test_not_present_and_otherwise() -> None:
    body = (
        '<address-switch field="origin" subfield="display"><not-present><reject status="404"/></not-present>'
        '<otherwise><reject status="480"/></otherwise></address-switch>'
    )
    assert decide(body) == RejectWith(480, "")
    assert decide(body, replace(FACTS, origin=replace(ANNE, display=""))) == RejectWith(404, "")


def test_string_language_and_priority_switches() -> None:
    facts = replace(FACTS, subject="Ward  round TODAY", languages=("de-AT", "en"), priority="urgent")
    string = f'<string-switch field="subject"><string contains="ward round">{REJECT}</string></string-switch>'
    assert decide(string, facts) == RejectWith(603, "")
    assert decide(string) == Continue()
    language = f'<language-switch><language matches="de">{REJECT}</language></language-switch>'
    assert decide(language, facts) == RejectWith(603, "")
    assert decide(language, replace(facts, languages=("den",))) == Continue()
    for test, matches in (('greater="normal"', True), ('less="urgent"', False), ('equal="urgent"', True)):
        body = f"<priority-switch><priority {test}>{REJECT}</priority></priority-switch>"
        assert decide(body, facts) == (RejectWith(603, "") if matches else Continue())
    unknown = f"<priority-switch><priority less='urgent'>{REJECT}</priority></priority-switch>"
    assert decide(unknown, replace(facts, priority="important")) == RejectWith(603, "")  # counts as normal


def test_locations_by_priority_then_proxy() -> None:
    body = (
        '<location url="sip:low@b.example" priority="0.2"><location url="sip:high@b.example">'
        '<proxy ordering="sequential" timeout="20"><noanswer><redirect/></noanswer></proxy></location></location>'
    )
    going = run(body)
    both = ("sip:high@b.example", "sip:low@b.example")
    assert going.start() == ProxyTo(both, "sequential", 20.0, True, more=True)
    assert going.ended("noanswer") == RedirectTo(both, False)


def test_locations_without_a_signalling_node_are_called() -> None:
    assert decide('<location url="sip:a@b.example"/>') == ProxyTo(("sip:a@b.example",), "parallel", None, True, False)


def test_clear_and_remove_location() -> None:
    body = (
        '<location url="sip:a@b.example"><location url="sip:c@b.example"><remove-location location="sip:a@b.example">'
        "<redirect permanent='yes'/></remove-location></location></location>"
    )
    assert decide(body) == RedirectTo(("sip:c@b.example",), True)
    cleared = (
        '<location url="sip:a@b.example"><location url="sip:c@b.example" clear="yes"><redirect/></location></location>'
    )
    assert decide(cleared) == RedirectTo(("sip:c@b.example",), False)


def test_proxy_without_a_location_goes_to_the_destination() -> None:
    assert decide("<proxy/>") == ProxyTo(("sip:desk@example.test",), "parallel", None, True, False)


def test_outcomes_of_proxy() -> None:
    body = '<proxy><busy><reject status="busy"/></busy><default><reject status="480"/></default></proxy>'
    for outcome, status in (("busy", 486), ("noanswer", 480), ("failure", 480)):
        going = run(body)
        going.start()
        assert going.ended(outcome) == RejectWith(status, "")  # type: ignore[arg-type]
    bare = run("<proxy><busy><reject status='busy'/></busy></proxy>")
    bare.start()
    assert bare.ended("failure") == Continue()


def test_lookup() -> None:
    body = (
        '<lookup source="registration" timeout="5"><success><proxy ordering="first-only"/></success>'
        '<notfound><reject status="notfound"/></notfound></lookup>'
    )
    going = run(body)
    assert going.start() == AskWhere(5.0)
    assert going.looked_up("success", ["sip:x@192.0.2.1", "sip:y@192.0.2.2"]) == ProxyTo(
        ("sip:x@192.0.2.1",), "first-only", None, True, False
    )
    other = run(body)
    other.start()
    assert other.looked_up("notfound") == RejectWith(404, "")


def test_subactions_and_notes() -> None:
    going = run('<log name="ward" comment="called"><mail url="mailto:a@b.example"><sub ref="no"/></mail></log>',
                before=f'<subaction id="no">{REJECT}</subaction>')  # fmt: skip
    assert going.start() == RejectWith(603, "")
    assert going.take_notes() == [("log", "ward", "called"), ("mail", "", "mailto:a@b.example")]
    assert going.take_notes() == []


# 2027-01-15 is a Friday; 1_800_000_000 is 08:00:00 UTC on that day
WORK = 'dtstart="20260105T090000" duration="PT8H" freq="weekly" byday="MO,TU,WE,TH,FR"'


@pytest.mark.parametrize(
    ("zone", "when", "matches"),
    [
        ("Europe/Berlin", 1_800_000_000, True),  # 09:00 there
        ("Europe/Berlin", 1_800_000_000 - 1, False),
        ("Europe/Berlin", 1_800_000_000 + 8 * 3600 - 1, True),
        ("Europe/Berlin", 1_800_000_000 + 8 * 3600, False),
        ("Asia/Tokyo", 1_800_000_000, False),  # 17:00: over
        ("Asia/Tokyo", 1_800_000_000 - 3600, True),
        ("Europe/Berlin", 1_800_000_000 + 86400, False),  # Saturday
        ("Europe/Berlin", 1_800_000_000 + 86400 * 178, True),  # 09:00 winter time is 10:00 in summer
    ],
)
def test_office_hours(zone: str, when: float, matches: bool) -> None:
    body = f'<time-switch tzid="{zone}"><time {WORK}>{REJECT}</time></time-switch>'
    assert decide(body, replace(FACTS, when=float(when))) == (RejectWith(603, "") if matches else Continue())


@pytest.mark.parametrize(
    ("attributes", "when", "matches"),
    [
        ('dtstart="20270115T075959Z" dtend="20270115T080001Z"', 1_800_000_000, True),
        ('dtstart="20270115T080001Z" dtend="20270115T090000Z"', 1_800_000_000, False),
        ('dtstart="20200101T080000Z" duration="PT1M" freq="daily" interval="2"', 1_800_000_000, False),
        ('dtstart="20200102T080000Z" duration="PT1M" freq="daily" interval="2"', 1_800_000_000, True),
        ('dtstart="20270113T080000Z" duration="PT1M" freq="daily" count="3"', 1_800_000_000, True),
        ('dtstart="20270112T080000Z" duration="PT1M" freq="daily" count="3"', 1_800_000_000, False),
        ('dtstart="20260115T080000Z" duration="P1D" freq="monthly" until="20270114"', 1_800_000_000, False),
        ('dtstart="20260115T080000Z" duration="P1D" freq="monthly" until="20270115"', 1_800_000_000, True),
        ('dtstart="20260101T080000Z" duration="PT1H" freq="monthly" byday="3FR"', 1_800_000_000, True),
        ('dtstart="20260101T080000Z" duration="PT1H" freq="yearly" bymonth="1" bymonthday="-17"', 1_800_000_000, True),
    ],
)
def test_moments_and_recurrences(attributes: str, when: float, matches: bool) -> None:
    body = f"<time-switch><time {attributes}>{REJECT}</time></time-switch>"
    assert decide(body, replace(FACTS, when=float(when))) == (RejectWith(603, "") if matches else Continue())
