"""The stateful proxy (RFC 3261 §16, RFC 5658)."""

from __future__ import annotations

import pytest

from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop
from seaway.wire.sip.message import parse

from ...support.messages import as_request, as_response, flow, header, request, response
from ...support.proxies import ProxyBench

CALLER = flow("udp", ("192.0.2.10", 5060))
BOB = flow("udp", ("192.0.2.20", 5060))
CAROL = flow("udp", ("192.0.2.30", 5060))
DAVE = flow("tcp", ("192.0.2.40", 5060))


def to(*flows: Flow, uri: bytes = b"sip:bob@192.0.2.20") -> list[Target]:
    return [Target(uri, each) for each in flows]


def forwarded(bench: ProxyBench, data: bytes, source: Flow = CALLER) -> list[bytes]:
    """The copies of `data` that went out (100 aside)."""
    return [each for _, each in bench.receive(data, source) if not each.startswith(b"SIP/2.0 100")]


def statuses(sent: list[tuple[Flow | Hop, bytes]], target: Flow = CALLER) -> list[int]:
    return [as_response(each).status for where, each in sent if where is target and each.startswith(b"SIP")]


def methods(sent: list[tuple[Flow | Hop, bytes]]) -> list[str]:
    return [each.split(b" ")[0].decode() for _, each in sent if not each.startswith(b"SIP")]


# -- what is changed, and what is not


def test_everything_unknown_passes_octet_for_octet() -> None:
    odd = [
        "X-Odd:  two  spaces\tand tab ", "x-lower: 1", "X-LOWER: 2", "Subject: \u00e9\u4e2d", "s: compact", "Accept: ",
        "Contact: \"A\\\"B\" <sip:a@192.0.2.10>;x=\"y;z\"", "X-Folded: one\r\n two\r\n\tthree", "Supported: a,  b ,c",
    ]  # fmt: skip
    body = bytes(range(256)) * 3
    data = request("MESSAGE", headers=odd, body=body)
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, data)
    assert copy.endswith(b"\r\n\r\n" + body)
    head = data.partition(b"\r\n\r\n")[0]
    begin = head.index(b"From:")
    assert head[begin:] in copy, "nothing from From on has changed"
    back = response(copy, 200, headers=("X-Odd:   kept ",), body=body)
    ((_, answer),) = bench.receive(back, BOB)
    after = back.partition(b"\r\n")[2].partition(b"\r\n")[2]  # without status line and our Via
    assert answer.endswith(after)
    assert answer.startswith(b"SIP/2.0 200 OK\r\n")


def test_the_request_line_via_and_max_forwards() -> None:
    bench = ProxyBench(to(BOB, uri=b"sip:bob@192.0.2.20:5070;x=y"))
    (copy,) = forwarded(bench, request("OPTIONS", via="SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKbranch1;rport"))
    assert copy.startswith(b"OPTIONS sip:bob@192.0.2.20:5070;x=y SIP/2.0\r\n")
    ours, caller = header(copy, "via")
    assert ours.startswith("SIP/2.0/UDP 198.51.100.1:5060;rport;branch=z9hG4bKb00t")
    assert caller == "SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKbranch1;rport=5060;received=192.0.2.10"
    assert header(copy, "max-forwards") == ["69"]
    assert header(copy, "record-route") == []


def test_each_branch_is_new() -> None:
    bench = ProxyBench(to(BOB, CAROL))
    branches = set()
    for number in range(20):
        for copy in forwarded(bench, request("OPTIONS", branch=f"z9hG4bK{number}")):
            branches.add(header(copy, "via")[0])
    assert len(branches) == 40


@pytest.mark.parametrize(
    ("value", "want"),
    [(None, "70"), (70, "69"), (255, "254"), ("070", "69"), (1, "0"), (0, 483), (256, 400), ("x", 400), ("-1", 400),
     (2**32, 400), ("9" * 100, 400), ("", 400)],
)  # fmt: skip
def test_max_forwards(value: int | str | None, want: str | int) -> None:
    """RFC 3261 §16.3 step 3, §16.6 step 3; R27."""
    bench = ProxyBench(to(BOB))
    sent = bench.receive(request("OPTIONS", max_forwards=value), CALLER)
    if isinstance(want, int):
        assert statuses(sent) == [want]
        assert len(bench.proxy.layer) == 0, "nothing is left of it"
    else:
        assert header(sent[0][1], "max-forwards") == [want]


