"""When transactions retransmit and when they give up (RFC 3261 §17, table 4; RFC 6026)."""

from __future__ import annotations

import pytest

from seaway.core.sip.io import Hop
from seaway.core.sip.states import State

from ...support.layers import Bench
from ...support.messages import flow, request, response

A = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # RFC 3261 §17.1.1.2: doubles without a limit until timer B
E = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]  # §17.1.2.2: doubles up to T2


def times(sent: list[tuple[float, bytes]]) -> list[float]:
    return [each for each, _ in sent]


def test_timer_a_and_b() -> None:
    bench = Bench()
    client, data = bench.client("INVITE", flow())
    assert bench.sent() == [data]
    sent = bench.run(40)
    assert times(sent) == A
    assert {each for _, each in sent} == {data}
    assert bench.user.events == [("failed", client, 408, "no answer in time")]
    assert len(bench.layer) == 0


def test_timer_b_is_at_32_seconds() -> None:
    bench = Bench()
    bench.client("INVITE", flow())
    bench.run(31.999)
    assert bench.user.events == []
    bench.run(0.001)
    assert bench.user.names() == ["failed"]


def test_timer_a_stops_at_the_first_provisional() -> None:
    bench = Bench()
    _, data = bench.client("INVITE", flow())
    bench.sent()
    assert times(bench.run(2)) == [0.5, 1.5]
    bench.receive(response(data, 100), flow())
    assert bench.run(170) == []
    assert bench.user.names() == ["response"]


def test_timer_e_and_f() -> None:
    bench = Bench()
    client, data = bench.client("OPTIONS", flow())
    bench.sent()
    sent = bench.run(40)
    assert times(sent) == E
    assert {each for _, each in sent} == {data}
    assert bench.user.events == [("failed", client, 408, "no answer in time")]
    assert len(bench.layer) == 0


def test_timer_e_is_t2_after_a_provisional() -> None:
    bench = Bench()
    _, data = bench.client("OPTIONS", flow())
    bench.sent()
    bench.run(0.2)
    bench.receive(response(data, 180), flow())
    # The interval that runs already ends first; then T2 each (§17.1.2.2), and timer F goes on from the start.
    assert times(bench.run(40)) == [0.3, 4.3, 8.3, 12.3, 16.3, 20.3, 24.3, 28.3]
    assert bench.user.names() == ["response", "failed"]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_no_retransmissions_on_streams(method: str) -> None:
    bench = Bench()
    client, data = bench.client(method, flow("tcp"))
    assert bench.sent() == [data]
    assert bench.run(31.9) == []
    assert bench.user.events == []
    bench.run(0.1)
    assert bench.user.events == [("failed", client, 408, "no answer in time")]
    assert len(bench.layer) == 0


def test_timer_g_and_h() -> None:
    bench = Bench()
    server = bench.server(request(), flow())
    answer = response(request(), 486)
    bench.layer.respond(server, answer, 486, bench.now)
    assert bench.sent() == [answer]
    sent = bench.run(40)
    assert times(sent) == E  # G doubles up to T2, as E does (§17.2.1)
    assert {each for _, each in sent} == {answer}
    assert bench.counters["sip.ack.missing"] == 1
    assert len(bench.layer) == 0


def test_timer_g_stops_at_the_ack_and_timer_i_absorbs_more() -> None:
    bench = Bench()
    server = bench.server(request(), flow())
    bench.layer.respond(server, response(request(), 486), 486, bench.now)
    bench.run(1)
    bench.receive(request("ACK"), flow())
    assert server.state is State.CONFIRMED
    assert bench.run(4.9) == []
    bench.receive(request("ACK"), flow())
    assert len(bench.layer) == 1
    bench.run(0.1)
    assert len(bench.layer) == 0, "timer I is T4 after the first ACK"
    assert bench.user.names() == ["request"], "the ACK of a non-2xx stays here"


def test_repeated_acks_start_timer_i_once() -> None:
    bench = Bench()
    server = bench.server(request(), flow())
    bench.layer.respond(server, response(request(), 486), 486, bench.now)
    for _ in range(100):
        bench.receive(request("ACK"), flow())
    assert len(bench.layer._timers) <= 2


def test_streams_wait_for_the_ack_without_retransmitting() -> None:
    bench = Bench()
    server = bench.server(request(transport="TCP"), flow("tcp"))
    bench.layer.respond(server, response(request(transport="TCP"), 486), 486, bench.now)
    bench.sent()
    assert bench.run(31.9) == []
    assert len(bench.layer) == 1
    bench.run(0.1)
    assert len(bench.layer) == 0
    assert bench.counters["sip.ack.missing"] == 1


