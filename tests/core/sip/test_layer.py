"""Matching, CANCEL, streams that close, failures and bounds of the transaction layer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from seaway.core.sip.io import Flow, Hop, Send, SendTo
from seaway.core.sip.states import State
from seaway.wire.sip.message import parse

from ...support.layers import Bench
from ...support.messages import as_response, flow, request, response

UDP = flow()


def cancel_of(branch: str = "z9hG4bKbranch1", **more: object) -> bytes:
    return request("CANCEL", branch=branch, **more)  # type: ignore[arg-type]


# -- matching (RFC 3261 §17.1.3, §17.2.3)


def test_a_request_is_matched_by_branch_and_sent_by() -> None:
    bench = Bench()
    bench.receive(request(), UDP)
    bench.receive(request(), UDP)
    assert bench.user.names() == ["request"]
    bench.receive(request(via="SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKbranch1;rport"), UDP)
    bench.receive(request(branch="z9hG4bKbranch2"), UDP)
    assert bench.user.names() == ["request"] * 3


def test_requests_without_the_magic_cookie_are_told_apart() -> None:
    """RFC 3261 §17.2.3, second half: peers of RFC 2543."""
    bench = Bench()
    via = "SIP/2.0/UDP 192.0.2.10:5060;branch=1"
    first = request(via=via)
    bench.receive(first, UDP)
    bench.receive(first, UDP)
    assert len(bench.user.events) == 1
    bench.receive(request(via=via, cseq=2), UDP)
    bench.receive(request(via=via, call_id="call-2"), UDP)
    bench.receive(request(via="SIP/2.0/UDP 192.0.2.10:5060", call_id="call-3"), UDP)
    bench.receive(request(via="SIP/2.0/UDP 192.0.2.10:5060", call_id="call-3"), UDP)
    assert len(bench.user.events) == 4
    server = bench.user.events[0][1]
    bench.layer.respond(server, response(first, 486), 486, bench.now)
    bench.receive(request("ACK", via=via), UDP)
    assert server.state is State.CONFIRMED


def test_the_same_branch_with_another_method_changes_nothing() -> None:
    bench = Bench()
    bench.receive(request(), UDP)
    bench.sent()
    bench.receive(request("BYE"), UDP)
    assert bench.user.names() == ["request"]
    assert bench.sent() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"z9hG4bKours1", b"z9hG4bKours2"),  # no such transaction
        lambda data: data.replace(b"1 INVITE", b"1 OPTIONS"),  # RFC 3261 §17.1.3: the method of CSeq counts
        lambda data: data.replace(b"1 INVITE", b"1 CANCEL"),
        lambda data: data.replace(b";branch=z9hG4bKours1", b""),
    ],
)
def test_stray_responses_are_dropped_and_counted(change: Callable[[bytes], bytes]) -> None:
    """R34."""
    bench = Bench()
    client, data = bench.client("INVITE", UDP)
    bench.sent()
    bench.receive(change(response(data, 200)), UDP)
    assert bench.sent() == []
    assert bench.user.events == []
    assert bench.counters["sip.response.stray"] == 1
    assert client.state is State.CALLING


@pytest.mark.parametrize("status", [100, 180, 200, 302, 404, 503, 600])
def test_responses_to_nothing(status: int) -> None:
    bench = Bench()
    bench.receive(response(request(via="SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKnever"), status), UDP)
    assert bench.user.events == []
    assert bench.sent() == []
    assert bench.counters["sip.response.stray"] == 1
    assert len(bench.layer) == 0


# -- ACK (RFC 3261 §17.1.1.3, §17.2.1; RFC 6026)


def test_the_ack_of_a_failure_is_built_from_the_invite() -> None:
    bench = Bench()
    client, _ = bench.client("INVITE", UDP)
    bench.sent()
    data = request(
        via="SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKwith-route", headers=["Route: <sip:a;lr>", "Route: <sip:b;lr>"]
    )
    client = bench.layer.send_request(b"z9hG4bKwith-route", b"INVITE", data, UDP, None, bench.now)
    bench.sent()
    bench.receive(response(data, 486, tag="xyz"), UDP)
    (ack,) = bench.sent()
    message, sent = parse(ack), parse(data)
    assert ack.startswith(b"ACK sip:bob@example.test SIP/2.0\r\n")
    assert message.all(b"via") == sent.all(b"via")
    assert message.all(b"route") == [b"<sip:a;lr>", b"<sip:b;lr>"]
    assert message.get(b"to") == b"<sip:bob@example.test>;tag=xyz"
    assert (message.get(b"cseq"), message.get(b"from")) == (b"1 ACK", sent.get(b"from"))
    assert client.state is State.COMPLETED


def test_every_2xx_is_passed_up_and_every_ack_of_it() -> None:
    """RFC 6026 §7.1, §7.2; a forked INVITE may be accepted twice."""
    bench = Bench()
    server = bench.server(request(), UDP)
    _, data = bench.client("INVITE", UDP)
    for tag in ("x", "x", "y"):
        bench.receive(response(data, 200, tag=tag), UDP)
        bench.layer.respond(server, response(request(), 200, tag=tag), 200, bench.now)
    assert [event[2] for event in bench.user.events if event[0] == "response"] == [200] * 3
    assert len([each for each in bench.sent() if each.startswith(b"SIP/2.0 200")]) == 3
    for branch in ("z9hG4bKack1", "z9hG4bKack2"):
        bench.receive(request("ACK", branch=branch), UDP)
    assert bench.user.names().count("ack") == 2


def test_no_2xx_after_a_failure_and_no_failure_after_a_2xx() -> None:
    for first, second in ((486, 200), (200, 486), (200, 180), (486, 180)):
        bench = Bench()
        server = bench.server(request(), UDP)
        bench.layer.respond(server, response(request(), first), first, bench.now)
        bench.sent()
        bench.layer.respond(server, response(request(), second), second, bench.now)
        assert bench.sent() == []


# -- CANCEL (RFC 3261 §9)


def test_cancel_of_a_pending_invite() -> None:
    bench = Bench()
    server = bench.server(request(), UDP)
    bench.receive(cancel_of(), UDP)
    (answer,) = bench.sent()
    assert as_response(answer).status == 200
    assert as_response(answer).get(b"cseq") == b"1 CANCEL"
    assert b";tag=" in (as_response(answer).get(b"to") or b"")
    assert bench.user.events[-1] == ("cancel", server)


def test_a_repeated_cancel_is_answered_again_and_told_once() -> None:
    bench = Bench()
    bench.server(request(), UDP)
    for _ in range(3):
        bench.receive(cancel_of(), UDP)
    answers = bench.sent()
    assert len(answers) == 3
    assert len(set(answers)) == 1
    assert bench.user.names() == ["request", "cancel"]


@pytest.mark.parametrize("final", [200, 486])
def test_cancel_after_the_final_response_changes_nothing(final: int) -> None:
    bench = Bench()
    server = bench.server(request(), UDP)
    bench.layer.respond(server, response(request(), final), final, bench.now)
    bench.sent()
    bench.receive(cancel_of(), UDP)
    assert [as_response(each).status for each in bench.sent()] == [200]
    assert bench.user.names() == ["request"]


def test_a_stray_cancel_gets_481_and_leaves_nothing() -> None:
    bench = Bench()
    for number in range(1000):
        bench.receive(cancel_of(f"z9hG4bKstray{number}"), UDP)
    assert [as_response(each).status for each in bench.sent()] == [481] * 1000
    assert len(bench.layer) == 0
    assert bench.layer.next_deadline() is None


def test_only_an_invite_can_be_cancelled() -> None:
    bench = Bench()
    bench.receive(request("OPTIONS"), UDP)
    bench.receive(cancel_of(), UDP)
    assert [as_response(each).status for each in bench.sent()] == [481]
    assert bench.user.names() == ["request"]


def test_our_cancel_and_its_invite_share_a_branch() -> None:
    bench = Bench()
    client, data = bench.client("INVITE", UDP)
    bench.receive(response(data, 180), UDP)
    cancel = data.replace(b"INVITE", b"CANCEL", 1).replace(b"1 INVITE", b"1 CANCEL")
    bench.layer.send_request(client.key, b"CANCEL", cancel, UDP, "cancel", bench.now)
    bench.user.events.clear()
    bench.receive(response(cancel, 200), UDP)
    assert bench.user.events[-1][3] == "cancel"
    bench.receive(response(data, 487), UDP)
    assert bench.user.events[-1][2:] == (487, "context")
    bench.run(40)
    assert len(bench.layer) == 0


# -- answers without state


def test_an_answer_without_state() -> None:
    bench = Bench()
    server = bench.server(request(), UDP)
    bench.layer.respond_once(server, response(request(), 407))
    assert [as_response(each).status for each in bench.sent()] == [407]
    assert len(bench.layer) == 0
    assert bench.layer.next_deadline() is None
    bench.layer.respond_once(server, response(request(), 407))
    assert bench.sent() == []


# -- transports


def test_a_hop_becomes_a_flow() -> None:
    bench = Bench()
    hop = Hop("tcp", "proxy.example.test", 5060, "inner")
    client, _ = bench.client("OPTIONS", hop)
    output = bench.outputs.popleft()
    assert isinstance(output, SendTo)
    stream = flow("tcp")
    bench.layer.sent_on(output.token, stream, bench.now)
    bench.layer.flow_closed(stream, bench.now)
    assert bench.user.events == [("failed", client, 503, "connection closed")]
    assert len(bench.layer) == 0


def test_a_hop_that_cannot_be_reached() -> None:
    bench = Bench()
    client, _ = bench.client("INVITE", Hop("tls", "proxy.example.test", 5061, "inner", "proxy.example.test"))
    bench.layer.send_failed(bench.outputs.popleft().token, "no address found", bench.now)
    assert bench.user.events == [("failed", client, 503, "no address found")]
    assert len(bench.layer) == 0
    bench.run(40)
    assert bench.user.names() == ["failed"]


def test_news_of_a_hop_after_the_transaction_ended() -> None:
    """The dial may take longer than timer B; then nothing of the transaction is kept."""
    for late in ("sent_on", "send_failed"):
        bench = Bench()
        bench.client("OPTIONS", Hop("tcp", "slow.example.test", 5060, "inner"))
        token = bench.outputs.popleft().token
        bench.run(33)
        assert bench.user.names() == ["failed"]
        if late == "sent_on":
            bench.layer.sent_on(token, flow("tcp"), bench.now)
        else:
            bench.layer.send_failed(token, "time-out", bench.now)
        assert bench.user.names() == ["failed"]
        assert not bench.layer._by_flow
        assert not bench.layer._tokens


def test_a_stream_that_closes_ends_what_waits_on_it_only() -> None:
    bench = Bench()
    one, other = flow("tcp"), flow("tcp")
    first, _ = bench.client("OPTIONS", one)
    second, data = bench.client("OPTIONS", other)
    bench.layer.flow_closed(one, bench.now)
    assert [event[1] for event in bench.user.events] == [first]
    bench.receive(response(data, 200), other)
    assert bench.user.events[-1][1] is second
    assert not bench.layer._by_flow


def test_an_unsent_ack_is_no_second_failure() -> None:
    """The INVITE went to a name over UDP and has its final response; that its ACK cannot be sent is nobody's news."""
    bench = Bench()
    hop = Hop("udp", "phone.example.test", 5060, "inner")
    _, data = bench.client("INVITE", hop)
    bench.outputs.clear()
    bench.receive(response(data, 486), UDP)
    bench.layer.send_failed(bench.outputs.popleft().token, "no address found", bench.now)
    assert bench.user.names() == ["response"]


