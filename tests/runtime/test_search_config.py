"""Transforms and search rules of a node's file."""

from __future__ import annotations

import re

import pytest

from seaway.policy.search_settings import SearchRule, Transform
from seaway.runtime.config import ConfigError
from tests.runtime.test_config import GOOD, parse
from tests.runtime.test_control_config import build

SERVICE = '[policy.service]\nurl = "https://policy.example.test/"\n'


def test_the_policy_service_is_a_target_when_it_is_there_for_it() -> None:
    rule = '[[search_rule]]\npriority = 5\ntarget = "policy-service"\n'
    assert parse(GOOD + rule + SERVICE + 'when = "search-rule"\n')
    for service in ("", SERVICE):
        with pytest.raises(ConfigError, match='search rule 5: there is no policy service; set when = "search-rule"'):
            parse(GOOD + rule + service)


def test_they_reach_call_control() -> None:
    config = build(
        "core1",
        r"""[[transform]]
priority = 1
type = "regex"
pattern = '9(\d+)@.*'
behaviour = "replace"
replace = '\1@pstn.test'
description = "outside line"
[[search_rule]]
priority = 5
target = "registrations"
source = "all-zones"
authenticated = true
on_match = "stop"
[[search_rule]]
priority = 5
name = "numbers"
target = "registrations"
type = "suffix"
pattern = "@pstn.test"
behaviour = "strip"
protocol = "sip"
source = "local-zone"
enabled = false
""",
    )
    assert config.transforms == (Transform(1, "regex", r"9(\d+)@.*", "replace", r"\1@pstn.test", True, "outside line"),)
    assert config.search_rules == (
        SearchRule(
            5, "registrations", mode="any-alias", type="prefix", on_match="stop", source="all-zones", authenticated=True
        ),
        SearchRule(
            5, "registrations", "numbers", "alias-pattern", "suffix", "@pstn.test", "strip", protocol="sip",
            source="local-zone", enabled=False,
        ),
    )  # fmt: skip


RULE = '[[search_rule]]\npriority = 5\ntarget = "cucm"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RULE.replace("cucm", "cumc"), r"search rule 5: there is no zone \"cumc\"; did you mean 'cucm'\?"),
        (RULE + 'source = "local"\n', r"search rule 5: there is no source \"local\"; did you mean 'local-zone'\?"),
        (RULE + 'mode = "alias-pattern"\n', "alias-pattern needs a pattern"),
        (RULE + 'mode = "any-alias"\npattern = "x"\n', "any-alias has no pattern"),
        (RULE + 'behaviour = "replace"\nreplace = "x"\n', "replace needs a pattern"),
        (RULE + 'type = "regex"\npattern = "(?<=a)"\n', "search rule 5: no regular expression"),
        (RULE.replace("= 5", "= 65535"), r"search_rule\.1\.priority = 65535"),
        ('[[transform]]\npriority = 1\npattern = "9"\nbehaviour = "leave"\n', "transform 1: leave changes nothing"),
        ('[[transform]]\npriority = 1\ntype = "exact"\npattern = "9"\n', "transform 1: strip is for prefix and suffix"),
        ('[[transform]]\npriority = 1\npattern = "9"\n' * 2, "transform priority 1 occurs twice"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + text)
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
