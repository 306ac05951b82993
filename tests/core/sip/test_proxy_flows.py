"""Several ways to one phone: flows tried one after the other, and targets of lower q (RFC 5626 §7, RFC 3261 §16.6)."""

from __future__ import annotations

import pytest

from seaway.core.sip.context import Target
from seaway.core.sip.io import Send

from ...support.messages import as_response, flow, header, request
from ...support.proxies import ProxyBench

CALLER = flow(remote=("192.0.2.10", 5060))
FIRST, SECOND, THIRD = (flow("tcp", remote=("192.0.2.20", port)) for port in (1, 2, 3))
URI = b"sip:bob@192.0.2.20"


def flows(*more: Target) -> Target:
    return Target(URI, FIRST, b"n", mark="first", others=more)


def invite(bench: ProxyBench) -> bytes:
    sent = bench.receive(request("INVITE"), CALLER)
    return sent[-1][1]


@pytest.mark.parametrize("status", [430, 408])
def test_a_dead_flow_is_followed_by_the_next(status: int) -> None:
    second = Target(URI, SECOND, b"n", mark="second")
    bench = ProxyBench([flows(second, Target(URI, THIRD, b"n", mark="third"))])
    sent = bench.answer(invite(bench), status, FIRST)
    to, data = sent[-1]
    assert to is SECOND and data.startswith(b"INVITE ")
    assert [(target.mark, code) for target, code in bench.dead] == [("first", status)]
    to, data = bench.answer(data, status, SECOND)[-1]
    assert to is THIRD
    to, data = bench.answer(data, 200, THIRD)[-1]
    assert to is CALLER and as_response(data).status == 200


def test_when_all_flows_are_dead_the_caller_hears_480() -> None:
    """430 is a word between proxies."""
    bench = ProxyBench([flows()])
    to, data = bench.answer(invite(bench), 430, FIRST)[-1]
    assert to is CALLER and as_response(data).status == 480


def test_a_connection_that_breaks_is_a_dead_flow() -> None:
    bench = ProxyBench([flows(Target(URI, SECOND))])
    invite(bench)
    bench.proxy.layer.flow_closed(FIRST, bench.now)
    assert [to for to, _ in bench.sent()] == [SECOND]


def test_a_phone_that_rang_is_not_asked_again_over_another_flow() -> None:
    bench = ProxyBench([flows(Target(URI, SECOND))])
    bench.answer(invite(bench), 180, FIRST)
    bench.proxy.layer.flow_closed(FIRST, bench.now)
    ((to, data),) = bench.sent()
    assert to is CALLER and as_response(data).status == 503


@pytest.mark.parametrize("status", [486, 404, 500])
def test_any_other_answer_is_the_answer_of_the_phone(status: int) -> None:
    bench = ProxyBench([flows(Target(URI, SECOND))])
    to, data = bench.answer(invite(bench), status, FIRST)[-1]
    assert to is CALLER and as_response(data).status == status and not bench.dead


def test_a_cancelled_call_does_not_go_on() -> None:
    bench = ProxyBench([flows(Target(URI, SECOND))])
    forwarded = invite(bench)
    bench.answer(forwarded, 180, FIRST)
    bench.receive(request("CANCEL"), CALLER)
    sent = bench.answer(forwarded, 408, FIRST)
    assert SECOND not in [to for to, _ in sent]
    assert as_response(sent[-1][1]).status == 408


def test_route_lines_of_a_target_come_first() -> None:
    """RFC 3327 §5.4."""
    routes = (b"Route: <sip:t@edge;lr>", b"Route: <sip:p1;lr>")
    bench = ProxyBench([Target(URI, FIRST, b"n", lines=routes)])
    assert header(invite(bench), "route") == ["<sip:t@edge;lr>", "<sip:p1;lr>"]


class Later(ProxyBench):
    """Two groups of targets."""

    def route(self, context, now):  # type: ignore[no-untyped-def]
        context.search = self
        self.later = [[Target(URI, SECOND)], [Target(URI, THIRD)]]
        super().route(context, now)

    def exhausted(self, best, now):  # type: ignore[no-untyped-def]
        if self.later:
            self.proxy.forward(self.contexts[-1], self.later.pop(0), now)
            return True
        return False


def test_lower_q_rings_when_the_higher_have_failed() -> None:
    bench = Later([Target(URI, FIRST)])
    to, data = bench.answer(invite(bench), 486, FIRST)[-1]
    assert to is SECOND and data.startswith(b"INVITE")
    assert not any(isinstance(each, Send) and each.flow is CALLER for each in bench.outputs)
    to, data = bench.answer(data, 404, SECOND)[-1]
    assert to is THIRD
    sent = bench.answer(data, 480, THIRD)
    assert [to for to, _ in sent][-1] is CALLER
    assert as_response(sent[-1][1]).status in (404, 480, 486)
    assert len(bench.proxy.layer) <= 4
    bench.run(64)
    assert len(bench.proxy.layer) == 0


@pytest.mark.parametrize("status", [200, 603])
def test_an_answer_for_all_ends_the_search(status: int) -> None:
    bench = Later([Target(URI, FIRST)])
    sent = bench.answer(invite(bench), status, FIRST)
    assert SECOND not in [to for to, _ in sent]
    assert as_response(sent[-1][1]).status == status