@pytest.mark.parametrize("value", [0, 256])
def test_max_forwards_of_an_ack(value: int) -> None:
    bench = ProxyBench(to(BOB))
    try:
        assert bench.receive(request("ACK", max_forwards=value), CALLER) == []
    except ValueError:
        assert value == 256  # the owner counts it as malformed; an ACK is never answered
    assert len(bench.proxy.layer) == 0


def test_proxy_require() -> None:
    bench = ProxyBench(to(BOB))
    sent = bench.receive(request(headers=["Proxy-Require: foo, bar"]), CALLER)
    assert statuses(sent) == [420]
    assert header(sent[0][1], "unsupported") == ["foo, bar"]


def test_a_stream_gets_a_content_length() -> None:
    """RFC 3261 §16.6 step 9: over UDP it may be missing, on a stream the peer could not cut the message."""
    bench = ProxyBench(to(DAVE))
    (copy,) = forwarded(bench, request("MESSAGE", headers=["Content-Type: text/plain"], body=b"hello", length=False))
    assert header(copy, "content-length") == ["5"]
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request("MESSAGE", transport="TCP"), DAVE)
    bare = response(copy, 200).replace(b"Content-Length: 0\r\n", b"")
    ((where, answer),) = bench.receive(bare, BOB)
    assert where is DAVE and header(answer, "content-length") == ["0"]
    bench = ProxyBench(to(DAVE))
    bench.receive(request("ACK", length=False), CALLER)
    bench = ProxyBench(to(DAVE))
    ((_, ack),) = bench.receive(request("ACK", length=False), CALLER)
    assert header(ack, "content-length") == ["0"]


# -- Record-Route


def test_one_record_route_when_both_sides_are_the_same() -> None:
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request())
    (line,) = header(copy, "record-route")
    token = line.partition("<sip:")[2].partition("@")[0]
    assert line == f"<sip:{token}@198.51.100.1:5060;lr>"
    assert bench.tokens.check(token.encode(), b"call-1") == b"n"


@pytest.mark.parametrize(
    ("target", "first"),
    [
        (DAVE, "198.51.100.1:5060;transport=tcp"),
        (flow("tls"), "198.51.100.1:5061;transport=tls"),
        (flow("udp", nic="outer"), "[2001:db8::1]:5060"),
    ],
)
def test_two_record_routes_at_a_change_of_side(target: Flow, first: str) -> None:
    """RFC 5658: each side is told how it reaches us."""
    bench = ProxyBench([Target(b"sip:bob@192.0.2.20", target, b"fout")])
    bench.payload = b"uin"
    (copy,) = forwarded(bench, request())
    outbound, inbound = header(copy, "record-route")
    assert outbound.partition("@")[2] == f"{first};lr>"
    assert inbound.partition("@")[2] == "198.51.100.1:5060;lr>"
    payloads = [
        bench.tokens.check(each.partition("<sip:")[2].partition("@")[0].encode(), b"call-1")
        for each in (outbound, inbound)
    ]
    assert payloads == [b"fout", b"uin"]


def test_two_record_routes_when_only_the_tokens_differ() -> None:
    bench = ProxyBench([Target(b"sip:bob@192.0.2.20", BOB, b"ubob")])
    (copy,) = forwarded(bench, request())
    assert len(header(copy, "record-route")) == 2


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "REGISTER", "PUBLISH"])
def test_no_record_route_without_a_dialog(method: str) -> None:
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request(method))
    assert header(copy, "record-route") == []


def test_record_routes_of_others_stay_below_ours() -> None:
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request(headers=["Record-Route: <sip:other;lr>"]))
    assert header(copy, "record-route")[1:] == ["<sip:other;lr>"]


# -- Route


def token(bench: ProxyBench, payload: bytes = b"zedge", call_id: bytes = b"call-1") -> str:
    return bench.tokens.make(payload, call_id).decode()


def routed(bench: ProxyBench, *routes: str, uri: str = "sip:bob@192.0.2.20", method: str = "BYE") -> bytes:
    (copy,) = forwarded(bench, request(method, uri, headers=[f"Route: {each}" for each in routes]))
    return copy