class Story:
    """One INVITE through a proxy-like user on streams, as a list of steps; the caller's or callee's stream closes at
    any point (R31)."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.caller, self.callee = flow("tcp"), flow("tls")
        self.invite = request(transport="TCP")

    def steps(self, answer: int) -> list[object]:
        bench = self.bench

        def arrive() -> None:
            self.server = bench.server(self.invite, self.caller)

        def trying() -> None:
            bench.layer.respond(self.server, response(self.invite, 100), 100, bench.now)

        def send() -> None:
            self.client, self.data = bench.client("INVITE", self.callee)

        def up(status: int) -> object:
            def step() -> None:
                bench.receive(response(self.data, status), self.callee)
                bench.layer.respond(self.server, response(self.invite, status), status, bench.now)

            return step

        def cancel() -> None:
            bench.receive(cancel_of(transport="TCP"), self.caller)
            data = self.data.replace(b"INVITE", b"CANCEL", 1).replace(b"1 INVITE", b"1 CANCEL")
            bench.layer.send_request(self.client.key, b"CANCEL", data, self.callee, None, bench.now)

        def ack() -> None:
            bench.receive(request("ACK", transport="TCP"), self.caller)

        return [arrive, trying, send, up(100), up(180), up(183), cancel, up(answer), up(answer), ack, ack]

    def finish(self) -> None:
        self.bench.run(300)
        assert len(self.bench.layer) == 0
        assert not self.bench.layer._by_flow
        assert not self.bench.layer._tokens
        assert len(self.bench.layer._timers) == 0


@pytest.mark.parametrize("answer", [200, 487])
@pytest.mark.parametrize("side", ["caller", "callee"])
@pytest.mark.parametrize("point", range(12))
def test_a_stream_closes_at_any_point(point: int, side: str, answer: int) -> None:
    story = Story()
    closed: Flow | None = None
    for number, step in enumerate(story.steps(answer)):
        if number == point:
            closed = getattr(story, side)
            story.bench.layer.flow_closed(closed, story.bench.now)
        if closed is story.callee and step is not None and number > point and number in (3, 4, 5, 7, 8):
            continue  # nothing more comes from there
        step()  # type: ignore[operator]
        story.bench.run(0.05)
    if point >= 3:
        # Nobody else answers in this story, so the user of the layer does.
        story.bench.layer.respond(story.server, response(story.invite, 503), 503, story.bench.now)
    else:
        story.bench.layer.respond(story.server, response(story.invite, 487), 487, story.bench.now)
    story.finish()


# -- bounds


def test_the_number_of_server_transactions_is_bounded() -> None:
    """R69: what is over the limit is dropped and counted, and the next one after room is made is served."""
    bench = Bench(limit=10)
    for number in range(30):
        bench.receive(request("OPTIONS", branch=f"z9hG4bKb{number}"), UDP)
    assert len(bench.layer) == 10
    assert bench.counters["sip.request.over_limit"] == 20
    for event in list(bench.user.events):
        bench.layer.respond(event[1], response(request("OPTIONS"), 200), 200, bench.now)
    bench.run(33)
    assert len(bench.layer) == 0
    bench.receive(request("OPTIONS", branch="z9hG4bKafter"), UDP)
    assert len(bench.user.events) == 11


@pytest.mark.parametrize("seed", range(20))
def test_random_traffic_always_ends(seed: int) -> None:
    """Whatever comes in whatever order: after the longest time-out nothing is left, and no timer."""
    rng = random.Random(seed)
    bench = Bench()
    flows = [flow(), flow("tcp"), flow("tls")]
    closed: set[int] = set()
    ours: list[bytes] = []
    theirs: list[bytes] = []
    for _ in range(150):
        place = rng.choice(flows)
        action = rng.randrange(8)
        if action == 0:
            ours.append(bench.client(rng.choice(["INVITE", "OPTIONS"]), place)[1])
        elif action == 1:
            data = request(rng.choice(["INVITE", "MESSAGE"]), branch=f"z9hG4bKr{rng.randrange(20)}")
            theirs.append(data)
            bench.receive(data, place)
        elif action == 2 and ours:
            bench.receive(response(rng.choice(ours), rng.choice([100, 180, 200, 302, 404, 487, 603])), place)
        elif action == 3:
            servers = [event[1] for event in bench.user.events if event[0] == "request"]
            if servers:
                status = rng.choice([100, 183, 200, 404, 487])
                bench.layer.respond(rng.choice(servers), response(request(), status), status, bench.now)
        elif action == 4:
            bench.receive(request(rng.choice(["ACK", "CANCEL"]), branch=f"z9hG4bKr{rng.randrange(20)}"), place)
        elif action == 5 and theirs:
            bench.receive(rng.choice(theirs), place)
        elif action == 6:
            bench.run(rng.choice([0.1, 0.5, 3.0, 20.0]))
        elif action == 7 and place.reliable and rng.random() < 0.2:
            closed.add(place.id)
            bench.layer.flow_closed(place, bench.now)
    for event in bench.user.events:
        if event[0] == "request":  # a user answers everything in the end
            bench.layer.respond(event[1], response(request(), 500), 500, bench.now)
    bench.run(600)
    assert len(bench.layer) == 0
    assert not bench.layer._by_flow
    assert len(bench.layer._timers) == 0
    assert all(isinstance(each, Send) for each in bench.outputs)
