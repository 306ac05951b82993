"""Whose a request is said to be, and what others are told (RFC 3325; R22, R38, R39)."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.call.config import Identity, NeighbourZone, Registrations, Rule
from seaway.call.identity import Identities
from seaway.call.zones import Zone
from seaway.core.sip.context import Context, Target
from seaway.policy.zone_settings import DefaultZone, ZoneSettings
from seaway.wire.sip.message import Request

from ..support.messages import SDP, as_request, flow, header, request, response
from ..support.nodes import Pair, users
from .test_admission import METHODS, Desk

TRUNK = NeighbourZone("trunk", ("10.0.0.50",), 5060, "udp")
TO_TRUNK = {"neighbours": (TRUNK,), "rules": (Rule(10, ".*@far\\.test", "trunk"), Rule(20, ".*", "registrations"))}


def desk(**changes: Any) -> Desk:
    return Desk(**changes)


def invite(made: Desk, target: str, *headers: str, frm: str | None = None) -> list[Request]:
    made.sent.clear()
    lines = [*headers, "Contact: <sip:alice@192.0.2.10>"]
    made.prove("INVITE", target, "alice", made.udp(), headers=lines, frm=frm)
    return made.forwarded()


def test_the_node_asserts_what_it_has_checked_towards_a_trusted_zone() -> None:
    (sent,) = invite(desk(**TO_TRUNK), "sip:x@far.test")
    assert sent.all(b"p-asserted-identity") == [b"<sip:alice@example.test>"]
    assert sent.names.count(b"p-asserted-identity") == 1


def test_a_phone_cannot_assert_another() -> None:
    """R22 and R39: what it says is taken away, what was proved is said."""
    lines = ("P-Asserted-Identity: <sip:boss@example.test>", "P-Preferred-Identity: <sip:boss@example.test>")
    (sent,) = invite(desk(**TO_TRUNK), "sip:x@far.test", *lines)
    assert sent.all(b"p-asserted-identity") == [b"<sip:alice@example.test>"]
    assert b"p-preferred-identity" not in sent.names


@pytest.mark.parametrize(
    ("asserted", "status"), [("<sip:alice@example.test>", 480), ("<sip:boss@example.test>", 403), ("<tel:+1>", 403),
                             ("<sip:alice@example.test>, <sip:boss@example.test>", 403)],
)  # fmt: skip
def test_where_a_zone_may_assert_it_must_be_who_was_proved(asserted: str, status: int) -> None:
    """R39: 403 by default."""
    settings = ZoneSettings(authentication="check", allow_headers=("p-asserted-identity",))
    made = desk(default_zone=DefaultZone(settings))
    headers = [f"P-Asserted-Identity: {asserted}"]
    assert made.prove("INVITE", "sip:carol@example.test", "alice", made.udp(), headers=headers) == status


@pytest.mark.parametrize(("privacy", "hidden"), [("id", True), ("header;id", True), ("none", False), ("header", False)])
def test_privacy_towards_phones(privacy: str, hidden: bool) -> None:
    """RFC 3325 §7: a trusted zone keeps its word, a phone does not learn who calls."""
    made = desk(**TO_TRUNK)
    made.register("bob", "sip:bob@192.0.2.20", made.udp("192.0.2.20"))
    (sent,) = invite(made, "sip:bob@example.test", f"Privacy: {privacy}")
    assert (b"p-asserted-identity" not in sent.names) == hidden
    (sent,) = invite(made, "sip:x@far.test", f"Privacy: {privacy}")
    assert sent.all(b"p-asserted-identity") == [b"<sip:alice@example.test>"] and b"privacy" in sent.names


def test_privacy_that_a_trusted_zone_asks_for() -> None:
    made = desk(**TO_TRUNK)
    made.register("bob", "sip:bob@192.0.2.20", made.udp("192.0.2.20"))
    for privacy, expected in (("id", []), ("none", [b"<sip:ceo@far.test>"])):
        made.sent.clear()
        headers = ["P-Asserted-Identity: <sip:ceo@far.test>", f"Privacy: {privacy}", "Contact: <sip:ceo@10.0.0.50>"]
        via = f"SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bK{privacy};rport"
        data = request("INVITE", "sip:bob@example.test", headers=headers, call_id=privacy, via=via, body=SDP)
        made.receive(data, made.udp("10.0.0.50"))
        (sent,) = made.forwarded()
        assert sent.all(b"p-asserted-identity") == expected


@pytest.mark.parametrize(
    ("zone", "told"), [(Zone("internet", "dns"), False), (Zone("trunk", "neighbour"), True), (None, True)]
)
def test_strangers_are_told_nothing(zone: Zone | None, told: bool) -> None:
    """A DNS zone is whoever a domain belongs to."""
    identities = Identities(desk().control.config)
    message = as_request(request("INVITE", headers=["P-Asserted-Identity: <sip:a@example.test>"]))
    context = Context(None, message, flow(), b"c")  # type: ignore[arg-type]
    identities.take(context)
    assert b"p-asserted-identity" not in message.names
    other = Target(b"sip:x@y", flow(), lines=(b"Route: <sip:z;lr>",))
    made = identities.told(context, zone, Target(b"sip:x@y", flow(), others=(other,)))
    line = b"P-Asserted-Identity: <sip:a@example.test>"
    assert (line in made.lines) == (line in made.others[0].lines) == told
    assert b"Route: <sip:z;lr>" in made.others[0].lines


def test_a_fork_over_several_zones_tells_each_what_it_may_know() -> None:
    """One phone inside, one behind the edge: the trusted edge hears who calls although he wants privacy."""
    both = Pair(
        core={"rules": (Rule(10, ".*", "registrations"),), "users": users("alice", "bob")},
        edge={"users": (), "rules": (), "registrations": (Registrations("example.test", "traversal"),)},
    )  # fmt: skip
    alice, near, far = both.inside("alice"), both.inside("bob", address="10.0.0.30"), both.outside("bob")
    near.script = far.script = [(0.1, 180, b"")]
    alice.call("sip:bob@example.test", SDP, "Privacy: id")
    both.net.run(2)
    sent = [each for each in both.net.wire if each.data.startswith(b"INVITE ") and each.source == "core1"]
    asserted = {each.target: header(each.data, "p-asserted-identity") for each in sent}
    assert asserted == {"bob": [], "edge1": ["<sip:alice@example.test>"]}
    assert [b"p-asserted-identity" in each.names for each in far.received] == [False]


def test_an_anonymous_caller_is_known_to_us_and_to_trusted_zones() -> None:
    """RFC 3323 §4.1, RFC 3325 §9.1."""
    frm = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x'
    made = desk(**TO_TRUNK)
    (sent,) = invite(made, "sip:x@far.test", "Privacy: id", frm=frm)
    assert sent.all(b"p-asserted-identity") == [b"<sip:alice@example.test>"]
    assert not invite(made, "sip:x@far.test", frm=frm), "without Privacy: id it is a wrong From"


@pytest.mark.parametrize(
    ("frm", "status"),
    [("<sip:team@example.test>;tag=1", 480), ("<sip:sales-7@example.test>;tag=1", 480),
     ("<sip:bob@example.test>;tag=1", 403), ("<sip:sales-7@evil.test>;tag=1", 403)],
)  # fmt: skip
def test_a_rule_lets_a_user_speak_for_others(frm: str, status: int) -> None:
    may = (("exact", "team@example.test"), ("regex", r"sales-[0-9]+@example\.test"))
    made = desk(identities=(Identity("alice", may),))  # type: ignore[arg-type]
    assert made.prove("INVITE", "sip:carol@example.test", "alice", made.udp(), frm=frm) == status
    made = desk(identities=(Identity("carol", may),))  # type: ignore[arg-type]
    assert made.prove("INVITE", "sip:carol@example.test", "alice", made.udp(), frm=frm) == 403


@pytest.mark.parametrize("method", [each for each in METHODS if each not in ("ACK", "CANCEL")])
@pytest.mark.parametrize("policy", ["check", "do-not-check", "treat-as-authenticated"])
def test_the_policy_of_a_zone_decides_who_is_asked(method: str, policy: Any) -> None:
    """R38 for all methods; nobody registers unchecked from an untrusted zone but by the strongest word."""
    made = desk(default_zone=DefaultZone(ZoneSettings(authentication=policy)))
    headers = ["Contact: <sip:alice@192.0.2.10>"]
    to = "<sip:alice@example.test>" if method == "REGISTER" else "<sip:bob@example.test>"
    uri = "sip:example.test" if method == "REGISTER" else "sip:bob@example.test"
    frm = "<sip:eve@elsewhere.test>;tag=e" if policy == "do-not-check" and method != "REGISTER" else to + ";tag=e"
    status = made.status(request(method, uri, headers=headers, to=to, frm=frm), made.udp())
    asked = policy == "check" or (policy == "do-not-check" and method == "REGISTER")
    assert (status in (401, 407)) == asked, status
    assert len(made.control._registrar) == (method == "REGISTER" and not asked)


def test_a_trusted_zone_can_be_checked() -> None:
    trunk = NeighbourZone("trunk", ("10.0.0.50",), 5060, "udp", settings=ZoneSettings(authentication="check"))
    made = desk(neighbours=(trunk,), users=users("alice"))
    data = request("INVITE", "sip:bob@example.test", via="SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKq;rport")
    assert made.status(data, made.udp("10.0.0.50")) == 407


@pytest.mark.parametrize(("privacy", "told"), [("", True), ("Privacy: none", True), ("Privacy: id", False)])
def test_who_answered_is_told_unless_he_wants_privacy(privacy: str, told: bool) -> None:
    made = desk(**TO_TRUNK)
    (sent,) = invite(made, "sip:x@far.test")
    headers = ("P-Asserted-Identity: <sip:clerk@far.test>", *([privacy] if privacy else []))
    answers = made.receive(response(sent.serialise(), 200, headers=headers), made.udp("10.0.0.50"))
    assert (b"p-asserted-identity" in answers[-1][1].names) == told
