"""Who is let in through the default zone and as whom; what each zone may say."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address

import pytest

from seaway.call.config import NeighbourZone
from seaway.core.sip.io import Flow
from seaway.policy.search_settings import SearchRule
from seaway.policy.zone_settings import AccessRule, DefaultZone, ZoneSettings

from ..support.messages import flow, request
from ..support.nodes import CORE
from .test_admission import Desk

STRANGER = "<sip:eve@partner.example>;tag=e"
OURS = "<sip:alice@example.test>;tag=e"
CHECK, PASS, BELIEVE = (ZoneSettings(each) for each in ("check", "do-not-check", "treat-as-authenticated"))  # type: ignore[arg-type]


def tls(*names: str, host: str = "192.0.2.66") -> Flow:
    return flow("tls", (host, 40000), (CORE, 5061), names=names)


def invite(frm: str = STRANGER, *headers: str, number: int = 1) -> bytes:
    lines = ["Contact: <sip:eve@192.0.2.66>", *headers]
    return request(transport="TLS", frm=frm, headers=lines, branch=f"z9hG4bK{number}", call_id=f"c{number}")


def desk(**changes: object) -> Desk:
    made = Desk(**changes)
    assert made.register("bob", "sip:bob@192.0.2.20", made.udp("192.0.2.20")) == 200
    made.sent.clear()
    return made


RULES = (
    AccessRule(10, "exact", "old.partner.example", "deny"),
    AccessRule(20, "suffix", ".partner.example", authentication="do-not-check"),
    AccessRule(30, "exact", "sbc.carrier.example", authentication="treat-as-authenticated"),
    AccessRule(40, "exact", "pbx.example.test"),
)


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("a.partner.example",), 100),
        (("A.PARTNER.EXAMPLE", "x.test"), 100),
        (("old.partner.example",), 403),
        (("sbc.carrier.example",), 100),
        (("pbx.example.test",), 407),
        (("evil.example",), 403),
        (("partner.example",), 403),
        ((), 407),
    ],
)
def test_access_rules_of_the_default_zone(names: tuple[str, ...], status: int) -> None:
    there = desk(default_zone=DefaultZone(CHECK, RULES))
    assert there.status(invite(), tls(*names)) == status
    assert len(there.forwarded()) == (status == 100)


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "MESSAGE", "BYE"])
def test_who_is_kept_out_is_kept_out_with_everything(method: str) -> None:
    there = desk(default_zone=DefaultZone(CHECK, RULES))
    assert there.status(request(method, transport="TLS", frm=STRANGER), tls("evil.example")) == 403


@pytest.mark.parametrize(("name", "reached"), [("sbc.carrier.example", 1), ("a.partner.example", 0)])
def test_rules_for_the_authenticated_know_who_is_believed(name: str, reached: int) -> None:
    rule = SearchRule(1, "registrations", mode="any-alias", authenticated=True)
    there = desk(default_zone=DefaultZone(CHECK, RULES), rules=(), search_rules=(rule,))
    there.receive(invite(), tls(name))
    assert len(there.forwarded()) == reached


def test_r39_a_stranger_who_may_pass_does_not_pass_as_one_of_ours() -> None:
    there = desk(default_zone=DefaultZone(PASS))
    assert there.status(invite(), tls()) == 100
    assert there.status(invite(OURS, number=2), tls()) == 407
    assert there.status(invite("<sip:ALICE@EXAMPLE.test>;tag=e", number=3), tls()) == 407
    assert there.status(request("REGISTER", transport="TLS", frm=STRANGER, branch="z9hG4bK4"), tls()) == 401
    assert len(there.forwarded()) == 1


@pytest.mark.parametrize(("policy", "status", "reached"), [(CHECK, 407, 0), (PASS, 100, 0), (BELIEVE, 100, 1)])
def test_policy_of_phones_that_are_registered(policy: ZoneSettings, status: int, reached: int) -> None:
    """By where they registered from: elsewhere the same name is asked for credentials."""
    rules = (SearchRule(1, "registrations", mode="any-alias", source="local-zone", authenticated=reached == 1),)
    there = desk(local_zone=policy, rules=(), search_rules=rules)
    where = there.udp()
    assert there.register("alice", "sip:alice@192.0.2.10", where) == 200
    there.sent.clear()
    data = request(frm=OURS, headers=["Contact: <sip:alice@192.0.2.10>"])
    assert there.status(data, where) == status
    assert len(there.forwarded()) == (status == 100)
    other = request(frm=OURS, branch="z9hG4bKo", via="SIP/2.0/UDP 192.0.2.99;rport;branch=z9hG4bKo")
    assert there.status(other, there.udp("192.0.2.99")) == 407
    if policy is PASS:
        row = there.control.snapshot("searches", 0.0)[0]
        assert (row["zone"], row["authenticated"]) == ("local", False)


@pytest.mark.parametrize(("asserted", "reached"), [(True, 1), (False, 0)])
def test_where_we_trust_an_asserted_identity_is_proof(asserted: bool, reached: int) -> None:
    """RFC 3325 §5: the far node has checked it. Nobody else's word counts."""
    rule = SearchRule(1, "registrations", mode="any-alias", authenticated=True)
    zone = NeighbourZone("cm", ("192.0.2.66",), 5061, "tls")
    there = desk(neighbours=(zone,), default_zone=DefaultZone(PASS), rules=(), search_rules=(rule,))
    headers = ("P-Asserted-Identity: <sip:eve@partner.example>",) if asserted else ()
    there.receive(invite(STRANGER, *headers), tls())
    assert len(there.forwarded()) == reached
    there.receive(invite(STRANGER, *headers, number=2), tls(host="192.0.2.67"))
    assert len(there.forwarded()) == reached, "a stranger who says so is a stranger"


