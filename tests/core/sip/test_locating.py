"""RFC 3263 §4: which questions are asked, and in which order the hops come."""

from __future__ import annotations

import random
from typing import Any

import pytest

from seaway.core.dns.io import Answer, Naptr, Srv
from seaway.core.sip.io import Place
from seaway.core.sip.locating import MOST_HOPS, Locating

NAME = "example.com"
ZONE: dict[tuple[str, str], tuple[Any, ...]] = {
    ("a.example.com", "ADDRESS"): ("192.0.2.1",),
    ("b.example.com", "ADDRESS"): ("192.0.2.2", "2001:db8::2"),
    ("example.com", "ADDRESS"): ("192.0.2.9",),
}


def locate(
    place: Place, zone: dict[tuple[str, str], tuple[Any, ...]], seed: int = 1, failing: tuple[str, ...] = ()
) -> tuple[Locating, list[tuple[str, str]]]:
    """Answer from `zone`; returns the finished search and what was asked, in order."""
    made = Locating(place, random.Random(seed).randbytes)
    questions, asked = made.begin(), []
    while questions:
        question = questions.pop(0)
        asked.append(question)
        answer = Answer((), "server failed") if question[1] in failing else Answer(zone.get(question, ()))
        questions += made.answered(question, answer)
    assert made.hops is not None
    return made, asked


def shown(made: Locating) -> list[tuple[str, str, int, str | None]]:
    return [(hop.transport, hop.host, hop.port, hop.verify_name) for hop in made.hops or ()]


def naptr(order: int, preference: int, service: str, replacement: str, flags: str = "s", regexp: str = "") -> Naptr:
    return Naptr(order, preference, flags, service, regexp, replacement)


def test_naptr_then_srv_then_addresses() -> None:
    zone = ZONE | {
        (NAME, "NAPTR"): (
            naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
            naptr(50, 60, "sip+d2t", "_sip._tcp.example.com"),
            naptr(90, 50, "SIP+D2U", "_sip._udp.example.com"),
            naptr(10, 50, "SIP+D2S", "_sip._sctp.example.com"),
            naptr(10, 50, "E2U+sip", "", "u", "!x!y!"),
        ),
        ("_sips._tcp.example.com", "SRV"): (Srv(2, 1, 5071, "b.example.com"), Srv(1, 1, 5061, "A.example.com.")),
        ("_sip._tcp.example.com", "SRV"): (Srv(1, 1, 5060, "a.example.com"),),
    }
    made, asked = locate(Place(NAME, "outer"), zone)
    assert asked[0] == (NAME, "NAPTR")
    assert asked[1:3] == [("_sips._tcp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV")]
    assert asked[3:] == [("a.example.com", "ADDRESS"), ("b.example.com", "ADDRESS")]
    assert shown(made) == [
        ("tls", "192.0.2.1", 5061, NAME),
        ("tls", "192.0.2.2", 5071, NAME),
        ("tls", "2001:db8::2", 5071, NAME),
        ("tcp", "192.0.2.1", 5060, None),
    ]
    assert made.hops is not None and all(hop.nic == "outer" for hop in made.hops)


def test_the_certificate_must_carry_the_name_that_was_asked_for() -> None:
    """R33, RFC 5922 §4: the DNS says where a domain's server is, not who it is."""
    zone = ZONE | {
        (NAME, "NAPTR"): (naptr(1, 1, "SIPS+D2T", "_sips._tcp.evil.test"),),
        ("_sips._tcp.evil.test", "SRV"): (Srv(1, 1, 5061, "a.example.com"),),
    }
    assert shown(locate(Place(NAME, "outer"), zone)[0]) == [("tls", "192.0.2.1", 5061, NAME)]
    (hop,) = locate(Place(NAME, "outer", verify_name="other.test"), zone)[0].hops or ()
    assert hop.verify_name == "other.test"


def test_without_naptr_each_of_our_transports_is_asked_for() -> None:
    zone = ZONE | {("_sip._udp.example.com", "SRV"): (Srv(1, 1, 5080, "a.example.com"),)}
    made, asked = locate(Place(NAME, "outer"), zone)
    assert [name for name, kind in asked if kind == "SRV"] == [
        "_sips._tcp.example.com", "_sip._tcp.example.com", "_sip._udp.example.com",
    ]  # fmt: skip
    assert shown(made) == [("udp", "192.0.2.1", 5080, None)]
    made, asked = locate(Place(NAME, "outer", allowed=("tcp",)), zone)
    assert ("_sip._udp.example.com", "SRV") not in asked
    assert shown(made) == [("tcp", "192.0.2.9", 5060, None)]


