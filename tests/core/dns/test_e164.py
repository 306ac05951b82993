"""ENUM (RFC 6116): names, order, services, chains that end."""

from __future__ import annotations

import pytest

from seaway.core.dns.e164 import EnumSearch, enum_digits, enum_name
from seaway.core.dns.io import Answer, Naptr

DIGITS = "441632960083"


def sip(order: int, preference: int, user: str, service: str = "E2U+sip", flags: str = "u") -> Naptr:
    return Naptr(order, preference, flags, service, f"!^.*$!sip:{user}@example.com!", "")


def search(*answers: Answer) -> EnumSearch:
    made = EnumSearch(DIGITS)
    for each in answers:
        made.answered(each)
    return made


def test_the_name_of_rfc_6116_section_3_2() -> None:
    assert enum_name("442079460148") == "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa"
    assert enum_name("12", "Enum.Example.") == "2.1.enum.example"


@pytest.mark.parametrize(
    ("alias", "digits"),
    [
        ("+44 1632-960083", "441632960083"), ("4420", "4420"), ("alice", None), ("", None), ("+", None),
        ("1" * 16, None), ("4\u0663", None), ("+44+1", None),
    ],
)  # fmt: skip
def test_which_aliases_are_numbers(alias: str, digits: str | None) -> None:
    assert enum_digits(alias) == digits


def test_order_before_preference_and_only_sip() -> None:
    found = search(
        Answer(
            (
                sip(100, 20, "c"), sip(50, 90, "b"), sip(50, 10, "a"), sip(1, 1, "mail", "E2U+email:mailto"),
                sip(60, 1, "old", "sip+E2U"), sip(60, 2, "both", "E2U+h323+SIP"), sip(2, 1, "wrong flag", flags="s"),
            )
        )
    )  # fmt: skip
    assert found.uris == tuple(f"sip:{user}@example.com" for user in ("a", "b", "old", "both", "c"))
    assert found.question is None and found.why == ""


def test_a_record_without_flags_leads_on_and_circles_end() -> None:
    there = Naptr(1, 1, "", "", "", "elsewhere.example")
    made = search(Answer((there,)))
    assert made.question == "elsewhere.example"
    made.answered(Answer((sip(1, 1, "x"),)))
    assert made.uris == ("sip:x@example.com",)
    circle = search(Answer((there,)), Answer((there,)))
    assert circle.question is None and circle.uris == () and "circles" in circle.why
    long = EnumSearch(DIGITS)
    for number in range(20):
        long.answered(Answer((Naptr(1, 1, "", "", "", f"n{number}.example"),)))
    assert long.question is None and "steps" in long.why


def test_nothing_found_says_why() -> None:
    assert "no NAPTR" in search(Answer()).why
    assert search(Answer((), "server 1: no answer")).why == "server 1: no answer"
    assert "no usable" in search(Answer((sip(1, 1, "x", "E2U+tel"),))).why
    bad = Naptr(1, 1, "u", "E2U+sip", "!^.*$!http://x!", "")
    assert "no SIP URI" in search(Answer((bad,))).why
    for odd in ("!^.*$!sip:a b@x!", "!^.*$!sip:a\r\nX: y@x!", "!^.*$!sip:\xe9@x!", "!(a+)+!sip:x!"):
        made = search(Answer((Naptr(1, 1, "u", "E2U+sip", odd, ""), sip(2, 1, "good"))))
        assert made.uris == ("sip:good@example.com",)


def test_r69_results_are_bounded() -> None:
    made = search(Answer(tuple(sip(1, number, f"u{number}") for number in range(500))))
    assert len(made.uris) == 10
