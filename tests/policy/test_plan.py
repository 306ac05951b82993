"""Transforms and search rules together: what a query's steps are, and why."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.policy.patterns import MAX_ALIAS
from seaway.policy.plan import Plan, PlanError, Query, Source
from seaway.policy.search_settings import REGISTRATIONS, SearchRule, Transform

LOCAL, DEFAULT, TRUNK = Source("local", "local"), Source("default", "default"), Source("trunk")


def rule(priority: int, target: str = "x", **more: Any) -> SearchRule:
    more.setdefault("mode", "alias-pattern" if "pattern" in more else "any-alias")
    return SearchRule(priority, target, **more)


def steps(plan: Plan, alias: str, source: Source = LOCAL, **more: Any) -> list[list[tuple[str, str]]]:
    decision = plan.decide(Query(alias, source, **more))
    return [[(each.rule.target, each.alias) for each in step.choices] for step in decision.steps]


def test_steps_in_order_of_priority_equal_ones_together() -> None:
    plan = Plan([], [rule(20, "b"), rule(10, "a"), rule(20, "c"), rule(30, REGISTRATIONS)])
    assert steps(plan, "bob@x") == [[("a", "bob@x")], [("b", "bob@x"), ("c", "bob@x")], [(REGISTRATIONS, "bob@x")]]


def test_the_first_transform_that_matches_applies_and_only_that() -> None:
    plan = Plan(
        [
            Transform(30, "prefix", "1", "add-prefix", "wrong-"),
            Transform(20, "regex", r"9(\d+)@.*", "replace", r"\1@pstn.test"),
            Transform(10, "prefix", "9", "strip", enabled=False),
        ],
        [rule(1, pattern="@pstn.test", type="suffix", behaviour="strip")],
    )
    decision = plan.decide(Query("9123@example.test", LOCAL))
    assert decision.transform is not None and decision.transform.priority == 20
    assert decision.alias == "123@pstn.test" and decision.steps[0].choices[0].alias == "123"
    assert plan.decide(Query("123@other", LOCAL)).transform is not None


def test_a_target_is_asked_once_for_one_alias() -> None:
    plan = Plan(
        [], [rule(1, "a"), rule(2, "a"), rule(3, "a", type="suffix", pattern="@x", behaviour="replace", replace="@y")]
    )
    assert steps(plan, "bob@x") == [[("a", "bob@x")], [("a", "bob@y")]]


@pytest.mark.parametrize(
    ("wanted", "applies"),
    [
        ("any", [True, True, True]),
        ("all-zones", [True, False, True]),
        ("local-zone", [True, False, False]),
        ("default-zone", [False, True, False]),
        ("trunk", [False, False, True]),
        ("other", [False, False, False]),
    ],
)
def test_sources(wanted: str, applies: list[bool]) -> None:
    plan = Plan([], [rule(1, source=wanted)])
    assert [bool(steps(plan, "bob@x", source)) for source in (LOCAL, DEFAULT, TRUNK)] == applies


def test_r40_a_zone_cannot_pass_for_another_by_its_name() -> None:
    """A rule for a zone named like a kind applies to that kind alone, and to nobody by accident."""
    plan = Plan([], [rule(1, source="local")])
    assert steps(plan, "bob@x", LOCAL) == [] and steps(plan, "bob@x", DEFAULT) == []


def test_protocol_authentication_enabled_and_where_it_came_from() -> None:
    plan = Plan(
        [],
        [
            rule(1, "h", protocol="h323"),
            rule(2, "s", protocol="sip"),
            rule(3, "a", authenticated=True),
            rule(4, "off", enabled=False),
            rule(5, "trunk"),
        ],
    )
    assert steps(plan, "b@x") == [[("s", "b@x")], [("trunk", "b@x")]]
    assert steps(plan, "b@x", protocol="h323", authenticated=True)[:2] == [[("h", "b@x")], [("a", "b@x")]]
    assert steps(plan, "b@x", TRUNK) == [[("s", "b@x")]], "never back to the zone it came from"


@pytest.mark.parametrize(
    ("alias", "applies"),
    [
        ("10.0.0.1", True), ("bob@10.0.0.1", True), ("bob@10.0.0.1:5070", True), ("bob@[2001:db8::1]", True),
        ("[2001:db8::1]:5070", True), ("bob@10.0.0.1.example.test", False), ("10", False), ("bob@example.test", False),
        ("10.0.0.1@example.test", False), ("bob@10.0.0.256", False),
    ],
)  # fmt: skip
def test_any_ip_address(alias: str, applies: bool) -> None:
    assert bool(steps(Plan([], [rule(1, mode="any-ip-address")]), alias)) is applies


def test_stop_ends_the_search_after_its_own_step() -> None:
    plan = Plan(
        [], [rule(1, "a", type="suffix", pattern="@x", on_match="stop"), rule(1, "b"), rule(2, "c"), rule(3, "d")]
    )
    assert steps(plan, "bob@x") == [[("a", "bob@x"), ("b", "bob@x")]]
    assert steps(plan, "bob@y") == [[("b", "bob@y")], [("c", "bob@y")], [("d", "bob@y")]]


def test_stop_holds_also_when_the_rule_may_not_lead_back() -> None:
    plan = Plan([], [rule(1, "trunk", on_match="stop"), rule(2, "b")])
    assert steps(plan, "bob@x", TRUNK) == [[("b", "bob@x")]], "a rule that does not apply stops nothing"


def test_explain_says_why_for_every_rule() -> None:
    plan = Plan(
        [Transform(1, "prefix", "9")],
        [
            rule(10, "h", protocol="h323"),
            rule(20, "off", enabled=False),
            rule(30, "t", source="trunk"),
            rule(40, "a", authenticated=True),
            rule(50, "p", pattern="zzz", type="prefix"),
            rule(60, "ip", mode="any-ip-address"),
            rule(70, "yes", pattern="@x", type="suffix", behaviour="replace", replace="@y", on_match="stop"),
            rule(70, "yes", pattern="@x", type="suffix", behaviour="replace", replace="@y"),
            rule(80, "never"),
        ],
    )
    decision, verdicts = plan.explain(Query("9bob@x", LOCAL))
    assert decision == plan.decide(Query("9bob@x", LOCAL)) and decision.alias == "bob@x"
    assert [each.why for each in verdicts] == [
        "for h323 only",
        "disabled",
        "for trunk only, this comes from local",
        "for authenticated requests only",
        "the pattern does not match",
        "the alias is no IP address",
        "the pattern matches",
        "the target is asked for this alias already",
        "a rule with priority 70 stops the search",
    ]
    assert [each.alias for each in verdicts if each.alias] == ["bob@y"]


def test_what_cannot_be_looked_for_has_no_steps() -> None:
    plan = Plan([Transform(1, "prefix", "9", "add-prefix", "9" * 200)], [rule(1)])
    for alias in ("a" * (MAX_ALIAS + 1), "9" * 100, "bob\r\n@x", "\u0661@x", ""):
        decision, verdicts = plan.explain(Query(alias, LOCAL))
        assert decision.steps == () and decision.problem and verdicts[0].why == decision.problem, alias
    stripped = Plan([], [rule(1, type="prefix", pattern="bob@x", behaviour="strip")])
    assert steps(stripped, "bob@x") == []


@pytest.mark.parametrize(
    ("transforms", "rules", "problem"),
    [
        ([], [rule(0)], "search rule 0: a priority is 1 to 65534"),
        ([], [rule(65535)], "search rule 65535: a priority"),
        ([], [rule(7, pattern="(", type="regex")], "search rule 7: no regular expression"),
        ([Transform(9, "regex", "a", "strip")], [], "transform 9: strip is for"),
    ],
)
def test_what_cannot_be_used(transforms: list[Transform], rules: list[SearchRule], problem: str) -> None:
    with pytest.raises(PlanError) as caught:
        Plan(transforms, rules)
    assert problem in str(caught.value)


_WORDS = st.text(alphabet="ab1@.", min_size=1, max_size=4)
_RULES = st.builds(
    SearchRule,
    priority=st.integers(1, 4),
    target=st.sampled_from(["trunk", "b", REGISTRATIONS]),
    mode=st.sampled_from(["any-alias", "any-ip-address", "alias-pattern"]),
    type=st.sampled_from(["exact", "prefix", "suffix"]),
    pattern=_WORDS,
    behaviour=st.sampled_from(["leave", "add-prefix"]),
    replace=st.just("9"),
    on_match=st.sampled_from(["continue", "stop"]),
    source=st.sampled_from(["any", "all-zones", "local-zone", "default-zone", "trunk"]),
    authenticated=st.booleans(),
    enabled=st.booleans(),
).map(lambda each: replace(each, replace="") if each.behaviour == "leave" else each)


@given(st.lists(_RULES, max_size=8), _WORDS, st.sampled_from([LOCAL, DEFAULT, TRUNK]), st.booleans())
def test_what_is_explained_is_what_is_decided(
    rules: list[SearchRule], alias: str, source: Source, authenticated: bool
) -> None:
    plan = Plan([], rules)
    query = Query(alias, source, "sip", authenticated)
    decision, verdicts = plan.explain(query)
    assert decision == plan.decide(query) and len(verdicts) == len(rules)
    chosen = [(each.rule, each.alias) for step in decision.steps for each in step.choices]
    assert chosen == [(each.rule, each.alias) for each in verdicts if each.alias is not None]
    priorities = [step.priority for step in decision.steps]
    assert priorities == sorted(set(priorities))
    for rule_, _ in chosen:
        assert rule_.enabled and rule_.target != source.name and (authenticated or not rule_.authenticated)


def test_thousands_of_rules_are_quick() -> None:
    plan = Plan([], [rule(1 + n, f"zone{n}", type="regex", pattern=rf"user{n}@example\.test") for n in range(2000)])
    began = time.perf_counter()
    assert steps(plan, "user1999@example.test") == [[("zone1999", "user1999@example.test")]]
    assert time.perf_counter() - began < 0.2
