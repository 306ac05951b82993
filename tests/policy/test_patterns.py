from __future__ import annotations

import time

import pytest

from seaway.policy.patterns import MAX_ALIAS, MAX_PATTERN, Matcher, PatternError


@pytest.mark.parametrize(
    ("type", "pattern", "alias", "matches"),
    [
        ("exact", "bob@example.test", "BOB@Example.TEST", True),
        ("exact", "bob@example.test", "bob@example.test.evil", False),
        ("prefix", "9", "9123@example.test", True),
        ("prefix", "9", "8123@example.test", False),
        ("prefix", "long-prefix", "long", False),
        ("suffix", "@example.test", "bob@EXAMPLE.test", True),
        ("suffix", "@example.test", "bob@example.org", False),
        ("suffix", "xx@example.test", "@example.test", False),
        ("regex", r"\d{4}@.*", "1234@example.test", True),
        ("regex", r"\d{4}@.*", "12345@example.test", False),
        ("regex", r"bob@example\.test", "bob@example.test\n", False),
        ("regex", r"^bob@example\.test$", "bob@example.test", True),
    ],
)
def test_types(type: str, pattern: str, alias: str, matches: bool) -> None:
    assert Matcher(type, pattern).apply(alias) == (alias if matches else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "pattern", "behaviour", "replace", "alias", "expected"),
    [
        ("prefix", "9", "strip", "", "9123@x", "123@x"),
        ("suffix", "@old.test", "strip", "", "bob@old.test", "bob"),
        ("prefix", "00", "replace", "+", "0049@x", "+49@x"),
        ("suffix", "@old.test", "replace", "@new.test", "bob@OLD.test", "bob@new.test"),
        ("exact", "boss@x", "replace", "alice@x", "BOSS@x", "alice@x"),
        ("regex", r"(\d+)@(.*)", "replace", r"sip-\1@gw.\2", "55@x", "sip-55@gw.x"),
        ("regex", r"(a)?(\d+)", "replace", r"\1+\2", "55", "+55"),
        ("regex", r"\d+", "replace", r"[\0]\\", "55", "[55]\\"),
        ("regex", r"(\d+)@.*", "add-prefix", "9", "55@x", "955@x"),
        ("exact", "bob", "add-suffix", "@x", "Bob", "Bob@x"),
    ],
)
def test_what_a_match_becomes(type: str, pattern: str, behaviour: str, replace: str, alias: str, expected: str) -> None:
    assert Matcher(type, pattern, behaviour, replace).apply(alias) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "pattern", "behaviour", "replace", "problem"),
    [
        ("regex", "(", "leave", "", "no regular expression"),
        ("regex", r"(a)\1", "leave", "", "invalid escape"),
        ("regex", "a(?!b)", "leave", "", "only stand at the beginning"),
        ("regex", "(?<=a)b", "leave", "", "lookbehind"),
        ("regex", "(?!a", "leave", "", "not closed"),
        ("regex", "(a{1000}){1000}", "leave", "", "no regular expression"),
        ("regex", "(a)", "replace", r"\2", r"no group \2"),
        ("regex", "(?!(b))(a)", "replace", r"\1", r"no group \1"),
        ("regex", "(a)", "replace", "\\", "comes a group number"),
        ("regex", "(a)", "replace", r"\g<1>", "comes a group number"),
        ("regex", "a", "strip", "", "strip is for prefix and suffix"),
        ("exact", "a", "strip", "", "strip is for prefix and suffix"),
        ("prefix", "a", "add-prefix", "", "needs what to add"),
        ("prefix", "a", "leave", "b", "has no meaning"),
        ("prefix", "", "leave", "", "1 to 512 characters"),
        ("prefix", "a" * (MAX_PATTERN + 1), "leave", "", "1 to 512 characters"),
    ],
)
def test_what_cannot_be_used(type: str, pattern: str, behaviour: str, replace: str, problem: str) -> None:
    with pytest.raises(PatternError) as caught:
        Matcher(type, pattern, behaviour, replace)  # type: ignore[arg-type]
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_lookaheads_at_the_beginning() -> None:
    """Dial plans of the field have them: everything but our own domain."""
    other = Matcher("regex", r"(?!.*@(example\.test|10\.0\.0\.1)$)(.*)@(.*)", "replace", r"\2+\3@proxy.test")
    assert other.apply("bob@example.test") is None and other.apply("bob@10.0.0.1") is None
    assert other.apply("bob@example.test.org") == "bob+example.test.org@proxy.test"
    both = Matcher("regex", r"^(?=.*\d)(?![)(])[^)@]+@.*$")
    assert both.apply("a1@x") and not both.apply("ab@x") and not both.apply("(a1@x")


def test_variables_stand_for_expressions() -> None:
    matcher = Matcher("regex", r"(\d+)@%localdomains%", variables={"localdomains": r"a\.test|b\.test"})
    assert matcher.apply("1@b.test") and not matcher.apply("1@c.test") and not matcher.apply("b.test")


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+b", r"(.*a){12}b", r"(?!(a+)+b)(a*)*c", r"(\w+\s?)*@"])
def test_r70_time_is_linear_whatever_the_pattern(pattern: str) -> None:
    """Patterns that keep a backtracking engine busy for years."""
    matcher = Matcher("regex", pattern)
    began = time.perf_counter()
    for _ in range(20):
        matcher.apply("a" * (MAX_ALIAS - 1) + "!")
    assert time.perf_counter() - began < 1.0


def test_r24_letters_of_other_scripts_are_no_digits() -> None:
    assert Matcher("regex", r"\d+@x").apply("\u0661\u0662@x") is None