def test_our_routes_are_removed_and_their_token_is_told() -> None:
    for spelling in (
        ["<sip:T@198.51.100.1:5060;lr>"],
        ["<sip:T@198.51.100.1:5061;transport=tls;lr>"],
        ["<SIP:T@198.51.100.1:5060;LR>"],
        ['"us" <sip:T@proxy.example.test;lr>'],
        ["<sip:T@PROXY.example.test:5060;lr=on>"],
        ["<sip:T@[2001:db8::1]:5060;lr>"],
        ["<sip:x@198.51.100.1:5060;lr>", "<sip:T@198.51.100.1:5060;lr>"],
        ["<sip:x@198.51.100.1:5060;lr>, <sip:T@198.51.100.1:5060;lr>"],
        ["<sip:T@198.51.100.1:5060;lr>\r\n ,<sip:next.example.test;lr>"],
    ):
        bench = ProxyBench(to(BOB))
        copy = routed(bench, *(each.replace("T@", token(bench) + "@") for each in spelling))
        assert bench.contexts[0].token == b"zedge", spelling
        assert b"198.51.100.1:506" not in b"".join(parse(copy).all(b"route"))
        assert len(header(copy, "route")) == (1 if "next" in spelling[0] else 0)


def test_the_routes_of_others_stay() -> None:
    bench = ProxyBench(to(BOB))
    copy = routed(
        bench, f"<sip:{token(bench)}@198.51.100.1:5060;lr>", "<sip:next.example.test;lr>", "<sip:198.51.100.1:5060;lr>"
    )
    assert header(copy, "route") == ["<sip:next.example.test;lr>", "<sip:198.51.100.1:5060;lr>"]
    bench = ProxyBench(to(BOB))
    routed(bench, "<sip:next.example.test;lr>", f"<sip:{token(bench)}@198.51.100.1:5060;lr>")
    assert bench.contexts[0].token is None, "the first Route is not ours"


@pytest.mark.parametrize(
    "user", ["", "zedge", "zedge.", ".", "zedge.0000000000000000", "n.{mac}", "zedge.{MAC}", "zedge.{mac}0", "{other}"]
)
def test_forged_tokens_are_no_tokens(user: str) -> None:
    bench = ProxyBench(to(BOB))
    mac = token(bench).rpartition(".")[2]
    user = user.format(mac=mac, MAC=mac.upper(), other=token(bench, call_id=b"call-2"))
    if user == f"zedge.{mac.upper()}" and mac == mac.upper():
        return
    routed(bench, f"<sip:{user}@198.51.100.1:5060;lr>" if user else "<sip:198.51.100.1:5060;lr>")
    assert bench.contexts[0].token is None


def test_a_token_of_another_node_is_none() -> None:
    bench = ProxyBench(to(BOB))
    from seaway.core.sip.tokens import RouteTokens

    foreign = RouteTokens(b"another secret..").make(b"zedge", b"call-1").decode()
    routed(bench, f"<sip:{foreign}@198.51.100.1:5060;lr>")
    assert bench.contexts[0].token is None


def test_strict_routing_is_undone() -> None:
    """RFC 3261 §16.4: the Request-URI is our Record-Route value, the last Route the real target."""
    bench = ProxyBench([])
    bench.hold = True
    data = request(
        "BYE", f"sip:{token(bench)}@198.51.100.1:5060;lr",
        headers=["Route: <sip:next.example.test;lr>", "Route: <sip:x@y>, <sip:bob@192.0.2.20:5070>"],
    )  # fmt: skip
    bench.receive(data, CALLER)
    (context,) = bench.contexts
    assert context.token == b"zedge"
    assert context.request.uri == b"sip:bob@192.0.2.20:5070"
    assert context.request.all(b"route") == [b"<sip:next.example.test;lr>", b"<sip:x@y>"]


def test_a_uri_that_is_ours_without_lr_is_no_strict_route() -> None:
    bench = ProxyBench([], hold=True)
    bench.receive(request("OPTIONS", "sip:x@198.51.100.1:5060", headers=["Route: <sip:a@b;lr>"]), CALLER)
    assert bench.contexts[0].request.uri == b"sip:x@198.51.100.1:5060"


