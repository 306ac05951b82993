"""`seaway locate` and `seaway search`: words for what the dial plan does, and did."""

from __future__ import annotations

import pytest

from seaway.call.config import DnsZone, EnumZone, NeighbourZone
from seaway.call.explaining import Asked, Explaining
from seaway.call.plans import Decisions, plan_of
from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import CallRule, CallRules
from seaway.policy.search_settings import Transform

from ..support.nodes import config
from .test_searching import PEERS, Site, answering, rule


def site() -> Site:
    return Site(
        rule(10, "registrations", name="ours", type="suffix", pattern="@example.test"),
        rule(20, "numbers", type="prefix", pattern="+"),
        rule(30, "cm", authenticated=True),
        rule(40, "internet", source="local-zone"),
        transforms=(Transform(1, "prefix", "9", description="outside"),),
        dns_zones=(DnsZone("internet", ("udp",)),), enum_zones=(EnumZone("numbers", "e164.test"),),
    )  # fmt: skip


def test_every_rule_is_explained_with_the_state_of_its_target() -> None:
    there = site()
    there.phone("bob", 21)
    out = there.core.core.explaining.locate(Asked("9bob@example.test", authenticated=True), there.net.now)
    request, transform, *rules, steps = out.rows
    assert request == {
        "what": "request", "alias": "9bob@example.test", "zone": "local", "protocol": "sip", "authenticated": True,
    }  # fmt: skip
    assert transform == {"what": "transform", "applied": "1 outside", "alias": "bob@example.test"}
    assert [(each["priority"], each["target"], each["applies"]) for each in rules] == [
        (10, "registrations", True), (20, "numbers", False), (30, "cm", True), (40, "internet", True),
    ]  # fmt: skip
    assert rules[0]["targets"] == ["10.0.0.21:5060/udp"] and rules[0]["state"] == "active"
    assert rules[2]["targets"] == ["10.0.0.30:5060/udp"] and rules[2]["kind"] == "neighbour"
    assert rules[3]["targets"] == ["example.test (DNS)"]
    assert [(row is rules[3], place.host) for row, place in out.places] == [(True, "example.test")]
    assert steps["steps"] == ["10: registrations", "30: cm", "40: internet"]


def test_numbers_are_left_to_the_dns() -> None:
    out = site().core.core.explaining.locate(Asked("+49-30@example.org", "default"), 0.0)
    assert [(row["target"], digits, suffix) for row, digits, suffix in out.numbers] == [
        ("numbers", "4930", "e164.test")
    ]
    out = site().core.core.explaining.locate(Asked("+x@example.org", "default"), 0.0)
    assert out.numbers == [] and "no E.164 number" in str(out.rows)


def test_what_cannot_be_reached_says_why() -> None:
    there = site()
    rows = there.core.core.explaining.locate(Asked("bob@example.test"), there.net.now).rows
    assert rows[2]["state"] == "480: the user is known here but not registered"


def test_offline_there_is_no_state() -> None:
    changes = {
        "rules": (),
        "search_rules": (rule(1, "cm"),),
        "neighbours": (NeighbourZone("cm", ("1.2.3.4",), 1, "udp"),),
    }
    offline = config(**changes)
    out = Explaining(offline, Decisions(plan_of(offline)), None).locate(Asked("x@y", "cm"), 0.0)
    assert (
        out.rows[2]["why"] == "the request came from this zone" and out.rows[-1]["why"] == "no search rule matches: 404"
    )
    out = Explaining(offline, Decisions(plan_of(offline)), None).locate(Asked("x@y"), 0.0)
    assert out.rows[2]["applies"] is True and "state" not in out.rows[2]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked("x@y", "nowhere"), "nothing comes from a zone 'nowhere'; there are local, default, cm, pbx, pstn"),
        (Asked("x@y", "internet"), "nothing comes from a zone 'internet'"),
        (Asked("x@y", protocol="xmpp"), "a protocol is sip or h323"),
        (Asked("\u00e9@y"), "ASCII"),
    ],
)
def test_questions_that_make_no_sense(asked: Asked, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        site().core.core.explaining.locate(asked, 0.0)


def test_a_search_is_told_with_its_steps_and_outcome() -> None:
    there = Site(rule(5, "registrations"), rule(10, "cm", name="first"), rule(20, "pbx"))
    answering(there.peers["cm"], (0.1, 404))
    there.call("1234@example.test")
    number = there.record()["search"]
    rows = there.core.core.explaining.search(str(number), there.net.now).rows
    assert [row["what"] for row in rows] == [
        "request", "transform", "rule", "rule", "rule", "passed over", "asked", "asked", "answer",
    ]  # fmt: skip
    assert there.core.core.explaining.search(str(rows[0]["call_id"]), there.net.now).rows == rows
    assert rows[0]["from"] == "alice@example.test" and rows[0]["targets"] == ["cm", "pbx"]
    assert rows[5]["why"] == "nobody is registered under this alias"
    assert rows[6]["answers"] == [404] and rows[7]["answers"] == []
    assert rows[6]["targets"] == [
        {"zone": "cm", "rule": "10 first", "uri": "sip:1234@example.test", "where": f"{PEERS['cm']}:5060/udp"}
    ]
    assert rows[-1]["status"] == 200
    with pytest.raises(ValueError, match="there is no search 99"):
        there.core.core.explaining.search("99", 0.0)


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (
            "eve@evil.test",
            {"what": "policy", "rule": 7, "action": "reject", "status": 403, "why": "the search does not begin"},
        ),
        ("bob@x", {"what": "policy", "rule": None, "action": "allow"}),
    ],
)
def test_call_policy_comes_first(source: str, row: dict[str, object]) -> None:
    policy = CallPolicy(CallRules([CallRule(7, "reject", source=r".*@evil\.test")]))
    there = Site(rule(10, "cm"), policy=policy)
    assert there.core.core.explaining.locate(Asked("x@y", source=source), 0.0).rows[1] == {"what": "policy", **row}


def test_r67_an_alias_with_control_octets_is_shown_with_escapes() -> None:
    there = Site(rule(10, "cm"))
    there.call("a%1B[2Jb@example.test".replace("[", "%5B"))
    row = there.record()
    assert row["alias"] == "a\\x1b[2Jb@example.test" and row["status"] == 404
    rows = there.core.core.explaining.search(str(row["search"]), 0.0).rows
    assert all(str(value).isprintable() for each in rows for value in each.values())


def test_r67_passwords_in_uris_are_not_shown() -> None:
    there = Site(rule(10, "cm"))
    there.call("bob:canary@far.test")
    rows = there.core.core.explaining.search(str(there.record()["search"]), 0.0).rows
    assert there.peers["cm"].received[0].uri == b"sip:bob:canary@far.test" and "canary" not in str(rows)
    assert "sip:bob@far.test" in str(rows)
    there = Site()
    there.call("bob:canary@far.test")
    (event,) = there.core.events("request.refused")
    assert event["uri"] == "sip:bob@far.test"
