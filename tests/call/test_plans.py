from __future__ import annotations

import pytest

from seaway.call import plans
from seaway.call.config import Rule
from seaway.call.plans import Decisions, plan_of, source_of
from seaway.call.zones import Zone
from seaway.policy.plan import Query, Source
from seaway.policy.search_settings import SearchRule

from ..support.nodes import CORE, config

LOCAL = Zone("local", "local")


def test_both_forms_of_rules_are_one_plan_in_order() -> None:
    node = config(rules=(Rule(20, ".*", "b"),), search_rules=(SearchRule(10, "a", mode="any-alias"),))
    decision = plan_of(node).decide(Query("x@y", Source("local", "local")))
    assert [each.choices[0].rule.target for each in decision.steps] == ["a", "b"]


@pytest.mark.parametrize(
    ("pattern", "alias", "matches"),
    [
        (".*@%localdomains%", "x@b.test", True),
        (".*@%localdomains%", "x@bxtest", False),
        (".*@%localdomains%", "x@c.test", False),
        (".*@%ip%", f"x@{CORE}", True),
        (".*@%ip%", "x@10x0x0x1", False),
    ],
)
def test_variables_are_escaped(pattern: str, alias: str, matches: bool) -> None:
    node = config(domains=("a.test", "b.test"), rules=(Rule(1, pattern, "t"),))
    assert bool(plan_of(node).decide(Query(alias, Source("local", "local"))).steps) is matches


def test_without_an_address_ip_matches_nothing() -> None:
    node = config(listeners=(), rules=(Rule(1, "%ip%", "t"),))
    for alias in ("x", "10.0.0.1"):
        assert plan_of(node).decide(Query(alias, Source("local", "local"))).steps == ()


def test_sources_of_zones() -> None:
    assert source_of(LOCAL) == Source("local", "local") and source_of(Zone("default", "default")).kind == "default"
    assert source_of(Zone("cm", "neighbour")) == Source("cm") and source_of(Zone("t", "traversal-client")) == Source(
        "t"
    )


def test_decisions_are_remembered_by_all_that_they_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = Decisions(
        plan_of(config(rules=(), search_rules=(SearchRule(1, "a", mode="any-alias", authenticated=True),)))
    )
    first = decisions.about(b"x@y", LOCAL, True)
    assert first is not None and first.steps and decisions.about(b"x@y", LOCAL, True) is first
    other = decisions.about(b"x@y", LOCAL, False)
    assert other is not None and not other.steps
    assert decisions.about("\u00e9@y".encode(), LOCAL, True) is None
    monkeypatch.setattr(plans, "_CACHE", 3)
    for number in range(10):
        decisions.about(b"%d@y" % number, LOCAL, True)
        assert len(decisions._known) <= 4
