"""Inside a call: hold, new streams, glare, UPDATE, INFO, MESSAGE, and requests out of order."""

from __future__ import annotations

import pytest

from ...support.messages import sdp
from ...support.ua import values
from .bench import ALICE, BOB, Bench


def direction(body: bytes) -> bytes:
    return next(
        line[2:] for line in body.split(b"\r\n") if line in (b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive")
    )


def version(body: bytes) -> list[int]:
    line = next(line for line in body.split(b"\r\n") if line.startswith(b"o="))
    return [int(each) for each in line.split(b" ")[1:3]]


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hold_and_resume(who: str) -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    near, far, dialog, place, port = (
        (alice, bob, one, ALICE, 30000) if who == "caller" else (bob, alice, other, BOB, 40000)
    )
    far_place, far_port = (BOB, 40000) if who == "caller" else (ALICE, 30000)
    before = [each.body for each in far.history if each.body] or [b""]
    for sign, back in ((b"a=sendonly", b"a=recvonly"), (b"a=sendrecv", b"a=sendrecv")):
        sent = near.ask(dialog, "INVITE", sdp(place, port).replace(b"a=sendrecv", sign))
        came = far.take("INVITE")
        assert direction(came.body) == sign[2:]
        far.reply(came, 200, sdp(far_place, far_port).replace(b"a=sendrecv", back))
        bench.net.run(0.3)
        assert sent.final == 200 and direction(sent.last.body) == back[2:]
        if before[-1]:
            assert version(came.body)[0] == version(before[-1])[0]
            assert version(came.body)[1] == version(before[-1])[1] + 1
        before.append(came.body)
    near.ask(dialog, "BYE")
    bench.over()


def test_hold_the_old_way() -> None:
    """c=0.0.0.0 (RFC 3264 §8.4): our own address goes into c=, so the direction has to say it; nothing is sent to
    0.0.0.0."""
    bench = Bench()
    alice, bob, dialog, _ = bench.talking()
    told = len(bench.relay.remotes)
    sent = alice.ask(dialog, "INVITE", sdp("0.0.0.0", 30000))
    came = bob.take("INVITE")
    assert direction(came.body) == b"sendonly" and b"0.0.0.0" not in came.body
    bob.reply(came, 200, sdp(BOB, 40000).replace(b"a=sendrecv", b"a=recvonly"))
    bench.net.run(0.3)
    assert sent.final == 200
    assert all(each.rtp[0] != "0.0.0.0" for each in bench.relay.remotes[told:])


def test_a_refused_offer_changes_nothing() -> None:
    bench = Bench()
    alice, bob, dialog, _ = bench.talking()
    sent = alice.ask(dialog, "INVITE", sdp(ALICE, 31000))
    bob.reply(bob.take("INVITE"), 488)
    bench.net.run(0.3)
    assert sent.final == 488
    last = [each.rtp for each in bench.relay.remotes if each.leg == "a"][-1]
    assert last == (ALICE, 30000), "the relay is told the old place again"
    again = alice.ask(dialog, "INVITE", sdp(ALICE, 31000))
    bob.reply(bob.take("INVITE"), 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert again.final == 200


def test_more_media_keep_number_and_order() -> None:
    bench = Bench()
    alice, bob, dialog, _ = bench.talking()
    extra = (
        b"m=video 0 RTP/AVP 96\r\nm=application 5070 UDP/BFCP *\r\na=floorctrl:c-only\r\na=confid:1\r\na=userid:2\r\n"
        b"m=application 5072 RTP/AVP 100\r\na=rtpmap:100 H224/4800\r\nm=application 9 TCP/BFCP *\r\na=setup:actpass\r\n"
        b"m=application 5074 UDP/UNKNOWN x\r\na=odd:kept\r\n"
    )
    sent = alice.ask(dialog, "INVITE", sdp(ALICE, 30000) + extra)
    came = bob.take("INVITE")
    lines = [line for line in came.body.split(b"\r\n") if line.startswith(b"m=")]
    shapes = [(line.split(b" ")[0], line.split(b" ")[2]) for line in lines]
    assert shapes == [
        (b"m=audio", b"RTP/AVP"), (b"m=video", b"RTP/AVP"), (b"m=application", b"UDP/BFCP"),
        (b"m=application", b"RTP/AVP"), (b"m=application", b"TCP/BFCP"), (b"m=application", b"UDP/UNKNOWN"),
    ]  # fmt: skip
    ports = [int(line.split(b" ")[1]) for line in lines]
    assert ports[1] == 0 and ports[4] == 0, "refused, and over TCP, which the relay does not carry"
    assert all(port >= 36000 for port in (ports[0], ports[2], ports[3], ports[5]))
    told = {each.stream: each.opaque for each in bench.relay.remotes if each.leg == "a"}
    assert told == {0: False, 2: True, 3: False, 5: True}, "BFCP and what nobody knows is no RTP, H.224 is"
    for kept in (b"a=floorctrl:c-only", b"a=confid:1", b"a=rtpmap:100 H224/4800", b"a=odd:kept"):
        assert kept in came.body
    answer = came.body.replace(b"10.0.0.1", BOB.encode())
    bob.reply(came, 200, answer)
    bench.net.run(0.3)
    assert sent.final == 200 and sent.last.body.count(b"m=") == 6
    assert any(each.event == "media.not_carried" for each in bench.host.log)


def test_late_offer_in_a_re_invite() -> None:
    bench = Bench()
    alice, bob, dialog, _ = bench.talking()
    alice.ack_body = sdp(ALICE, 30010)
    sent = alice.ask(dialog, "INVITE")
    came = bob.take("INVITE")
    assert not came.body
    acks = len(bob.acks)
    bob.reply(came, 200, sdp(BOB, 40010))
    bench.net.run(0.3)
    assert sent.final == 200 and sent.last.body
    assert len(bob.acks) == acks + 1 and bob.acks[-1].body
    assert not bench.core._b2bua._legs[dialog.call_id][0].busy


def test_glare_both_sides_change_at_once() -> None:
    """RFC 3261 §14.1: each gets 491 and tries again; the owner of the Call-ID later."""
    bench = Bench()
    alice, bob, one, other = bench.talking()
    first = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    second = bob.ask(other, "INVITE", sdp(BOB, 40010))
    bench.net.run(0.2)
    assert second.final == 491
    came = bob.take("INVITE")
    bob.reply(came, 491)
    bench.net.run(0.2)
    assert first.final == 491
    again = bob.ask(other, "INVITE", sdp(BOB, 40010))
    alice.reply(alice.take("INVITE"), 200, sdp(ALICE, 30000))
    bench.net.run(0.3)
    assert again.final == 200


def test_a_second_invite_before_the_first_is_answered() -> None:
    """RFC 3261 §14.2: 500 with Retry-After of 0 to 10 seconds."""
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    first = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    bench.net.run(0.1)
    second = alice.ask(one, "INVITE", sdp(ALICE, 30012))
    bench.net.run(0.2)
    assert second.final == 500 and 0 <= int(values(second.last, "retry-after")[0]) <= 10
    bob.reply(bob.take("INVITE"), 200, sdp(BOB, 40000))
    bench.net.run(0.2)
    assert first.final == 200


def test_cancel_of_a_re_invite() -> None:
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    sent = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    came = bob.take("INVITE")
    bob.reply(came, 180)
    bench.net.run(0.2)
    alice.cancel_call(sent)
    bench.net.run(0.5)
    assert came.cancelled and sent.final == 487
    assert len(bench.calls()) == 1
    alice.ask(one, "BYE")
    bench.over()


def test_bye_while_a_re_invite_is_open() -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    sent = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    bob.take("INVITE")
    bob.ask(other, "BYE")
    bench.net.run(0.5)
    assert sent.final == 487
    assert alice.history[-1].request.method == b"BYE"
    bench.over()


def test_a_re_invite_that_finds_no_dialog_ends_the_call() -> None:
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    sent = alice.ask(one, "INVITE", sdp(ALICE, 30010))
    bob.reply(bob.take("INVITE"), 481)
    bench.net.run(0.5)
    assert sent.final == 500
    assert alice.history[-1].request.method == b"BYE"
    bench.over()


def test_an_update_for_a_peer_without_update_is_a_re_invite() -> None:
    bench = Bench()
    alice, bob, one, _ = bench.talking("Allow: INVITE, UPDATE")
    sent = alice.ask(one, "UPDATE", sdp(ALICE, 30010))
    came = bob.take("INVITE")
    bob.reply(came, 200, sdp(BOB, 40010))
    bench.net.run(0.3)
    assert sent.final == 200 and b"m=audio 360" in sent.last.body
    assert len(bob.acks) == 2


def test_update_is_passed_on() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    bob.reply(came, 200, sdp(BOB, 40000), "Allow: INVITE, UPDATE")
    bench.net.run(0.3)
    one = sent.dialogs[next(iter(sent.acked))]
    update = alice.ask(one, "UPDATE", sdp(ALICE, 30010))
    bob.reply(bob.take("UPDATE"), 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert update.final == 200
    refused = alice.ask(one, "UPDATE", sdp(ALICE, 30020))
    bob.reply(bob.take("UPDATE"), 488)
    bench.net.run(0.3)
    assert refused.final == 488
    assert [each.rtp for each in bench.relay.remotes if each.leg == "a"][-1] == (ALICE, 30010)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_info_and_message(who: str) -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    near, far, dialog = (alice, bob, one) if who == "caller" else (bob, alice, other)
    info = near.ask(dialog, "INFO", b"Signal=5\r\nDuration=160\r\n", content="application/dtmf-relay")
    came = far.take("INFO")
    assert came.body == b"Signal=5\r\nDuration=160\r\n"
    assert values(came.request, "content-type") == ["application/dtmf-relay"]
    far.reply(came, 200)
    text = near.ask(dialog, "MESSAGE", b"hello", content="text/plain")
    came = far.take("MESSAGE")
    far.reply(came, 415)
    bench.net.run(0.3)
    assert info.final == 200 and text.final == 415


def test_a_body_without_description_is_not_taken_where_an_offer_may_be() -> None:
    """RFC 3261 §21.4.13. A description in a multipart body is taken (tests/call/test_multipart_bodies.py)."""
    bench = Bench()
    body = b"--x\r\nContent-Type: message/sip\r\n\r\n" + sdp(ALICE, 30000) + b"\r\n--x--\r\n"
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, body, content="multipart/mixed;boundary=x")
    bench.net.run(0.5)
    assert sent.final == 415 and values(sent.last, "accept") == ["application/sdp"] and not bob.history
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    bob.reply(bob.take("INVITE"), 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    one = sent.dialogs[next(iter(sent.acked))]
    for method in ("INVITE", "UPDATE"):
        again = alice.ask(one, method, body, content="multipart/mixed;boundary=x")
        bench.net.run(0.3)
        assert again.final == 415
    assert len(bob.history) == 1


def test_credentials_for_this_node_go_no_further() -> None:
    """A phone that sends what it was asked for at the beginning with each request (RFC 3261 §22.3)."""
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    ours = 'Proxy-Authorization: Digest username="alice", realm="example.test", nonce="n", uri="x", response="r"'
    theirs = 'Proxy-Authorization: Digest username="alice", realm="elsewhere", nonce="n", uri="x", response="r"'
    alice.ask(one, "INFO", b"x", ours, theirs, content="text/plain")
    info = bob.take("INFO")
    assert [each.count("elsewhere") for each in values(info.request, "proxy-authorization")] == [1]
    bob.reply(info, 200)
    alice.ask(one, "INVITE", sdp(ALICE, 30010), ours)
    assert not values(bob.take("INVITE").request, "proxy-authorization")
    assert not values(bob.history[0].request, "proxy-authorization"), "nor did those of the first INVITE"


def test_telephone_event_passes_untouched() -> None:
    bench = Bench()
    event = ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16")
    _, bob, sent, came = bench.calling(sdp(ALICE, 30000, *event))
    assert all(line.encode() in came.body for line in event)
    bob.reply(came, 200, sdp(BOB, 40000, *event))
    bench.net.run(0.2)
    assert all(line.encode() in sent.last.body for line in event)


def test_a_request_out_of_order() -> None:
    """RFC 3261 §12.2.2."""
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    one.local_seq = 10
    alice.ask(one, "INFO", b"x", content="text/plain")
    bob.reply(bob.take("INFO"), 200)
    one.local_seq = 3
    late = alice.ask(one, "INFO", b"x", content="text/plain")
    bench.net.run(0.2)
    assert late.final == 500


def test_no_408_for_what_is_no_invite() -> None:
    """RFC 4320 §4.2."""
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    info = alice.ask(one, "INFO", b"x", content="text/plain")
    bob.take("INFO")
    bench.net.run(40)
    assert 408 not in [each.status for each in info.responses]


def test_subscribe_inside_a_call_is_not_carried() -> None:
    bench = Bench()
    alice, bob, one, _ = bench.talking()
    sent = alice.ask(one, "SUBSCRIBE", b"", "Event: presence")
    bench.net.run(0.2)
    assert sent.final == 405 and values(sent.last, "allow")
    assert not any(each.request.method == b"SUBSCRIBE" for each in bob.history)


def test_the_remote_target_is_refreshed() -> None:
    bench = Bench()
    alice, bob, one, other = bench.talking()
    sent = alice.ask(one, "INVITE", sdp(ALICE, 30010), "Contact: <sip:moved@10.0.0.20:5060>")
    bob.reply(bob.take("INVITE"), 200, sdp(BOB, 40000))
    bench.net.run(0.3)
    assert sent.final == 200
    bob.ask(other, "INFO", b"x", content="text/plain")
    assert alice.take("INFO").request.uri == b"sip:moved@10.0.0.20:5060"
