"""Registered phones as targets: several contacts, flows of one device, paths, GRUUs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from seaway.call.config import NeighbourZone, Rule
from seaway.core.sip.io import Hop
from seaway.core.sip.registrar import Bounds
from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import CallRule, CallRules
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

from ..support.messages import SDP, as_response, header, request
from ..support.net import Network
from ..support.nodes import CORE, FakeRelay, control, node
from ..support.phone import Phone

URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


class Site:
    """One core and its phones."""

    def __init__(self, **changes: Any) -> None:
        self.net = Network(3)
        self.core = node(self.net, control(**changes))

    def phone(
        self, user: str, last: int, transport: str = "udp", params: str = "", headers: tuple[str, ...] = ()
    ) -> Phone:
        hop = Hop(transport, CORE, 5061 if transport == "tls" else 5060, "inner")  # type: ignore[arg-type]
        phone = Phone(self.net, user, (f"10.0.0.{last}", 5060), hop)
        phone.contact_params, phone.register_headers = params, headers
        assert phone.register() == 200, phone.registered
        return phone

    def gruu(self, phone: Phone, kind: str) -> str:
        response = phone.registered[-1][1]
        assert response is not None
        for value in response.all(b"contact"):
            found = re.search(rf'{kind}-gruu="([^"]+)"', value.decode())
            if found:
                return found.group(1)
        raise AssertionError(response.lines)


def invites(phone: Phone) -> int:
    return sum(each.method == b"INVITE" for each in phone.received)


def device(reg_id: int | None = None) -> str:
    return f';+sip.instance="<{URN}>"' + (f";reg-id={reg_id}" if reg_id else "")


OUTBOUND = ("Supported: path, outbound, gruu",)


def test_a_200_has_the_date() -> None:
    site = Site()
    site.core.core.clock(1_289_690_940.0, site.net.now)
    response = site.phone("alice", 20).registered[-1][1]
    assert response is not None and response.get(b"date") == b"Sat, 13 Nov 2010 23:29:00 GMT"


def test_higher_q_rings_first_and_lower_when_it_has_failed() -> None:
    site = Site()
    alice = site.phone("alice", 20)
    desk, mobile = site.phone("bob", 30, params=";q=1.0"), site.phone("bob", 31, params=";q=0.2")
    desk.script = [(0.1, 486, b"")]
    dialog = alice.call("sip:bob@example.test")
    site.net.run(3)
    assert (invites(desk), invites(mobile), dialog.statuses[-1]) == (1, 1, 200)
    desk.script = [(0.1, 200, b"")]
    dialog = alice.call("sip:bob@example.test")
    site.net.run(3)
    assert (invites(desk), invites(mobile), dialog.statuses[-1]) == (2, 1, 200)


@pytest.mark.parametrize("b2bua", ["never", "always"])
def test_flows_of_one_device_are_tried_one_after_the_other(b2bua: Any) -> None:
    """RFC 5626 §7: one phone with two flows rings once; when the newer is dead the other is used."""
    settings = ZoneSettings(authentication="check", b2bua=b2bua)
    site = Site(local_zone=settings, default_zone=DefaultZone(settings))
    if b2bua == "always":
        relay = FakeRelay(CORE)
        site.core.relay = relay
        site.core.core.media_ready(site.net.now)
        site.net.drain(site.core)
    alice = site.phone("alice", 20)
    first = site.phone("bob", 30, params=device(1), headers=OUTBOUND)
    site.net.run(5)
    second = site.phone("bob", 31, params=device(2), headers=OUTBOUND)
    alice.call("sip:bob@example.test", SDP)
    site.net.run(3)
    assert (invites(first), invites(second)) == (0, 1), "not both at once"
    assert second.received[0].require(b"call-id").startswith(b"call-") == (b2bua == "never")
    first.script, second.script = [(0.1, 200, SDP)], [(0.1, 430, b"")]
    dialog = alice.call("sip:bob@example.test", SDP)
    site.net.run(3)
    assert (invites(first), invites(second), dialog.statuses[-1]) == (1, 2, 200)
    left = site.core.core.snapshot("registrations", site.net.now)
    assert [row["contact"] for row in left if row["user"] == "bob@example.test"] == [first.contact_uri], "430 ends it"
    first.script = [(0.1, 430, b"")]
    dialog = alice.call("sip:bob@example.test", SDP)
    site.net.run(3)
    assert dialog.statuses[-1] == 480, "430 is between proxies"


@pytest.mark.parametrize(
    ("transport", "params", "promised"),
    [("tcp", device(1), [90.0]), ("tls", device(1), [90.0]), ("udp", device(1), []), ("tcp", device(), []),
     ("tcp", "", [])],
)  # fmt: skip
def test_a_phone_with_outbound_promises_keep_alives(transport: str, params: str, promised: list[float]) -> None:
    """RFC 5626 §5.4: the flow is given up when it does not keep to the Flow-Timer."""
    site = Site(registrar=Bounds(flow_timer=90))
    phone = site.phone("bob", 30, transport, params=params, headers=OUTBOUND)
    response = phone.registered[-1][1]
    assert response is not None and (response.get(b"flow-timer") == b"90") == (params == device(1))
    assert [each.seconds for each in site.core.promised] == promised


@pytest.mark.parametrize("kind", ["pub", "temp"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_to_a_gruu_reaches_that_device_only(kind: str, transport: str) -> None:
    site = Site()
    alice = site.phone("alice", 20)
    other = site.phone("bob", 30)
    mine = site.phone("bob", 31, transport, params=device(), headers=("Supported: gruu",))
    gruu = site.gruu(mine, kind)
    dialog = alice.call(gruu)
    site.net.run(3)
    assert (invites(other), invites(mine), dialog.statuses[-1]) == (0, 1, 200)
    assert mine.received[-1].uri == mine.contact_uri.encode(), "the contact, not the GRUU (RFC 5627 §6.1)"
    mine.register(0)
    dialog = alice.call(gruu)
    site.net.run(3)
    assert dialog.statuses == [404 if kind == "temp" else 480]


def test_a_gruu_needs_no_rule_of_the_dial_plan() -> None:
    site = Site(rules=(Rule(10, "nobody@example\\.test", "registrations"),))
    alice = site.phone("alice", 20)
    bob = site.phone("bob", 30, params=device(), headers=("Supported: gruu",))
    dialog = alice.call(site.gruu(bob, "temp"))
    site.net.run(3)
    assert dialog.statuses[-1] == 200


@pytest.mark.parametrize("kind", ["temp", "pub"])
@pytest.mark.parametrize(("whom", "status"), [("bob@.*", 403), ("alice@.*", 200)])
def test_a_gruu_does_not_pass_by_call_policy(kind: str, whom: str, status: int) -> None:
    rule = CallRule(10, "reject", destination=whom)
    site = Site(policy=CallPolicy(CallRules([rule])))
    alice = site.phone("alice", 20)
    bob = site.phone("bob", 30, params=device(), headers=("Supported: gruu",))
    dialog = alice.call(site.gruu(bob, kind))
    site.net.run(3)
    assert dialog.statuses[-1] == status and invites(bob) == (status == 200)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_gruu_as_contact_of_a_call(transport: str) -> None:
    """Requests inside the dialog are addressed to the GRUU and arrive at the phone, from either side."""
    site = Site()
    alice = site.phone("alice", 20, transport, params=device(), headers=("Supported: gruu",))
    bob = site.phone("bob", 30, transport, params=';+sip.instance="<urn:x:bob>"', headers=("Supported: gruu",))
    gruus = {phone: site.gruu(phone, "temp") for phone in (alice, bob)}
    contacts = {phone: phone.contact_uri for phone in (alice, bob)}
    for phone, gruu in gruus.items():
        type(phone)  # the Contact of dialogs is the GRUU from now on
        phone.__class__ = type("GruuPhone", (Phone,), {"contact_uri": gruu})
    dialog = alice.call("sip:bob@example.test")
    site.net.run(3)
    assert dialog.target == gruus[bob]
    bob.bye(bob.dialogs[dialog.call_id])
    site.net.run(3)
    assert dialog.ended == "bye received"
    assert alice.received[-1].uri == contacts[alice].encode()
    dialog = alice.call("sip:bob@example.test")
    site.net.run(3)
    alice.bye(dialog)
    site.net.run(3)
    assert bob.dialogs[dialog.call_id].ended == "bye received"
    assert bob.received[-1].uri == contacts[bob].encode()


def test_a_register_that_requires_something_unknown() -> None:
    site = Site()
    phone = Phone(site.net, "alice", ("10.0.0.20", 5060), Hop("udp", CORE, 5060, "inner"))
    phone.register_headers = ("Require: path, flying, outbound, carpets",)
    assert phone.register() == 420
    response = phone.registered[-1][1]
    assert response is not None and response.get(b"unsupported") == b"carpets, flying"
    phone.register_headers = ("Require: path, outbound, gruu",)
    assert phone.register() == 200


def test_what_is_behind_a_trusted_proxy_is_reached_by_its_path() -> None:
    """RFC 3327: the INVITE goes to the neighbour, with the stored values as Route, also when its flow was another."""
    trunk = NeighbourZone("trunk", ("10.0.0.60",), 5080, "udp")
    site = Site(neighbours=(trunk,))
    alice = site.phone("alice", 20)
    register = request(
        "REGISTER", "sip:example.test", to="<sip:bob@example.test>", frm="<sip:bob@example.test>;tag=1",
        via=["SIP/2.0/UDP 10.0.0.60:5080;branch=z9hG4bKp;rport", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKu"],
        headers=["Path: <sip:10.0.0.60:5080;lr>, <sip:far.example.net;lr>", "Contact: <sip:bob@192.0.2.1>",
                 "Supported: path"],
    )  # fmt: skip
    site.net.datagram("trunk", ("10.0.0.60", 5099), (CORE, 5060), register)
    site.net.run(1)
    answer = as_response(site.net.wire[-1].data)
    assert answer.status == 200 and len(answer.all(b"path")) == 2
    alice.call("sip:bob@example.test")
    site.net.run(1)
    sent = [each for each in site.net.wire if each.data.startswith(b"INVITE sip:bob@192.0.2.1 ")]
    assert sent and sent[0].target == "('10.0.0.60', 5080)"
    assert header(sent[0].data, "route") == ["<sip:10.0.0.60:5080;lr>", "<sip:far.example.net;lr>"]


def test_a_path_of_an_unknown_proxy_leads_back_over_its_flow_only() -> None:
    """An authenticated user cannot make us send to any place by a Path value."""
    site = Site()
    alice = site.phone("alice", 20)
    site.phone("bob", 30, headers=("Path: <sip:192.0.2.66;lr>",))
    alice.call("sip:bob@example.test")
    site.net.run(1)
    sent = [each for each in site.net.wire if each.data.startswith(b"INVITE ") and each.source == "core1"]
    assert {each.target for each in sent} == {"bob"}
    assert header(sent[0].data, "route") == ["<sip:192.0.2.66;lr>"]


def test_a_preloaded_service_route_is_taken_off() -> None:
    """RFC 3608: what we give out as Service-Route names us; the request is authenticated as any other."""
    site = Site(registrar=Bounds(service_route=(f"<sip:{CORE};lr>".encode(),)))
    alice, bob = site.phone("alice", 20), site.phone("bob", 30)
    response = alice.registered[-1][1]
    assert response is not None and response.get(b"service-route") == f"<sip:{CORE};lr>".encode()
    dialog = alice.call("sip:bob@example.test", b"", f"Route: <sip:{CORE};lr>")
    site.net.run(3)
    assert dialog.statuses[-1] == 200 and ("INVITE", 407) not in alice.results
    assert not any(b"sip:%b;lr>" % CORE.encode() == line[-20:] for line in bob.received[0].lines)
    stranger = Phone(site.net, "mallory", ("10.0.0.66", 5060), Hop("udp", CORE, 5060, "inner"))
    dialog = stranger.call("sip:bob@example.test", b"", f"Route: <sip:{CORE};lr>")
    site.net.run(3)
    assert dialog.statuses == [407]
