from __future__ import annotations

import pytest

from seaway.policy.access import Access
from seaway.policy.patterns import PatternError
from seaway.policy.zone_settings import AccessRule

RULES = (
    AccessRule(20, "suffix", ".partner.example"),
    AccessRule(10, "exact", "old.partner.example", "deny"),
    AccessRule(30, "regex", r"sbc\d+\.carrier\.example", authentication="treat-as-authenticated"),
)


@pytest.mark.parametrize(
    ("names", "priority"),
    [
        (("sip.partner.example",), 20),
        (("SIP.Partner.EXAMPLE",), 20),
        (("old.partner.example",), 10),
        (("sip.partner.example", "old.partner.example"), 10),
        (("sbc7.carrier.example",), 30),
        (("sbc7.carrier.example.evil",), None),
        (("partner.example",), None),
        ((), None),
    ],
)
def test_the_first_rule_that_matches_a_name_decides(names: tuple[str, ...], priority: int | None) -> None:
    found = Access(RULES).decide(names)
    assert (found.priority if found else None) == priority


def test_r40_no_name_matches_no_rule() -> None:
    """Not even one that matches everything: without a certificate there is nobody to let in."""
    anybody = Access([AccessRule(1, "regex", ".*")])
    assert anybody.decide(()) is None and anybody.decide(("x",)) is not None


def test_a_rule_that_is_none_is_named() -> None:
    with pytest.raises(PatternError, match="rule 7: no regular expression"):
        Access([AccessRule(7, "regex", "(")])