@pytest.mark.parametrize("route", ["", "<>", "<sip:a@b", "<sip:a;lr>,", '"x', "<sip:198.51.100.1:5060;lr>,,<sip:b>"])
def test_a_route_that_cannot_be_read(route: str) -> None:
    bench = ProxyBench(to(BOB))
    sent = bench.receive(request("BYE", headers=[f"Route: {route}"]), CALLER)
    assert statuses(sent) == [400]
    assert len(bench.proxy.layer) == 0


# -- loops


def test_a_loop_is_482_and_a_spiral_passes() -> None:
    """RFC 3261 §16.3 step 4: what comes back unchanged is a loop; with another Request-URI it is not."""
    bench = ProxyBench(to(BOB, uri=b"sip:bob@example.test"))
    (copy,) = forwarded(bench, request())
    again = copy.replace(b"Via:", b"Via: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKfar\r\nVia:", 1)
    assert statuses(bench.receive(again, BOB), BOB) == [482]
    spiral = again.replace(b"INVITE sip:bob@example.test", b"INVITE sip:robert@example.test").replace(
        b"z9hG4bKfar", b"z9hG4bKfa2"
    )
    assert len(forwarded(bench, spiral, BOB)) == 1
    joined = again.replace(b"far\r\nVia: ", b"fa3,").replace(
        b"Via: SIP/2.0/UDP 192.0.2.10", b"Via: SIP/2.0/UDP 192.0.2.10"
    )
    assert statuses(bench.receive(joined, BOB), BOB) == [482], "also with all Vias on one line"


def test_a_new_request_of_the_same_call_is_no_loop() -> None:
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request())
    theirs = header(copy, "via")[0]
    data = request(via=["SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKfar", theirs], cseq=2)
    assert len(forwarded(bench, data, BOB)) == 1


# -- responses


def test_100_is_not_forwarded_and_the_rest_is() -> None:
    bench = ProxyBench(to(BOB))
    sent = bench.receive(request(), CALLER)
    assert statuses(sent) == [100], "our own, at once"
    copy = sent[1][1]
    assert bench.answer(copy, 100, BOB) == []
    for status in (180, 183, 183, 200, 200):
        assert statuses(bench.answer(copy, status, BOB)) == [status]
    assert bench.finals == [200]


@pytest.mark.parametrize("status", [302, 404, 486, 503, 600])
def test_a_failure_is_acknowledged_here_and_forwarded(status: int) -> None:
    bench = ProxyBench(to(BOB))
    copy = bench.receive(request(), CALLER)[1][1]
    sent = bench.answer(copy, status, BOB)
    assert methods(sent) == ["ACK"] and statuses(sent) == [status]
    assert len(header(sent[-1][1], "via")) == 1, "ours is gone"
    assert bench.receive(request("ACK"), CALLER) == []
    assert bench.finals == [status]
    bench.run(70)
    assert len(bench.proxy.layer) == 0


@pytest.mark.parametrize("wreck", ["no second via", "via cannot be split"])
def test_a_response_that_cannot_be_used_is_502(wreck: str) -> None:
    """The caller must not wait for ever because the callee's answer is broken."""
    bench = ProxyBench(to(BOB))
    copy = bench.receive(request("OPTIONS"), CALLER)[0][1]
    lines = response(copy, 200).split(b"\r\n")
    vias = [i for i, line in enumerate(lines) if line.startswith(b"Via")]
    if wreck == "no second via":
        del lines[vias[1]]
    else:
        lines[vias[0]] += b",,x"
    assert statuses(bench.receive(b"\r\n".join(lines), BOB)) == [502]
    bench.run(70)
    assert len(bench.proxy.layer) == 0


def test_no_answer_and_no_way() -> None:
    bench = ProxyBench(to(BOB))
    bench.receive(request(), CALLER)
    assert 408 in statuses(bench.run(33))
    bench = ProxyBench([Target(b"sip:bob@x", Hop("tcp", "x", 5060, "inner"))])
    bench.proxy.layer._outputs = bench.outputs
    bench.receive(request(), CALLER)
    bench.proxy.layer.send_failed(1, "no address", bench.now)
    assert statuses(bench.sent()) == [503]


# -- forking


