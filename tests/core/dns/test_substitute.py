"""RFC 3402 §3.2 expressions: what is taken, what is refused, and that none holds us up (R70)."""

from __future__ import annotations

import time

import pytest

from seaway.core.dns.substitute import SubstitutionError, substitute

NUMBER = "+441632960083"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("!^.*$!sip:info@example.com!", "sip:info@example.com"),
        (r"!^\+44(.*)$!sip:\1@uk.example!", "sip:1632960083@uk.example"),
        (r"!^\+44(1632)(9[0-9]{5})$!sip:\2-\1@x.example!", "sip:960083-1632@x.example"),
        ("/^.*$/sip:a\\/b@x.example/", "sip:a/b@x.example"),
        ("!^.*$!SIP:X@x.example!i", "SIP:X@x.example"),
        (r"!^(\+[0-9]+)$!sip:\1;a\\b@x!", r"sip:+441632960083;a\b@x"),
        (r"!^\+(44|49)([0-9]*)$!sip:\2@cc\1.example!", "sip:1632960083@cc44.example"),
        (r"!^[^]a-z]+$!sip:ok@x!", "sip:ok@x"),
        ("!^\\+44!0!", "01632960083"),
        ("!^([[:digit:]+]*)$!sip:\\1@x!", "sip:+441632960083@x"),
        ("!^[+](4|44)!x!", "x1632960083"),  # POSIX: the longest
    ],
)
def test_expressions(expression: str, result: str) -> None:
    assert substitute(expression, NUMBER) == result


@pytest.mark.parametrize(
    "expression",
    [
        "", "!", "!a", "!a!b", "!a!b!c", "!a!b!i!", "1a1b1", "\\a\\b\\", "!(!x!", "!)!x!", "!*!x!", r"!(a)\1!x!",
        "!((a))(?:b)!x!", "!(?=a)!x!", r"!\d!x!", r"!^.*$!\1!", "![]!x!", "!" + "a" * 300 + "!x!",
        "!^nothing$!x!", "!.{1000}{1000}!x!",
    ],
)  # fmt: skip
def test_what_is_refused(expression: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        substitute(expression, NUMBER)
    assert "\n" not in str(caught.value)


def test_r70_no_expression_of_a_zone_holds_us_up() -> None:
    """R70: what is taken ends soon on the longest text, also where it cannot match."""
    text = "+" + "1" * 63
    for expression in ("!^(.*.*.*.*)*x$!y!", "!((1+)+)+x!y!", "!^((1|11)*)*x!y!", "!" + ".*" * 100 + "x!y!"):
        begin = time.perf_counter()
        with pytest.raises(SubstitutionError):
            substitute(expression, text)
        assert time.perf_counter() - begin < 1.0, expression
    with pytest.raises(SubstitutionError, match="longer"):
        substitute("!^.*$!x!", "1" * 100)
