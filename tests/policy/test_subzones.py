"""Membership of subzones."""

from __future__ import annotations

import pytest

from seaway.policy.subzones import DEFAULT_SUBZONE, Membership, MembershipError, Subzones

RULES = [
    Membership(20, "subnet", "10.1.0.0/16", "campus"),
    Membership(20, "subnet", "10.1.7.0/24", "ward"),
    Membership(10, "alias", r".*\.cart@example\.test", "carts"),
    Membership(20, "subnet", "2001:db8:7::/48", "ward"),
]


@pytest.mark.parametrize(
    ("address", "alias", "subzone"),
    [
        ("10.1.2.3", "bob@example.test", "campus"),
        ("10.1.7.9", "bob@example.test", "ward"),  # the longer prefix
        ("10.1.7.9", "7.CART@example.test", "carts"),  # the lower priority number
        ("10.2.0.1", "bob@example.test", DEFAULT_SUBZONE),
        ("2001:db8:7::1", "bob@example.test", "ward"),
        ("", "bob@example.test", DEFAULT_SUBZONE),
        ("10.2.0.1", "x" * 1000 + ".cart@example.test", DEFAULT_SUBZONE),
    ],
)
def test_membership(address: str, alias: str, subzone: str) -> None:
    assert Subzones(RULES).of(address, alias) == subzone


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Membership(0, "subnet", "10.0.0.0/8", "x"), "priority 0"),
        (Membership(1, "subnet", "10.0.0.1/8", "x"), "no network"),
        (Membership(1, "alias", "(", "x"), "no regular expression"),
    ],
)
def test_mistakes(rule: Membership, problem: str) -> None:
    with pytest.raises(MembershipError, match=problem):
        Subzones([rule])