def fork(*flows: Flow) -> tuple[ProxyBench, list[bytes]]:
    bench = ProxyBench(to(*flows))
    return bench, forwarded(bench, request())


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [(486, 404, 486), (404, 486, 486), (503, 404, 404), (404, 503, 404), (302, 404, 302), (401, 404, 401),
     (404, 407, 407), (404, 603, 603), (603, 404, 603), (500, 503, 500), (415, 486, 415), (484, 480, 484)],
)  # fmt: skip
def test_the_best_response(first: int, second: int, best: int) -> None:
    """RFC 3261 §16.7 step 6: 6xx, else the lowest class; in 4xx what can be acted upon."""
    bench, copies = fork(BOB, CAROL)
    assert statuses(bench.answer(copies[0], first, BOB)) == []
    assert statuses(bench.answer(copies[1], second, CAROL)) == [best]
    assert bench.finals == [best]


def test_a_2xx_cancels_the_others() -> None:
    bench, copies = fork(BOB, CAROL, DAVE)
    bench.answer(copies[0], 180, BOB)
    bench.answer(copies[2], 180, DAVE)
    sent = bench.answer(copies[0], 200, BOB)
    assert statuses(sent) == [200]
    assert [(where, data.split(b" ")[0]) for where, data in sent if where is not CALLER] == [(DAVE, b"CANCEL")]
    sent = bench.answer(copies[1], 180, CAROL)  # CANCEL may go only now (§9.1)
    assert (CAROL, "CANCEL") in [(where, data.split(b" ")[0].decode()) for where, data in sent]
    assert statuses(bench.answer(copies[1], 487, CAROL)) == []
    assert statuses(bench.answer(copies[2], 200, DAVE, tag="dave")) == [200], "a late 2xx always passes"
    assert bench.finals == [200]
    bench.run(70)
    assert len(bench.proxy.layer) == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_6xx_cancels_the_others_and_wins(order: tuple[int, int, int]) -> None:
    """Whichever branch it comes on, also after other failures."""
    bench, copies = fork(BOB, CAROL, flow())
    for copy in copies:
        bench.answer(copy, 180, BOB)
    declined, busy, last = order
    bench.answer(copies[busy], 486, BOB)
    sent = bench.answer(copies[declined], 603, BOB)
    assert methods(sent).count("CANCEL") == 1
    assert statuses(sent) == []
    assert statuses(bench.answer(copies[last], 487, BOB)) == [603]


def test_only_an_invite_is_cancelled() -> None:
    bench = ProxyBench(to(BOB, CAROL))
    copies = forwarded(bench, request("MESSAGE"))
    bench.answer(copies[1], 180, CAROL)
    sent = bench.answer(copies[0], 200, BOB)
    assert statuses(sent) == [200] and methods(sent) == []
    assert bench.answer(copies[1], 404, CAROL) == []
    assert bench.finals == [200]
    bench.run(70)
    assert len(bench.proxy.layer) == 0


# -- CANCEL


def test_cancel_waits_for_the_first_provisional() -> None:
    bench, copies = fork(BOB)
    sent = bench.receive(request("CANCEL"), CALLER)
    assert statuses(sent) == [200] and methods(sent) == []
    sent = bench.answer(copies[0], 100, BOB)
    assert methods(sent) == ["CANCEL"]
    cancel, invite = as_request(sent[0][1]), as_request(copies[0])
    assert cancel.require(b"via") == invite.require(b"via")
    assert cancel.uri == invite.uri
    assert methods(bench.answer(copies[0], 180, BOB)) == [], "once"
    bench.receive(response(sent[0][1], 200), BOB)
    assert statuses(bench.answer(copies[0], 487, BOB)) == [487]
    assert bench.finals == [487]


def test_cancel_crosses_the_2xx() -> None:
    bench, copies = fork(BOB)
    bench.answer(copies[0], 180, BOB)
    assert methods(bench.receive(request("CANCEL"), CALLER)) == ["CANCEL"]
    assert statuses(bench.answer(copies[0], 200, BOB)) == [200]
    bench.run(70)
    assert len(bench.proxy.layer) == 0


def test_cancel_before_anything_was_forwarded() -> None:
    bench = ProxyBench(to(BOB), hold=True)
    bench.receive(request(), CALLER)
    sent = bench.receive(request("CANCEL"), CALLER)
    assert statuses(sent) == [200, 487]
    bench.proxy.forward(bench.held[0], bench.targets, bench.now)
    assert bench.sent() == [], "what was held stays here"
    assert bench.finals == [487]