def test_without_srv_the_name_itself_by_udp() -> None:
    made, asked = locate(Place(NAME, "outer"), ZONE)
    assert asked[-1] == (NAME, "ADDRESS") and shown(made) == [("udp", "192.0.2.9", 5060, None)]
    made, _ = locate(Place(NAME, "outer"), ZONE, failing=("NAPTR", "SRV"))  # servers that refuse NAPTR are common
    assert shown(made) == [("udp", "192.0.2.9", 5060, None)]
    assert shown(locate(Place(NAME, "outer", allowed=("tls",)), ZONE)[0]) == [("tls", "192.0.2.9", 5061, NAME)]


@pytest.mark.parametrize(
    ("place", "hops", "asked"),
    [
        (Place("192.0.2.5", "inner"), [("udp", "192.0.2.5", 5060, None)], []),
        (Place("2001:db8::5", "inner", 5070, "tcp"), [("tcp", "2001:db8::5", 5070, None)], []),
        (Place("192.0.2.5", "inner", secure=True), [("tls", "192.0.2.5", 5061, "192.0.2.5")], []),
        (Place(NAME, "inner", 5075), [("udp", "192.0.2.9", 5075, None)], [(NAME, "ADDRESS")]),
        (Place(NAME, "inner", 5075, "tls"), [("tls", "192.0.2.9", 5075, NAME)], [(NAME, "ADDRESS")]),
        (Place(NAME, "inner", 5075, secure=True), [("tls", "192.0.2.9", 5075, NAME)], [(NAME, "ADDRESS")]),
        (
            Place("Example.COM.", "inner", transport="tcp"),
            [("tcp", "192.0.2.9", 5060, None)],
            [("_sip._tcp.example.com", "SRV"), (NAME, "ADDRESS")],
        ),
        (
            Place(NAME, "inner", transport="tcp", secure=True),
            [("tls", "192.0.2.9", 5061, NAME)],
            [("_sips._tcp.example.com", "SRV"), (NAME, "ADDRESS")],
        ),
    ],
)
def test_numbers_ports_and_transports(
    place: Place, hops: list[tuple[str, str, int, str | None]], asked: list[tuple[str, str]]
) -> None:
    made, questions = locate(place, ZONE)
    assert (shown(made), questions) == (hops, asked)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place(NAME, "inner", transport="udp", allowed=("tls",)), "no transport"),
        (Place(NAME, "inner", transport="udp", secure=True), "no transport"),
        (Place(NAME, "inner", secure=True, allowed=("udp", "tcp")), "no transport"),
        (Place(NAME, "inner", transport="wss", allowed=("tls", "wss")), "no transport"),  # type: ignore[arg-type]
        (Place("a." * 150 + "test", "inner"), "too long"),
        (Place("nothing.test", "inner"), "nothing.test has no usable address"),
    ],
)
def test_nothing_found_says_why(place: Place, why: str) -> None:
    made, _ = locate(place, ZONE)
    assert made.hops == () and why in made.why and "\n" not in made.why


def test_the_failure_of_the_servers_is_told() -> None:
    made, _ = locate(Place(NAME, "outer", 5060), ZONE, failing=("ADDRESS",))
    assert made.hops == () and made.why == "server failed"


def test_a_dot_as_target_means_no_service() -> None:
    zone = ZONE | {("_sip._tcp.example.com", "SRV"): (Srv(0, 0, 0, ""),)}
    made, asked = locate(Place(NAME, "outer", transport="tcp"), zone)
    assert made.hops == () and "offers no SIP" in made.why and (NAME, "ADDRESS") not in asked


def test_r35_addresses_to_which_nothing_is_sent() -> None:
    """R35: multicast, unspecified and reserved addresses of a zone are passed over, mapped ones are unfolded."""
    bad = ("224.0.1.75", "0.0.0.0", "255.255.255.255", "::", "ff02::1", "::ffff:240.0.0.1", "nonsense")
    made, _ = locate(Place(NAME, "outer", 5060), {(NAME, "ADDRESS"): (*bad, "::ffff:192.0.2.7")})
    assert shown(made) == [("udp", "192.0.2.7", 5060, None)]


def test_r69_a_large_zone_is_bounded() -> None:
    zone: dict[tuple[str, str], tuple[Any, ...]] = {
        (NAME, "NAPTR"): tuple(naptr(1, n, "SIP+D2T", f"s{n}.example.com") for n in range(100))
    }
    for n in range(100):
        zone[f"s{n}.example.com", "SRV"] = tuple(Srv(1, 1, 5060 + m, f"h{n}-{m}.example.com") for m in range(50))
        for m in range(50):
            zone[f"h{n}-{m}.example.com", "ADDRESS"] = tuple(f"192.0.2.{k}" for k in range(1, 50))
    made, asked = locate(Place(NAME, "outer"), zone)
    assert len(asked) == 1 + 8 + 8 and len(made.hops or ()) == MOST_HOPS


def test_an_answer_that_was_not_asked_for_changes_nothing() -> None:
    made = Locating(Place(NAME, "outer"), lambda count: bytes(count))
    made.begin()
    assert made.answered(("other", "NAPTR"), Answer()) == [] and made.hops is None
