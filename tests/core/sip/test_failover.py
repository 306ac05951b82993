"""RFC 3263 §4.3 in the proxy: targets are located, and the next hop is tried when one fails."""

from __future__ import annotations

import pytest

from seaway.core.dns.io import Answer
from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop, Place

from ...support.messages import as_request, as_response, flow, header, request
from ...support.proxies import ProxyBench

CALLER = flow("udp", ("192.0.2.10", 5060))
BOB = b"sip:bob@b.test"
PLACE = Place("b.test", "inner", 5060, "tcp")
FIRST, SECOND = (Hop("tcp", f"192.0.2.{n}", 5060, "inner") for n in (21, 22))
SERVER = flow("tcp", ("192.0.2.22", 5060))


def located(bench: ProxyBench, *addresses: str, failure: str = "") -> list[tuple[Flow | Hop, bytes]]:
    (question,) = bench.questions
    bench.questions.clear()
    bench.proxy.carrier.locator.resolved(question.token, Answer(addresses, failure), bench.now)
    return bench.sent()


def called(*addresses: str, method: str = "INVITE") -> tuple[ProxyBench, list[tuple[Flow | Hop, bytes]]]:
    bench = ProxyBench([Target(BOB, PLACE)])
    sent = bench.receive(request(method, uri="sip:bob@b.test"), CALLER)
    assert [each for _, each in sent if not each.startswith(b"SIP/2.0 100")] == []
    return bench, located(bench, *addresses)


def fail(bench: ProxyBench, how: str, hop: Hop, data: bytes) -> list[tuple[Flow | Hop, bytes]]:
    """Let the request `data` that went to `hop` fail."""
    if how == "503":
        return bench.answer(data, 503, SERVER)
    if how == "time-out":
        return bench.run(12.0)
    token = max(bench.proxy.layer._tokens)
    bench.proxy.layer.send_failed(token, "refused", bench.now)
    return bench.sent()


@pytest.mark.parametrize("how", ["503", "time-out", "refused"])
def test_the_next_hop_is_tried(how: str) -> None:
    bench, sent = called("192.0.2.21", "192.0.2.22")
    ((where, first),) = sent
    assert where == FIRST
    sent = [each for each in fail(bench, how, FIRST, first) if not each[1].startswith(b"ACK")]
    ((where, second),) = sent
    assert where == SECOND and bench.finals == []
    assert header(first, "via")[0] != header(second, "via")[0], "a new transaction has a branch of its own"
    assert as_request(second).uri == BOB and header(second, "record-route") != []
    back = bench.answer(second, 200, SERVER)
    assert [as_response(data).status for _, data in back] == [200] and bench.finals == [200]


def test_the_last_failure_goes_upstream() -> None:
    bench, ((_, first),) = called("192.0.2.21", "192.0.2.22")
    ((_, second),) = [each for each in bench.answer(first, 503, SERVER) if not each[1].startswith(b"ACK")]
    back = bench.answer(second, 503, SERVER)
    assert bench.finals == [503] and sum(data.startswith(b"SIP/2.0 503") for _, data in back) == 1


@pytest.mark.parametrize("status", [404, 486, 500, 603])
def test_other_answers_are_answers(status: int) -> None:
    bench, ((_, first),) = called("192.0.2.21", "192.0.2.22")
    bench.answer(first, status, SERVER)
    assert bench.finals == [status]


def test_what_rings_is_not_called_again_elsewhere() -> None:
    bench, ((_, first),) = called("192.0.2.21", "192.0.2.22")
    bench.answer(first, 180, SERVER)
    bench.answer(first, 503, SERVER)
    assert bench.finals == [503]


def test_after_100_trying_the_time_is_that_of_the_rfc() -> None:
    bench, ((_, first),) = called("192.0.2.21", "192.0.2.22", method="OPTIONS")
    bench.answer(first, 100, SERVER)
    assert bench.run(20) == []
    ((where, _),) = bench.run(13)  # timer F
    assert where == SECOND


def test_a_single_hop_gets_the_whole_time() -> None:
    bench, sent = called("192.0.2.21", method="OPTIONS")
    assert len(sent) == 1 and bench.run(31) == []
    bench.run(2)
    assert bench.finals == [408]


def test_cancel_while_the_name_is_looked_up() -> None:
    bench = ProxyBench([Target(BOB, PLACE)])
    invite = request("INVITE", uri="sip:bob@b.test")
    bench.receive(invite, CALLER)
    sent = bench.receive(request("CANCEL", uri="sip:bob@b.test"), CALLER)
    assert [as_response(data).status for _, data in sent] == [200, 487] and bench.finals == [487]
    assert located(bench, "192.0.2.21") == []


def test_cancel_ends_the_search_for_another_hop() -> None:
    bench, ((_, first),) = called("192.0.2.21", "192.0.2.22")
    bench.receive(request("CANCEL", uri="sip:bob@b.test"), CALLER)
    fail(bench, "refused", FIRST, first)
    assert bench.finals == [503]


def test_a_name_without_address_is_480_and_says_why() -> None:
    bench, sent = called()
    assert [as_response(data).status for _, data in sent] == [480]
    assert bench.finals == [480] and bench.unlocatable == ["b.test has no usable address"]


def test_a_6xx_ends_a_branch_that_is_still_looked_up_once() -> None:
    bench = ProxyBench([Target(BOB, SERVER), Target(BOB, PLACE)])
    sent = bench.receive(request("INVITE", uri="sip:bob@b.test"), CALLER)
    (copy,) = [data for _, data in sent if data.startswith(b"INVITE")]
    bench.answer(copy, 603, SERVER)
    assert bench.finals == [603] and located(bench, "192.0.2.21") == []


def test_an_ack_is_located_too() -> None:
    bench = ProxyBench([Target(BOB, PLACE)])
    assert bench.receive(request("ACK", uri="sip:bob@b.test"), CALLER) == []
    ((where, data),) = located(bench, "192.0.2.21")
    assert where == FIRST and data.startswith(b"ACK sip:bob@b.test")
    bench.receive(request("ACK", uri="sip:bob@b.test"), CALLER)
    assert located(bench) == [] and bench.counters["sip.ack.unlocated"] == 1


def test_more_hops_may_be_given_with_a_target() -> None:
    bench = ProxyBench([Target(BOB, FIRST, more=(SECOND,))])
    ((where, first),) = bench.receive(request("OPTIONS", uri="sip:bob@b.test"), CALLER)
    assert where == FIRST
    ((where, _),) = bench.answer(first, 503, SERVER)
    assert where == SECOND