# -- R40


def test_r40_no_address_gets_into_a_zone_by_accident() -> None:
    """Addresses at random: only those of a zone's peers, by a strong enough transport, are in it; all others, and the
    same by a weaker transport or NIC, are in the least trusted zone."""
    rng = random.Random(40)
    peers = ("10.0.0.30", "2001:db8::30")
    there = Desk(neighbours=(NeighbourZone("cm", peers, 5060, "tcp"),))
    zones = there.control._zones
    for number in range(3000):
        address = str(IPv4Address(rng.getrandbits(32)) if number % 2 else IPv6Address(rng.getrandbits(128)))
        where = flow(rng.choice(["udp", "tcp", "tls"]), (address, rng.randrange(1, 65536)), (CORE, 5060))
        assert zones.of(where) is zones.default, address
    for peer in peers:
        assert zones.of(flow("tcp", (peer, 1), (CORE, 5060))).name == "cm"
        assert zones.of(flow("tls", (peer, 1), (CORE, 5060))).name == "cm"
        assert zones.of(flow("udp", (peer, 1), (CORE, 5060))) is zones.default
        assert zones.of(flow("tcp", (peer, 1), (CORE, 5060), nic="outer")) is zones.default
    assert not zones.default.trusted and not zones.local.trusted


def test_r40_peers_that_are_known_by_name_are_known_by_their_certificate() -> None:
    zone = NeighbourZone("cm", ("cm.example.test",), 5061, "tls", verify_name="CM.example.test")
    zones = Desk(neighbours=(zone, NeighbourZone("pbx", ("pbx.example.test",), 5060, "tcp"))).control._zones
    assert zones.of(tls("cm.example.test")).name == "cm"
    for stranger in (tls("x.example.test"), tls(), flow("tcp", ("192.0.2.66", 1), (CORE, 5060))):
        assert zones.of(stranger) is zones.default
    assert (
        zones.of(flow("tls", ("192.0.2.66", 1), (CORE, 5061), nic="outer", names=("cm.example.test",))) is zones.default
    )
    literal = NeighbourZone("cm", ("192.0.2.1",), 5061, "tls", verify_name="cm.example.test")
    zones = Desk(neighbours=(literal,)).control._zones
    assert zones.of(tls("cm.example.test")) is zones.default, "from its own address only"


# -- R43


def test_r43_strangers_do_not_learn_who_is_a_user_here() -> None:
    there = desk(default_zone=DefaultZone(PASS))
    answers = []
    for number, user in enumerate(("carol", "nobody")):  # carol is a user, and not registered
        data = request("MESSAGE", f"sip:{user}@example.test", transport="TLS", frm=STRANGER, branch=f"z9hG4bKr{number}")
        answers.append([sent for _, _, sent in there.receive(data, tls())][-1])
    assert all(each.startswith(b"SIP/2.0 404 ") for each in answers)
    assert len(answers[0]) == len(answers[1])
    assert there.prove("MESSAGE", "sip:carol@example.test", "alice", there.udp()) == 480, "a phone of ours may know"


# -- R22


SAID = ("X-Ticket: 7", "P-Charge-Info: <sip:x@y>", "Diversion: <sip:x@y>", "x-ticket: 8", "X-Cisco-Secret: 1")


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [((), set()), (("x-ticket",), {b"x-ticket"}), (("diversion", "p-charge-info"), {b"diversion", b"p-charge-info"})],
)
def test_r22_headers_of_the_untrusted_pass_by_allow_list(allowed: tuple[str, ...], kept: set[bytes]) -> None:
    there = desk(default_zone=DefaultZone(ZoneSettings("do-not-check", allow_headers=allowed)))
    there.receive(invite(STRANGER, *SAID), tls())
    (sent,) = there.forwarded()
    assert {name for name in sent.names if name.startswith((b"x-", b"p-")) or name == b"diversion"} == kept


def test_r22_trusted_peers_say_what_they_like() -> None:
    there = desk(neighbours=(NeighbourZone("cm", ("192.0.2.66",), 5061, "tls"),))
    there.receive(invite(STRANGER, *SAID), tls())
    (sent,) = there.forwarded()
    assert {b"x-ticket", b"p-charge-info", b"diversion", b"x-cisco-secret"} <= set(sent.names)


def test_r22_what_phones_may_say_does_not_hold_for_strangers() -> None:
    there = desk(
        default_zone=DefaultZone(ZoneSettings("do-not-check")),
        local_zone=ZoneSettings("check", allow_headers=("x-ticket",)),
    )
    there.receive(invite(STRANGER, *SAID), tls())
    where = there.udp()
    there.prove("INVITE", "sip:bob@example.test", "alice", where, headers=[*SAID, "Contact: <sip:alice@192.0.2.10>"])
    stranger, phone = there.forwarded()
    assert b"x-ticket" not in stranger.names and phone.names.count(b"x-ticket") == 2
    assert b"diversion" not in phone.names
