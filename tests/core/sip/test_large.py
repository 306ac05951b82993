"""RFC 3261 §18.1.1 in the proxy: a request above 1300 octets goes by TCP, and as a datagram when nobody listens."""

from __future__ import annotations

import pytest

from seaway.core.sip.carrier import LARGE
from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop

from ...support.messages import flow, header, request
from ...support.proxies import ProxyBench

CALLER = flow("udp", ("192.0.2.10", 5060))
PEER = flow("udp", ("192.0.2.20", 5060))
STREAM = Hop("tcp", "192.0.2.20", 5060, "inner")
BIG = b"x" * 1400


def bench(where: Flow | Hop = PEER) -> ProxyBench:
    made = ProxyBench([Target(b"sip:bob@192.0.2.20", where)])
    made.asked = []  # type: ignore[attr-defined]

    def stream_for(target: Target, where: Flow | Hop, now: float) -> Hop | None:
        made.asked.append(where)  # type: ignore[attr-defined]
        return STREAM

    made.proxy.carrier.stream_for = stream_for
    return made


def refused(made: ProxyBench) -> list[tuple[Flow | Hop, bytes]]:
    made.proxy.layer.send_failed(max(made.proxy.layer._tokens), "connection refused", made.now)
    return made.sent()


def copies(sent: list[tuple[Flow | Hop, bytes]]) -> list[tuple[Flow | Hop, bytes]]:
    return [each for each in sent if not each[1].startswith(b"SIP/2.0")]


def test_the_switch_is_where_the_rfc_has_it() -> None:
    made = bench()
    ((_, plain),) = copies(made.receive(request("INVITE", headers=["Contact: <sip:a@192.0.2.10>"]), CALLER))
    room = LARGE - len(plain) - len("1100") + 1
    for more, where, number in ((0, PEER, 2), (40, STREAM, 3)):
        data = request(
            "INVITE", headers=["Contact: <sip:a@192.0.2.10>"], body=b"x" * (room + more), branch=f"z9hG4bK{number}"
        )
        ((place, _),) = copies(made.receive(data, CALLER))
        assert place == where


def test_small_requests_are_not_even_looked_at() -> None:
    made = bench()
    made.receive(request("OPTIONS"), CALLER)
    assert made.asked == []  # type: ignore[attr-defined]


def test_via_and_record_route_are_those_of_tcp() -> None:
    made = bench()
    ((where, data),) = copies(made.receive(request("INVITE", body=BIG), CALLER))
    assert where == STREAM and header(data, "via")[0].startswith("SIP/2.0/TCP ")
    assert ";transport=tcp" in header(data, "record-route")[0] and made.counters["sip.large.by_tcp"] == 1


@pytest.mark.parametrize("where", [PEER, Hop("udp", "192.0.2.20", 5060, "inner")])
def test_refused_it_goes_as_a_datagram_and_tcp_is_not_tried_again_soon(where: Flow | Hop) -> None:
    made = bench(where)
    ((place, first),) = copies(made.receive(request("INVITE", body=BIG), CALLER))
    ((place, second),) = refused(made)
    assert place == where and header(second, "via")[0].startswith("SIP/2.0/UDP ")
    assert header(first, "via")[0].partition("branch=")[2] != header(second, "via")[0].partition("branch=")[2]
    made.answer(second, 200, PEER)
    assert made.finals == [200] and made.counters["sip.large.by_udp"] == 1
    ((place, _),) = copies(made.receive(request("INVITE", body=BIG, branch="z9hG4bK7"), CALLER))
    assert place == where
    made.now += 601
    ((place, _),) = copies(made.receive(request("INVITE", body=BIG, branch="z9hG4bK8"), CALLER))
    assert place == STREAM


def test_an_answer_over_tcp_is_an_answer() -> None:
    made = bench()
    ((_, data),) = copies(made.receive(request("INVITE", body=BIG), CALLER))
    token = max(made.proxy.layer._tokens)
    stream = flow("tcp", ("192.0.2.20", 5060))
    made.proxy.layer.sent_on(token, stream, made.now)
    made.answer(data, 503, stream)
    assert made.finals == [503]


def test_a_connection_that_ends_later_is_a_failure_and_not_sent_again() -> None:
    made = bench()
    made.receive(request("INVITE", body=BIG), CALLER)
    stream = flow("tcp", ("192.0.2.20", 5060))
    made.proxy.layer.sent_on(max(made.proxy.layer._tokens), stream, made.now)
    made.proxy.layer.flow_closed(stream, made.now)
    assert copies(made.sent()) == [] and made.finals == [503]


def test_cancelled_meanwhile_nothing_more_is_sent() -> None:
    made = bench()
    made.receive(request("INVITE", body=BIG), CALLER)
    made.receive(request("CANCEL"), CALLER)
    assert copies(refused(made)) == []
