"""REFER and Replaces by policy: carried over, carried out, refused (RFC 3515, RFC 3891, RFC 5589)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import CallRule, CallRules
from seaway.policy.cpl.read import read_script
from seaway.policy.search_settings import SearchRule
from seaway.policy.service import ServiceSettings

from ...support.messages import sdp
from ...support.ua import Came, Ua, values
from .bench import ALICE, BOB, CAROL, DAVE, SETTINGS, Bench

TO_CAROL = "Refer-To: <sip:carol@example.test>"


def fragments(ua: Ua) -> list[tuple[str, str]]:
    """(status line, subscription state) of each NOTIFY that came."""
    return [
        (each.body.decode().strip(), values(each.request, "subscription-state")[0].partition(";")[0])
        for each in ua.history
        if each.request.method == b"NOTIFY"
    ]


def referred(bench: Bench, *headers: str):  # type: ignore[no-untyped-def]
    """Alice talks to Bob, who refers her to Carol; Carol has got the INVITE."""
    alice, bob, one, other = bench.talking()
    carol = bench.ua("carol")
    bob.automatic[b"NOTIFY"] = 200
    refer = bob.ask(other, "REFER", b"", TO_CAROL, *headers)
    return alice, bob, carol, one, other, refer


def answers(bench: Bench, alice: Ua, carol: Ua) -> tuple[Came, Came]:
    """Carol takes the call with an offer, Alice answers it."""
    invited = carol.take("INVITE")
    carol.reply(invited, 180)
    bench.net.run(0.1)
    carol.reply(invited, 200, sdp(CAROL, 50000))
    asked = alice.take("INVITE")
    alice.reply(asked, 200, sdp(ALICE, 30020), tag=asked.request.require(b"to").partition(b"tag=")[2].decode())
    bench.net.run(0.5)
    return invited, asked


def test_a_transfer_is_carried_out() -> None:
    bench = Bench()
    alice, bob, carol, one, _, refer = referred(bench)
    invited, asked = answers(bench, alice, carol)
    assert refer.final == 202
    assert not invited.body and values(invited.request, "referred-by") == ["<sip:bob@example.test>"]
    assert values(invited.request, "from")[0].startswith("<sip:alice@example.test>;tag=")
    assert b"m=audio 360" in asked.body and CAROL.encode() not in asked.body
    (ack,) = carol.acks
    assert b"m=audio 360" in ack.body and ALICE.encode() not in ack.body
    assert fragments(bob) == [
        ("SIP/2.0 100 Trying", "active"), ("SIP/2.0 180 Ringing", "active"), ("SIP/2.0 200 OK", "terminated"),
    ]  # fmt: skip
    assert bob.history[-1].request.method == b"BYE", "the transferor is let go"
    assert len(bench.calls()) == 1 and bench.calls()[0]["callee"] == "carol@example.test"
    info = carol.ask(carol.dialog(invited), "INFO", b"x", content="text/plain")
    alice.reply(alice.take("INFO"), 200)
    bench.net.run(0.2)
    assert info.final == 200
    alice.ask(one, "BYE")
    bench.net.run(0.3)
    assert carol.history[-1].request.method == b"BYE"
    bench.over()
    assert {each["reason"] for each in bench.history()} == {"transferred", "hung up by the caller"}


def test_the_transferor_need_not_wait() -> None:
    bench = Bench()
    alice, bob, carol, one, other, _ = referred(bench)
    carol_call = carol.take("INVITE")
    bob.ask(other, "BYE")
    bench.net.run(0.2)
    assert len(bench.calls()) == 2, "the call goes on without the transferor"
    carol.reply(carol_call, 200, sdp(CAROL, 50000))
    asked = alice.take("INVITE")
    alice.reply(asked, 200, sdp(ALICE, 30020), tag=asked.request.require(b"to").partition(b"tag=")[2].decode())
    bench.net.run(0.3)
    assert len(carol.acks) == 1
    carol.ask(carol.dialog(carol_call), "BYE")
    bench.net.run(0.3)
    assert alice.history[-1].request.method == b"BYE"
    assert one is not None
    bench.over()


def test_the_new_party_refuses() -> None:
    bench = Bench()
    alice, bob, carol, one, _, refer = referred(bench)
    carol.reply(carol.take("INVITE"), 486)
    bench.net.run(0.5)
    assert refer.final == 202
    assert fragments(bob)[-1] == ("SIP/2.0 486 Busy Here", "terminated")
    info = alice.ask(one, "INFO", b"x", content="text/plain")
    bob.reply(bob.take("INFO"), 200)
    bench.net.run(0.2)
    assert info.final == 200, "the call is what it was"
    alice.ask(one, "BYE")
    bench.over()


def test_nobody_is_there() -> None:
    bench = Bench()
    _, bob, _, other = bench.talking()
    bob.automatic[b"NOTIFY"] = 200
    refer = bob.ask(other, "REFER", b"", "Refer-To: <sip:nobody@example.test>")
    bench.net.run(0.5)
    assert refer.final == 202
    assert fragments(bob)[-1] == ("SIP/2.0 404 Not Found", "terminated")
    assert len(bench.calls()) == 1


def script(action: str) -> CallPolicy:
    """`action` on calls to Carol."""
    switch = f'<address-switch field="destination"><address is="sip:carol@example.test">{action}</address>'
    return CallPolicy(script=read_script(f"<cpl><outgoing>{switch}</address-switch></outgoing></cpl>".encode()))


PLAN = (
    SearchRule(10, "registrations", pattern="carol@.*", authenticated=True),
    SearchRule(20, "registrations", pattern="bob@.*"),
)
BY_RULE = CallRule(10, "reject", "", None, "regex", "bob@.*", "prefix", "carol", 480)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"policy": CallPolicy(CallRules([BY_RULE]))}, 480),
        ({"policy": CallPolicy(CallRules([replace(BY_RULE, source="alice@.*")]))}, 0),
        ({"policy": CallPolicy(CallRules([replace(BY_RULE, authenticated=False)]))}, 0),
        ({"policy": script('<reject status="603"/>')}, 603),
        ({"policy": script('<location url="sip:else@example.test"><redirect/></location>')}, 403),
        ({"policy": script('<location url="sip:nobody@example.test"><proxy/></location>')}, 404),
        ({"search_rules": PLAN, "rules": (), "local_zone": SETTINGS}, 0),
        ({"search_rules": PLAN, "rules": (), "local_zone": replace(SETTINGS, authentication="do-not-check")}, 404),
        ({"search_rules": (SearchRule(10, "policy-service", pattern="carol@.*"), *PLAN[1:]), "rules": ()}, 404),
    ],
)
def test_by_refer_nobody_reaches_more_than_by_a_call(changes: dict[str, Any], status: int) -> None:
    """Neither call policy nor what only authenticated callers may is passed by."""
    bench = Bench(**changes)
    _, bob, carol, _, _, refer = referred(bench)
    bench.net.run(0.5)
    assert refer.final == 202 and len([each for each in carol.history if each.request.method == b"INVITE"]) == (
        not status
    )
    said = fragments(bob)[-1]
    assert said[0].startswith(f"SIP/2.0 {status or 100} ") and said[1] == ("terminated" if status else "active")


def test_a_policy_script_sends_a_referred_party_elsewhere() -> None:
    bench = Bench(policy=script('<location url="sip:dave@example.test"><proxy/></location>'))
    dave = bench.ua("dave")
    referred(bench)
    assert dave.take("INVITE")


def test_a_policy_service_is_asked_about_a_transfer() -> None:
    bench = Bench(policy=CallPolicy(service=ServiceSettings("https://policy.test/")))
    asked: list[tuple[str, str, str]] = []

    def answer(form: dict[str, str]) -> tuple[float, bytes | None, str]:
        asked.append((form["AUTHENTICATED_SOURCE_ALIAS"], form["DESTINATION_ALIAS"], form["METHOD"]))
        return 0.5, b"<cpl/>", ""

    bench.host.policy = answer
    alice, bob, sent, came = bench.calling()
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.5)
    carol = bench.ua("carol")
    bob.automatic[b"NOTIFY"] = 200
    bob.ask(bob.dialog(came), "REFER", b"", TO_CAROL)
    bench.net.run(0.1)
    assert asked[1:] == [("bob@example.test", "carol@example.test", "INVITE")]
    assert not [each for each in carol.history if each.request.method == b"INVITE"], "not before the answer"
    alice.ask(next(iter(sent.dialogs.values())), "BYE")
    bench.net.run(1.0)
    assert not [each for each in carol.history if each.request.method == b"INVITE"], "nobody waits for it any more"
    bench.over()


def test_the_party_that_stays_refuses() -> None:
    bench = Bench()
    alice, bob, carol, one, _, _ = referred(bench)
    invited = carol.take("INVITE")
    carol.reply(invited, 200, sdp(CAROL, 50000))
    asked = alice.take("INVITE")
    alice.reply(asked, 488)
    bench.net.run(0.5)
    assert carol.history[-1].request.method == b"BYE" and len(carol.acks) == 1
    assert fragments(bob)[-1] == ("SIP/2.0 488 Not Acceptable Here", "terminated")
    assert len(bench.calls()) == 1
    alice.ask(one, "BYE")
    bench.over()


def test_the_party_that_stays_hangs_up_meanwhile() -> None:
    bench = Bench()
    alice, bob, carol, one, _, _ = referred(bench)
    came = carol.take("INVITE")
    carol.reply(came, 180)
    bench.net.run(0.1)
    alice.ask(one, "BYE")
    bench.net.run(0.5)
    assert came.cancelled
    assert bob.history[-1].request.method == b"BYE"
    bench.over()


def test_a_transfer_before_the_callers_ack_has_come() -> None:
    """Found with SIPp: a callee that refers at once. The re-INVITE waits; 491 to it is tried again."""
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    carol = bench.ua("carol")
    alice.auto_ack = False
    bob.automatic[b"NOTIFY"] = 200
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    refer = bob.ask(bob.dialog(came), "REFER", b"", TO_CAROL)
    carol.reply(carol.take("INVITE"), 200, sdp(CAROL, 50000))
    bench.net.run(0.2)
    assert refer.final == 202 and not alice.inbox
    alice.ack(sent)
    tag = next(iter(sent.dialogs.values())).local_tag.decode()
    alice.reply(alice.take("INVITE", 5), 491, tag=tag)
    alice.reply(alice.take("INVITE", 5), 200, sdp(ALICE, 30020), tag=tag)
    bench.net.run(0.5)
    assert fragments(bob)[-1] == ("SIP/2.0 200 OK", "terminated")


def test_a_party_that_is_always_busy_ends_the_transfer() -> None:
    bench = Bench()
    alice, bob, carol, _, _, _ = referred(bench)
    carol.reply(carol.take("INVITE"), 200, sdp(CAROL, 50000))
    alice.automatic[b"INVITE"] = 491
    bench.net.run(30)
    assert fragments(bob)[-1] == ("SIP/2.0 491 Request Pending", "terminated")
    assert carol.history[-1].request.method == b"BYE" and len(bench.calls()) == 1


def test_no_subscription_when_none_is_wanted() -> None:
    """RFC 4488."""
    bench = Bench()
    alice, bob, carol, _, _, refer = referred(bench, "Refer-Sub: false", "Require: norefersub")
    answers(bench, alice, carol)
    assert refer.final == 202 and values(refer.last, "refer-sub") == ["false"]
    assert not fragments(bob)
    assert bob.history[-1].request.method == b"BYE"


def test_an_attended_transfer_joins_two_calls() -> None:
    """Bob talks to Alice and to Carol, and gives Carol to Alice: Replaces names his dialog of the other call."""
    bench = Bench()
    alice, bob, one, other = bench.talking()
    carol = bench.ua("carol")
    second = bob.start(carol.uri, sdp(BOB, 42000))
    came = carol.take("INVITE")
    carol.reply(came, 200, sdp(CAROL, 50000))
    bench.net.run(0.3)
    (dialog,) = second.dialogs.values()
    bob.automatic[b"NOTIFY"] = 200
    bob.inbox.clear()
    replaces = (
        f"{dialog.call_id.decode()}%3Bto-tag%3D{dialog.remote_tag.decode()}%3Bfrom-tag%3D{dialog.local_tag.decode()}"
    )
    refer = bob.ask(other, "REFER", b"", f"Refer-To: <sip:carol@example.test?Replaces={replaces}>")
    asked = carol.take("INVITE")
    assert not asked.body, "Carol is asked for an offer in the dialog that she has"
    carol.reply(asked, 200, sdp(CAROL, 50002), tag=carol.tag)
    joined = alice.take("INVITE")
    alice.reply(joined, 200, sdp(ALICE, 30020), tag=joined.request.require(b"to").partition(b"tag=")[2].decode())
    bench.net.run(0.5)
    assert refer.final == 202
    assert fragments(bob)[-1] == ("SIP/2.0 200 OK", "terminated")
    assert sum(each.request.method == b"BYE" for each in bob.history) == 2
    assert not any(each.request.method == b"BYE" for each in (*alice.history, *carol.history))
    info = alice.ask(one, "INFO", b"x", content="text/plain")
    carol.reply(carol.take("INFO"), 200)
    bench.net.run(0.2)
    assert info.final == 200
    alice.ask(one, "BYE")
    bench.net.run(0.3)
    assert carol.history[-1].request.method == b"BYE"
    bench.over()


def test_an_invite_with_replaces_takes_over() -> None:
    """RFC 3891: Dave takes Bob's place in the call with Alice."""
    bench = Bench()
    alice, bob, one, other = bench.talking()
    dave = bench.ua("dave")
    replaces = f"{other.call_id.decode()};to-tag={other.remote_tag.decode()};from-tag={other.local_tag.decode()}"
    sent = dave.start(alice.uri, sdp(DAVE, 60000), f"Replaces: {replaces}", "Require: replaces")
    asked = alice.take("INVITE")
    assert b"tag=" in asked.request.require(b"to"), "in the dialog that she has"
    alice.reply(asked, 200, sdp(ALICE, 30020), tag=asked.request.require(b"to").partition(b"tag=")[2].decode())
    bench.net.run(0.5)
    assert sent.final == 200
    assert bob.history[-1].request.method == b"BYE"
    info = dave.ask(next(iter(sent.dialogs.values())), "INFO", b"x", content="text/plain")
    alice.reply(alice.take("INFO"), 200)
    bench.net.run(0.2)
    assert info.final == 200 and len(bench.calls()) == 1
    alice.ask(one, "BYE")
    bench.net.run(0.3)
    assert dave.history[-1].request.method == b"BYE"
    bench.over()


