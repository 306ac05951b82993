"""An edge that keeps no users: REGISTER and credentials go to the core, calls come back over the phone's own flow."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.call.config import Registrations, Rule
from seaway.core.sip.io import Hop

from ..support.messages import SDP, header
from ..support.nodes import EDGE, EDGE_INNER, Pair, users
from ..support.phone import Phone
from .test_contacts import invites

OUTBOUND = ("Supported: path, outbound, gruu",)


def pair(**edge: Any) -> Pair:
    """The users of everybody are on the core."""
    both = Pair(
        core={"rules": (Rule(10, ".*@example\\.test", "registrations"),), "users": users("alice", "bob", "dave")},
        edge={
            "users": (), "rules": (Rule(20, ".*", "traversal"),),
            "registrations": (Registrations("example.test", "traversal"),), **edge,
        },
    )  # fmt: skip
    return both


def core_rows(both: Pair) -> dict[str, dict[str, Any]]:
    return {str(row["user"]): row for row in both.core.core.snapshot("registrations", both.net.now)}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_phone_outside_registers_at_the_core(transport: str) -> None:
    both = pair()
    both.outside("bob", transport)
    row = core_rows(both)["bob@example.test"]
    assert row["zone"] == "traversal" and str(row["path"]).startswith("<sip:")
    assert not both.edge.core.snapshot("registrations", both.net.now), "the edge keeps nothing"
    sent = [each for each in both.net.wire if each.data.startswith(b"REGISTER") and each.source == "edge1"]
    assert len(sent) == 1 and not header(sent[0].data, "authorization"), "credentials went to their judge only"
    (path,) = header(sent[0].data, "path")
    assert f"@{EDGE_INNER}:7001;transport=tls;lr>" in path
    assert header(sent[0].data, "supported") == ["path"]


def test_the_password_is_judged_by_the_core_and_no_nonce_of_it_is_seen() -> None:
    both = pair()
    phone = Phone(both.net, "bob", ("198.51.100.20", 5060), Hop("tls", EDGE, 5061, "inner"), password="wrong")
    assert phone.register() == 401
    asked = [each for each in both.net.wire if b"seaway-credentials" in each.data]
    assert len(asked) == 1 and asked[0].data.startswith(b"OPTIONS sip:example.test ")
    assert header(asked[0].data, "x-seaway-method") == ["REGISTER"]
    assert not core_rows(both)
    assert both.core.events("request.refused")[0]["status"] == 403
    assert not [each for each in both.net.wire if each.source == "edge1" and each.data.startswith(b"REGISTER")]


def test_without_credentials_the_core_hears_nothing() -> None:
    """What has not proved its address by a nonce of ours costs the core nothing."""
    both = pair()
    before = len(both.net.wire)
    phone = Phone(both.net, "bob", ("198.51.100.20", 5060), Hop("udp", EDGE, 5060, "inner"))
    phone._credentials = lambda *more: ""  # type: ignore[method-assign]
    assert phone.register() == 401
    assert not [each for each in both.net.wire[before:] if each.target == "core1"]


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_calls_both_ways(transport: str) -> None:
    both = pair()
    bob = both.outside("bob", transport)
    alice = both.inside("alice")
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and invites(bob) == 1
    alice.bye(dialog)
    both.net.run(2)
    assert bob.dialogs[dialog.call_id].ended == "bye received"
    dialog = bob.call("sip:alice@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200
    alice.bye(alice.dialogs[dialog.call_id])
    both.net.run(2)
    assert dialog.ended == "bye received"
    both.idle()


def test_two_phones_of_one_edge_call_each_other() -> None:
    """The call passes the edge twice: its two media sessions are told apart, and both end."""
    both = pair()
    bob, dave = both.outside("bob"), both.outside("dave", address="198.51.100.21")
    dialog = bob.call("sip:dave@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200
    calls = both.edge.core.snapshot("calls", both.net.now)
    assert sorted((row["from_zone"], row["to_zone"]) for row in calls) == [
        ("local", "traversal"), ("traversal", "local"),
    ]  # fmt: skip
    assert {row["state"] for row in calls} == {"answered"}
    dave.invite(dave.dialogs[dialog.call_id], SDP)
    both.net.run(3)
    dave.bye(dave.dialogs[dialog.call_id])
    both.net.run(3)
    assert dialog.ended == "bye received"
    both.idle()
    assert not both.edge_relay.sessions and not both.core_relay.sessions


def test_a_phone_whose_connection_is_gone_is_480_and_forgotten() -> None:
    """RFC 5626 §5.3: the edge says 430, the core drops the binding and the caller hears 480."""
    both = pair()
    bob, alice = both.outside("bob"), both.inside("alice")
    assert bob.flow is not None
    both.net._close(bob.host.streams[bob.flow.id], bob.host, "out of reach")
    both.net.run(1)
    assert "bob@example.test" in core_rows(both), "the core does not know yet"
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(2)
    assert dialog.statuses == [480]
    assert "bob@example.test" not in core_rows(both)
    assert any(each.first == "SIP/2.0 430 Flow Failed" for each in both.net.wire)


@pytest.mark.parametrize("same", [True, False])
def test_a_phone_that_comes_back_during_a_call(same: bool) -> None:
    """Its connection breaks, it registers again on another one, and the caller hangs up: BYE arrives there. Somebody
    else who claims the contact does not get it."""
    both = pair()
    bob, alice = both.outside("bob"), both.inside("alice")
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and bob.flow is not None
    both.net._close(bob.host.streams[bob.flow.id], bob.host, "out of reach")
    both.net.run(1)
    if same:
        assert bob.register() == 200
    else:
        other = Phone(both.net, "dave", ("198.51.100.66", 5060), Hop("tls", EDGE, 5061, "inner"), contact=bob.contact)
        other.__class__ = type("Liar", (Phone,), {"contact_uri": bob.contact_uri})
        assert other.register() == 200
    alice.bye(dialog)
    both.net.run(2)
    assert (bob.dialogs[dialog.call_id].ended == "bye received") == same
    if not same:
        assert not [each for each in other.received if each.method == b"BYE"]


def test_a_call_that_is_cancelled_while_the_core_is_asked() -> None:
    both = pair()
    bob, alice = both.outside("bob", "udp"), both.inside("alice")
    dialog = bob.call("sip:alice@example.test", SDP)
    both.net.run(0.005)  # under way
    both.net.latency = 0.2
    for _ in range(20):  # until the core has been asked about the INVITE
        both.net.run(0.05)
        if any(b"X-Seaway-Method: INVITE" in each.data for each in both.net.wire):
            break
    both.net.latency = 0.01
    bob.cancel(dialog)
    both.net.run(3)
    assert dialog.statuses == [487] and not invites(alice)
    assert both.edge.core._registering._authorising._delegates._pending == 0
    assert not both.edge_relay.sessions, "no media for a call that nobody has proved"
    both.idle()


def test_outbound_through_the_edge_and_its_other_flow() -> None:
    both = pair()
    flows = []
    for number, address in ((1, "198.51.100.20"), (2, "198.51.100.21")):
        phone = Phone(both.net, "bob", (address, 5060), Hop("tls", EDGE, 5061, "inner"))
        phone.contact_params = f';+sip.instance="<urn:x:bob>";reg-id={number}'
        phone.register_headers = OUTBOUND
        assert phone.register() == 200, phone.registered
        response = phone.registered[-1][1]
        assert response is not None and response.get(b"require") == b"outbound"
        assert b";ob>" in (response.get(b"path") or b"")
        assert both.edge.promised[-1].seconds == 120 and both.edge.promised[-1].flow in both.edge.core._flows.values()
        flows.append(phone)
        both.net.run(3)
    alice = both.inside("alice")
    flow = flows[1].flow
    assert flow is not None
    both.net._close(flows[1].host.streams[flow.id], flows[1].host, "out of reach")
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and (invites(flows[0]), invites(flows[1])) == (1, 0)


def test_another_edge_process_knows_udp_phones_by_their_token() -> None:
    """The token names the source: it outlives a restart of the signalling process."""
    from seaway.call.control import Control

    both = pair()
    bob, alice = both.outside("bob", "udp"), both.inside("alice")
    import random

    both.net.replace(both.edge, Control(both.edge_config, random.Random(99).randbytes))
    both.media(both.edge, lambda c: c.media_ready(both.net.now))
    both.net.run(5)
    assert both.zones() == ("active", "active")
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and invites(bob) == 1


def test_known_and_unknown_users_get_the_same_answer() -> None:
    """R43, through the edge: status, header fields and their length; a wrong password is an offence of the phone."""
    both = pair()
    seen = []
    for user, address in (("bob", "198.51.100.30"), ("boo", "198.51.100.31")):
        phone = Phone(both.net, user, (address, 5060), Hop("udp", EDGE, 5060, "inner"), password="wrong")
        assert phone.register() == 401
        response = phone.registered[-1][1]
        assert response is not None
        seen.append([(name, len(line)) for name, line in zip(response.names, response.lines, strict=True)])
    assert seen[0] == seen[1]
    assert [each.flow.remote[0] for each in both.edge.offences] == ["198.51.100.30", "198.51.100.31"]


def test_questions_are_bounded() -> None:
    """R41: what waits for the core is bounded for each source, and forgotten when it is answered."""
    both = pair()
    both.net.latency = 1.0  # answers take their time
    delegates = both.edge.core._registering._authorising._delegates
    asked: list[int] = []
    for _ in range(60):
        delegates.ask(
            "traversal", b"example.test", b"REGISTER", b"Digest x", "198.51.100.30",
            lambda status, now: asked.append(status), both.net.now,
        )  # fmt: skip
    both.net.drain(both.edge)
    assert asked == [503] * 10, "at most 50 of one source"
    both.net.run(30)
    assert sorted(set(asked)) == [400, 503] and len(asked) == 60
    assert delegates._pending == 0 and not delegates._sources


def test_while_the_core_cannot_be_reached_registrations_get_503() -> None:
    both = pair()
    both.net.unreachable.add((EDGE_INNER, 7001))
    for stream in list(both.core.streams.values()):
        both.net._close(stream, both.core, "cut")
    both.net.run(1)
    phone = Phone(both.net, "bob", ("198.51.100.20", 5060), Hop("tls", EDGE, 5061, "inner"))
    assert phone.register() == 503
    response = phone.registered[-1][1]
    assert response is not None and response.get(b"retry-after") == b"10"


def test_credentials_are_not_used_twice() -> None:
    """A recorded REGISTER sent again from the same place gets a new challenge, though the core would say yes."""
    both = pair()
    bob = both.outside("bob", "udp")
    (recorded,) = [each.data for each in both.net.wire if each.source == "bob" and b"\nAuthorization" in each.data]
    again = recorded.replace(b"branch=z9hG4bK", b"branch=z9hG4bKagain").replace(b"Expires: 600", b"Expires: 0")
    bob.send(again)
    both.net.run(2)
    assert both.net.wire[-1].first == "SIP/2.0 401 Unauthorized" and b"stale=true" in both.net.wire[-1].data
    assert "bob@example.test" in core_rows(both)


@pytest.mark.parametrize(("user", "status"), [("bob", 200), ("dave", 403)])
@pytest.mark.parametrize("where", ["edge", "core"])
def test_allow_and_deny_lists(user: str, status: int, where: str) -> None:
    rules = {"allow": (("prefix", "bob@"), ("exact", "dave@example.test")), "deny": (("regex", "dave@.*"),)}
    if where == "edge":
        both = pair(registrations=(Registrations("example.test", "traversal", **rules),))  # type: ignore[arg-type]
    else:
        both = Pair(core={
            "users": users("bob", "dave"),
            "registrations": (Registrations("example.test", None, **rules),),  # type: ignore[arg-type]
        })  # fmt: skip
    hop = Hop("tls", EDGE if where == "edge" else "10.0.0.1", 5061, "inner")
    phone = Phone(both.net, user, ("198.51.100.20", 5060), hop)
    assert phone.register() == status


def test_a_strict_edge_says_421() -> None:
    """RFC 3327 §5.2: a proxy that needs Path says so to a phone that does not know it."""
    from seaway.core.sip.registrar import Bounds

    both = pair(registrar=Bounds(strict_path=True))
    phone = Phone(both.net, "bob", ("198.51.100.20", 5060), Hop("tls", EDGE, 5061, "inner"))
    assert phone.register() == 421
    response = phone.registered[-1][1]
    assert response is not None and response.get(b"require") == b"path"
    phone.register_headers = ("Supported: path",)
    assert phone.register() == 200


def test_a_path_token_is_worth_nothing_to_a_stranger() -> None:
    """Only the core may send requests over a phone's flow without credentials."""
    both = pair()
    both.outside("bob", "udp")
    (path,) = [
        header(each.data, "path")
        for each in both.net.wire
        if each.data.startswith(b"REGISTER") and b"\nPath" in each.data
    ]
    token = path[0].partition(":")[2].partition("@")[0]
    mallory = Phone(both.net, "mallory", ("198.51.100.66", 5060), Hop("udp", EDGE, 5060, "inner"))
    dialog = mallory.call("sip:bob@198.51.100.20:5060", SDP, f"Route: <sip:{token}@{EDGE}:5060;lr>")
    both.net.run(2)
    assert dialog.statuses[-1] == 407