def test_a_phone_that_ignores_cancel() -> None:
    """RFC 3261 §9.1: after 64*T1 the proxy gives up, long before timer C."""
    bench, copies = fork(BOB)
    bench.answer(copies[0], 180, BOB)
    (cancel,) = [data for _, data in bench.receive(request("CANCEL"), CALLER) if data.startswith(b"CANCEL")]
    bench.receive(response(cancel, 200), BOB)
    sent = []
    for _ in range(5):
        sent += bench.run(10)
        bench.answer(copies[0], 180, BOB)
    assert 408 in statuses(sent)
    bench.receive(request("ACK"), CALLER)
    bench.run(70)
    assert len(bench.proxy.layer) == 0


def test_timer_c_cancels_and_then_487() -> None:
    bench, copies = fork(BOB)
    bench.answer(copies[0], 180, BOB)
    sent = bench.run(195)
    assert "CANCEL" in methods(sent) and statuses(sent) == []
    assert statuses(bench.answer(copies[0], 487, BOB)) == [487]


# -- ACK


def test_the_ack_of_a_2xx_is_sent_on_without_state() -> None:
    bench = ProxyBench(to(BOB))
    copy = bench.receive(request(), CALLER)[1][1]
    bench.answer(copy, 200, BOB)
    before = len(bench.proxy.layer)
    route = f"Route: <sip:{token(bench, b'n')}@198.51.100.1:5060;lr>"
    ((where, ack),) = bench.receive(request("ACK", "sip:bob@192.0.2.20", branch="z9hG4bKack", headers=[route]), CALLER)
    assert where is BOB
    assert bench.acks[0][1] == b"n"
    assert header(ack, "max-forwards") == ["69"] and header(ack, "route") == []
    assert len(header(ack, "via")) == 2 and len(bench.proxy.layer) == before


def test_a_stray_ack_carries_no_token() -> None:
    bench = ProxyBench([])
    bench.receive(request("ACK", headers=["Route: <sip:n.0011223344556677@198.51.100.1:5060;lr>"]), CALLER)
    assert bench.acks[0][1] is None
    assert bench.sent() == []


# -- strangers


def test_no_amplification_and_no_state_before_admission() -> None:
    bench = ProxyBench(to(BOB))
    headers = tuple((b"Proxy-Authenticate", b"Digest " + b"x" * 120) for _ in range(2))
    bench.route = lambda context, now: bench.proxy.reject(context, 407, now, headers=headers)  # type: ignore[method-assign]
    data = request()
    sent = bench.receive(data, CALLER)
    assert statuses(sent) == [407] and len(sent[0][1]) <= 3 * len(data)
    assert bench.run(40) == [], "an answer to a forged source is not repeated"
    assert len(bench.proxy.layer) == 0
    lines = (b"INVITE sip:a@b SIP/2.0", b"v:SIP/2.0/UDP a;branch=z9hG4bK1", b"f:<sip:a@b>", b"t:<sip:a@b>", b"i:1")
    small = b"\r\n".join((*lines, b"CSeq:1 INVITE", b"l:0", b"", b""))
    assert bench.receive(small, CALLER) == []
    assert bench.counters["sip.response.too_large"] == 1
    assert len(bench.proxy.layer) == 0
    assert statuses(bench.receive(small.replace(b"UDP", b"TCP"), DAVE), DAVE) == [407], "no forged source on a stream"


# -- RFC 4320


def test_a_request_that_is_no_invite_never_gets_408() -> None:
    """RFC 4320 §4.2: who asked has given up by then; nothing is kept of it either."""
    bench = ProxyBench(to(BOB))
    forwarded(bench, request("OPTIONS"))
    assert statuses(bench.run(70)) == []
    assert bench.counters["sip.response.too_late"] == 1 and bench.finals == [408] and len(bench.proxy.layer) == 0


def test_with_time_left_it_gets_504() -> None:
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request("OPTIONS"))
    assert statuses(bench.answer(copy, 408, BOB)) == [504]


def test_an_invite_gets_its_408() -> None:
    """The twin."""
    bench = ProxyBench(to(BOB))
    (copy,) = forwarded(bench, request("INVITE"))
    assert statuses(bench.answer(copy, 408, BOB)) == [408]
