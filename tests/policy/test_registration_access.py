"""Allow and deny lists of registrations."""

from __future__ import annotations

import pytest

from seaway.policy.patterns import PatternError
from seaway.policy.registration_access import RegistrationAccess


def test_without_lists_everybody_may() -> None:
    assert RegistrationAccess().problem(b"a@example.test") is None
    assert RegistrationAccess().problem(b"\xff" * 300) is None


@pytest.mark.parametrize(
    ("aor", "fits"), [(b"alice@example.test", True), (b"ALICE@example.test", True), (b"bob@example.test", False),
                      (b"alice@example.test.", False), (b"\xff@example.test", False), (b"a" * 257, False)],
)  # fmt: skip
def test_an_allow_list(aor: bytes, fits: bool) -> None:
    assert (RegistrationAccess(allow=[("exact", "alice@example.test")]).problem(aor) is None) == fits


def test_the_deny_list_wins() -> None:
    access = RegistrationAccess([("suffix", "@example.test")], [("regex", "guest[0-9]*@.*")])
    assert access.problem(b"alice@example.test") is None
    assert access.problem(b"guest7@example.test") == "the deny list has it"
    assert access.problem(b"alice@other.test") == "the allow list does not have it"
    assert RegistrationAccess(deny=[("prefix", "x")]).problem(b"y@example.test") is None


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(PatternError):
        RegistrationAccess(allow=[("regex", "(")])