def test_a_takeover_that_is_refused_changes_nothing() -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    dave = bench.ua("dave")
    replaces = f"{other.call_id.decode()};to-tag={other.remote_tag.decode()};from-tag={other.local_tag.decode()}"
    sent = dave.start(alice.uri, sdp(DAVE, 60000), f"Replaces: {replaces}")
    alice.reply(alice.take("INVITE"), 488)
    bench.net.run(0.5)
    assert sent.final == 488
    info = alice.ask(one, "INFO", b"x", content="text/plain")
    bob.reply(bob.take("INFO"), 200)
    bench.net.run(0.2)
    assert info.final == 200
    alice.ask(one, "BYE")
    bench.over()


def test_early_only_does_not_end_a_call_that_is_up() -> None:
    """RFC 3891 §3: 486."""
    bench = Bench()
    alice, _, _, other = bench.talking()
    dave = bench.ua("dave")
    replaces = f"{other.call_id.decode()};to-tag={other.remote_tag.decode()};from-tag={other.local_tag.decode()}"
    sent = dave.start(alice.uri, sdp(DAVE, 60000), f"Replaces: {replaces};early-only")
    bench.net.run(0.5)
    assert sent.final == 486


def test_refer_is_passed_on() -> None:
    bench = Bench(refer="pass")
    alice, bob, one, other = bench.talking()
    other.local_seq = 40
    refer = bob.ask(other, "REFER", b"", TO_CAROL, "Referred-By: <sip:bob@10.0.0.30:5060>")
    came = alice.take("REFER")
    assert values(came.request, "refer-to") == ["<sip:carol@example.test>"]
    assert values(came.request, "referred-by") == ["<sip:bob@example.test>"]
    alice.reply(came, 202)
    number = values(came.request, "cseq")[0].split()[0]
    fragment = b"SIP/2.0 180 Ringing\r\nContact: <sip:carol@10.0.0.40>\r\n"
    notify = alice.ask(
        one, "NOTIFY", fragment, f"Event: refer;id={number}", "Subscription-State: active", content="message/sipfrag"
    )
    seen = bob.take("NOTIFY")
    assert seen.body == b"SIP/2.0 180 Ringing\r\n", "what else is in it names places of the other side"
    assert values(seen.request, "event") == ["refer;id=41"], "the CSeq of the REFER on this leg"
    bob.reply(seen, 200)
    bench.net.run(0.2)
    assert refer.final == 202 and notify.final == 200


def test_refer_is_refused() -> None:
    bench = Bench(refer="refuse")
    alice, bob, _, other = bench.talking()
    refer = bob.ask(other, "REFER", b"", TO_CAROL)
    bench.net.run(0.2)
    assert refer.final == 403 and not alice.inbox


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("Refer-To: <tel:+15550100>", 416), ("Refer-To: <sip:carol@example.test;method=BYE>", 403),
        ("Refer-To: <sip:carol@example.test?Replaces=x>", 400), ("Refer-To: ", 400), ("X-None: 1", 400),
    ],
)  # fmt: skip
def test_a_refer_that_cannot_be_followed(target: str, status: int) -> None:
    bench = Bench()
    _, bob, _, other = bench.talking()
    refer = bob.ask(other, "REFER", b"", target)
    bench.net.run(0.2)
    assert refer.final == status
    assert len(bench.calls()) == 1
