from __future__ import annotations

import time

import pytest

from seaway.policy.dialplan import REGISTRATIONS, DialPlan, DialPlanError


def test_rules_by_priority_each_target_once() -> None:
    plan = DialPlan(
        [
            (20, ".*", "traversal"),
            (10, r".*@example\.test", REGISTRATIONS),
            (30, ".*", REGISTRATIONS),
            (30, "9.*", "pstn"),
        ]
    )
    assert plan.targets("bob@example.test") == [REGISTRATIONS, "traversal"]
    assert plan.targets("bob@example.org") == ["traversal", REGISTRATIONS]
    assert plan.targets("911@example.org") == ["traversal", REGISTRATIONS, "pstn"]


def test_a_pattern_must_match_the_whole_alias_in_any_case() -> None:
    plan = DialPlan([(1, r"bob@example\.test", "x")])
    assert plan.targets("BOB@EXAMPLE.test") == ["x"]
    for alias in ("bob@example.test.evil", "xbob@example.test", "bob@exampleXtest", "bob@example.test\n", ""):
        assert plan.targets(alias) == []


def test_no_rules_lead_nowhere() -> None:
    assert DialPlan([]).targets("bob@example.test") == []


@pytest.mark.parametrize("priority", [0, -1, 65535])
def test_priorities_have_bounds(priority: int) -> None:
    with pytest.raises(DialPlanError) as caught:
        DialPlan([(priority, ".*", "x")])
    assert caught.value.rule == priority


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(DialPlanError) as caught:
        DialPlan([(7, "(", "x")])
    assert caught.value.rule == 7 and "'('" in str(caught.value)


def test_an_alias_is_bounded() -> None:
    plan = DialPlan([(1, ".*", "x")])
    assert plan.targets("a" * 256) == ["x"]
    assert plan.targets("a" * 257) == []
    assert plan.targets("a" * 10_000_000) == []


def test_letters_of_other_scripts_are_no_digits() -> None:
    """R24: patterns are ASCII."""
    assert DialPlan([(1, r"\d+@x", "x")]).targets("\u0661\u0662@x") == []


def test_thousands_of_rules_are_quick() -> None:
    plan = DialPlan([(1 + n % 65000, f"user{n}@example\\.test", f"zone{n}") for n in range(2000)])
    began = time.perf_counter()
    assert plan.targets("user1999@example.test") == ["zone1999"]
    assert time.perf_counter() - began < 0.1