def test_timer_d_answers_repeated_finals_with_ack() -> None:
    bench = Bench()
    _, data = bench.client("INVITE", flow())
    bench.sent()
    for _ in range(3):
        bench.receive(response(data, 404), flow())
    acks = bench.sent()
    assert len(acks) == 3
    assert all(each.startswith(b"ACK sip:bob@example.test SIP/2.0\r\n") for each in acks)
    assert bench.user.names() == ["response"]
    bench.run(31.9)
    assert len(bench.layer) == 1
    bench.run(0.1)
    assert len(bench.layer) == 0


def test_timers_j_and_k() -> None:
    bench = Bench()
    data = request("OPTIONS")
    server = bench.server(data, flow())
    bench.layer.respond(server, response(data, 200), 200, bench.now)
    bench.run(31.9)
    bench.sent()
    bench.receive(data, flow())
    assert bench.sent() == [response(data, 200)], "a retransmission gets the same answer"
    bench.run(0.1)
    assert len(bench.layer) == 0, "timer J"
    _, ours = bench.client("OPTIONS", flow())
    bench.receive(response(ours, 200), flow())
    bench.run(4.9)
    assert len(bench.layer) == 1
    bench.run(0.1)
    assert len(bench.layer) == 0, "timer K"


def test_timers_l_and_m() -> None:
    bench = Bench()
    server = bench.server(request(), flow())
    _, data = bench.client("INVITE", flow())
    bench.receive(response(data, 200), flow())
    bench.layer.respond(server, response(request(), 200), 200, bench.now)
    bench.sent()
    assert bench.run(31.9) == [], "neither retransmits: the two ends do (RFC 6026 §7.1)"
    assert len(bench.layer) == 2
    bench.run(0.1)
    assert len(bench.layer) == 0


def test_timer_c_asks_for_a_cancel_then_gives_up() -> None:
    """RFC 3261 §16.8: a proxy cancels a branch that rings for too long."""
    bench = Bench()
    client, data = bench.client("INVITE", flow())
    bench.receive(response(data, 180), flow())
    bench.user.events.clear()
    bench.run(180)
    assert bench.user.events == []
    bench.run(10)
    assert bench.user.events == [("timer_c", client)]
    assert len(bench.layer) == 1, "the 487 is still expected"
    bench.run(42)
    assert bench.user.events[1:] == [("failed", client, 408, "no final response in time")]
    assert len(bench.layer) == 0


def test_timer_c_starts_again_with_each_ringing() -> None:
    """RFC 3261 §16.7 step 2."""
    bench = Bench()
    _, data = bench.client("INVITE", flow())
    for _ in range(5):
        bench.run(100 if bench.user.events else 1)
        bench.receive(response(data, 180), flow())
    assert bench.user.names() == ["response"] * 5
    bench.run(100)
    bench.receive(response(data, 100), flow())  # 100 is hop by hop and says nothing of the phone
    bench.run(95)
    assert bench.user.names()[-1] == "timer_c"


def test_a_late_clock_does_not_break_the_schedule() -> None:
    """The owner may be late: nothing is sent twice at once, timer B is not earlier."""
    bench = Bench()
    bench.client("INVITE", flow())
    bench.sent()
    sends = 0
    for _ in range(40):
        bench.now += 1.037
        bench.layer.handle_timeout(bench.now)
        got = len(bench.sent())
        assert got <= 1
        sends += got
    assert 4 <= sends <= 6
    assert bench.user.names() == ["failed"]


def test_few_distinct_delays() -> None:
    """However many transactions at whatever times, the number of queues is small (next_deadline looks at each)."""
    bench = Bench()
    place = flow()
    for number in range(300):
        _, data = bench.client("INVITE" if number % 3 else "OPTIONS", place if number % 5 else flow("tcp"))
        if number % 2:
            bench.receive(response(data, 180), place)
        bench.run(0.137 * (number % 7))
    bench.run(400)
    assert len(bench.layer) == 0
    assert len(bench.layer._timers) == 0
    assert bench.queues <= 100


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_hop_that_is_still_dialled(transport: str) -> None:
    """A request on a hop repeats only over UDP; the time-out runs from the start in both."""
    bench = Bench()
    hop = Hop(transport, "proxy.example.test", 5060, "inner")  # type: ignore[arg-type]
    bench.client("OPTIONS", hop)
    bench.sent()
    assert times(bench.run(40)) == (E if transport == "udp" else [])
    assert bench.user.names() == ["failed"]
    assert len(bench.layer) == 0
