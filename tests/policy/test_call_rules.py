"""Ordered call policy rules."""

from __future__ import annotations

import pytest

from seaway.policy.call_rules import Caller, CallRule, CallRuleError, CallRules

RULES = CallRules(
    [
        CallRule(30, "reject", destination_type="prefix", destination="9", status=603, reason="No outside line"),
        CallRule(
            10, "allow", authenticated=True, source=r"desk.*@example\.test", destination_type="prefix", destination="9"
        ),
        CallRule(20, "reject", zone="guests", destination=r".*@ward\.example\.test"),
    ]
)  # fmt: skip
DESK = Caller("default", "Desk7@example.test", True)


@pytest.mark.parametrize(
    ("caller", "destination", "priority"),
    [
        (DESK, "9123@example.test", 10),
        (Caller("default", "desk7@example.test", False), "9123@example.test", 30),  # not proved
        (Caller("default", "cart@example.test", True), "9123@example.test", 30),
        (Caller("guests", "", False), "bed3@ward.example.test", 20),
        (DESK, "bed3@ward.example.test", None),
        (DESK, "9" + "1" * 400, 30),  # too long to be looked at: never allowed by a pattern
    ],
)
def test_the_first_rule_that_fits(caller: Caller, destination: str, priority: int | None) -> None:
    rule = RULES.decide(caller, destination)
    assert (rule.priority if rule else None) == priority


def test_no_rules_allow_everything() -> None:
    assert not CallRules([])
    assert CallRules([]).decide(DESK, "x@y") is None


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (CallRule(0, "allow"), "priority must be"),
        (CallRule(5, "reject", status=200), "status 200"),
        (CallRule(5, "reject", source="("), "call rule 5: no regular expression"),
        (CallRule(5, "reject", reason="a\r\nb"), "control characters"),
    ],
)
def test_mistakes(rule: CallRule, problem: str) -> None:
    with pytest.raises(CallRuleError, match=problem):
        CallRules([rule])
