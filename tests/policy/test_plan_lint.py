from __future__ import annotations

from typing import Any

import pytest

from seaway.policy.plan_lint import findings
from seaway.policy.search_settings import SearchRule, Transform


def rule(priority: int, target: str = "x", **more: Any) -> SearchRule:
    more.setdefault("mode", "alias-pattern" if "pattern" in more else "any-alias")
    return SearchRule(priority, target, **more)


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        ([Transform(1, "prefix", "9"), Transform(2, "prefix", "91")], "transform 2 never applies: 1 matches all"),
        ([Transform(1, "prefix", "9"), Transform(2, "exact", "91@x", "replace", "y")], "transform 2 never applies"),
        ([Transform(2, "suffix", "@X"), Transform(5, "suffix", "a@x")], "transform 5 never applies"),
        ([Transform(1, "regex", "(.*)", "add-prefix", "9"), Transform(2, "prefix", "1")], "transform 2 never applies"),
        ([Transform(1, "prefix", "91"), Transform(2, "prefix", "9")], ""),
        ([Transform(1, "prefix", "9", enabled=False), Transform(2, "prefix", "91")], ""),
        ([Transform(1, "prefix", "9"), Transform(2, "suffix", "9")], ""),
        ([Transform(1, "regex", "9.*", "replace", "x"), Transform(2, "prefix", "9")], ""),
    ],
)
def test_transforms(transforms: list[Transform], expected: str) -> None:
    found = findings(transforms, [], [])
    assert (found[0].startswith(expected) and len(found) == 1) if expected else not found


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule(1, source="x")], "search rule 1 never applies: a request does not go back"),
        ([rule(1, source="y", on_match="stop"), rule(2, "z", source="y")], "search rule 2 is never reached: 1 stops"),
        (
            [rule(1, "registrations", on_match="stop"), rule(2, "z", name="last")],
            "search rule 2 (last) is never reached",
        ),
        (
            [rule(1, source="y"), rule(2, source="y", type="suffix", pattern="@x")],
            "search rule 2 has no effect: 1 leads to x",
        ),
        ([rule(1, source="y", on_match="stop"), rule(1, "z", source="y")], ""),
        ([rule(1, on_match="stop"), rule(2, "z")], ""),
        ([rule(1, source="y", on_match="stop", authenticated=True), rule(2, "z", source="y")], ""),
        ([rule(1, source="y", on_match="stop", protocol="h323"), rule(2, "z", source="y")], ""),
        ([rule(1, source="y", on_match="stop", enabled=False), rule(2, "z", source="y")], ""),
        ([rule(1, source="y", on_match="stop", mode="any-ip-address"), rule(2, "z", source="y")], ""),
        ([rule(1, source="y", on_match="stop", type="prefix", pattern="1"), rule(2, "z", source="y")], ""),
        (
            [rule(1, type="suffix", pattern="@x"), rule(2, type="suffix", pattern="@x", behaviour="strip")],
            "",
        ),
    ],
)
def test_rules(rules: list[SearchRule], expected: str) -> None:
    found = findings([], rules, [])
    assert (found[0].startswith(expected) and len(found) == 1) if expected else not found, found


def test_zones_that_nothing_leads_to() -> None:
    assert findings([], [rule(1, "a")], ["a", "b"]) == ["no search rule leads to zone b"]
