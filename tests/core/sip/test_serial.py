"""Steps of a search: further targets when those before have failed (RFC 3261 §16.6, §16.7), and CANCEL in between."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.core.sip.context import Context, Target
from seaway.core.sip.forking import breadth_left
from seaway.core.sip.io import Flow, Hop
from seaway.wire.sip.message import Response

from ...support.messages import as_request, as_response, flow, header, request
from ...support.proxies import ProxyBench

CALLER = flow("udp", ("192.0.2.10", 5060))
BOB = flow("udp", ("192.0.2.20", 5060))
CAROL = flow("udp", ("192.0.2.30", 5060))
DAVE = flow("udp", ("192.0.2.40", 5060))
URI = b"sip:bob@192.0.2.20"


class Steps(ProxyBench):
    """A user whose search has several steps; with `wait` a further step is begun by the test."""

    def __init__(self, *steps: list[Target], wait: bool = False) -> None:
        super().__init__(steps[0])
        self.later = list(steps[1:])
        self.wait = wait
        self.asked: list[int] = []

    def route(self, context: Context, now: float) -> None:
        context.search = self
        super().route(context, now)

    def exhausted(self, best: Response, now: float) -> bool:
        self.asked.append(best.status)
        if not self.later:
            return False
        if not self.wait:
            self.step()
        return True

    def step(self) -> list[tuple[Flow | Hop, bytes]]:
        self.proxy.forward(self.contexts[-1], self.later.pop(0), self.now)
        return self.sent() if self.wait else []


def target(*flows: Flow, **more: Any) -> list[Target]:
    return [Target(URI, each, **more) for each in flows]


def requests(sent: list[tuple[Flow | Hop, bytes]], method: str = "INVITE") -> list[tuple[Flow | Hop, bytes]]:
    return [each for each in sent if each[1].startswith(method.encode())]


def finals(sent: list[tuple[Flow | Hop, bytes]]) -> list[int]:
    return [
        as_response(data).status for where, data in sent if where is CALLER and data.startswith(b"SIP/2.0 ")
        if not data.startswith(b"SIP/2.0 1")
    ]  # fmt: skip


def test_the_next_step_begins_when_all_of_the_step_before_have_failed() -> None:
    bench = Steps(target(BOB, CAROL), target(DAVE))
    (_, bob), (_, carol) = requests(bench.receive(request(), CALLER))
    assert not requests(bench.answer(bob, 404, BOB))
    ((where, dave),) = requests(bench.answer(carol, 480, CAROL))
    assert where is DAVE and header(dave, "via")[0] not in (header(bob, "via")[0], header(carol, "via")[0])
    assert finals(bench.answer(dave, 200, DAVE)) == [200]
    assert bench.asked == [480] and bench.finals == [200]


def test_the_best_response_of_all_steps_goes_upstream_once() -> None:
    bench = Steps(target(BOB), target(CAROL), target(DAVE))
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    ((_, carol),) = requests(bench.answer(bob, 486, BOB))
    ((_, dave),) = requests(bench.answer(carol, 404, CAROL))
    assert finals(bench.answer(dave, 503, DAVE)) == [486], "who is busy was found, unlike who is not there"
    assert bench.finals == [486] and bench.contexts[0].branches == [] and bench.contexts[0].search is None


def test_r35_6xx_stops_the_search() -> None:
    bench = Steps(target(BOB), target(CAROL))
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    sent = bench.answer(bob, 603, BOB)
    assert finals(sent) == [603] and not requests(sent) and bench.asked == []


def test_cancel_stops_the_search() -> None:
    bench = Steps(target(BOB), target(CAROL))
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    bench.answer(bob, 180, BOB)
    sent = bench.receive(request("CANCEL"), CALLER)
    ((where, _),) = requests(sent, "CANCEL")
    assert where is BOB
    sent = bench.answer(bob, 487, BOB)
    assert finals(sent) == [487] and not requests(sent) and bench.asked == []


def test_cancel_meets_a_failure_that_is_under_way() -> None:
    """The first target's 404 crosses the CANCEL: nobody else rings."""
    bench = Steps(target(BOB), target(CAROL))
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    bench.receive(request("CANCEL"), CALLER)
    sent = bench.answer(bob, 404, BOB)
    assert finals(sent) == [404] and not requests(sent)


def test_cancel_in_the_second_step_reaches_only_who_rings() -> None:
    bench = Steps(target(BOB), target(CAROL))
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    ((_, carol),) = requests(bench.answer(bob, 404, BOB))
    bench.answer(carol, 180, CAROL)
    ((where, _),) = requests(bench.receive(request("CANCEL"), CALLER), "CANCEL")
    assert where is CAROL
    assert finals(bench.answer(carol, 487, CAROL)) == [487]


def test_cancel_between_two_steps_ends_the_request_at_once() -> None:
    """While the next step is prepared (names are looked up, ports are opened) nothing is pending."""
    bench = Steps(target(BOB), target(CAROL), wait=True)
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    assert finals(bench.answer(bob, 404, BOB)) == []
    assert finals(bench.receive(request("CANCEL"), CALLER)) == [200, 487]
    assert bench.step() == [], "the step comes too late"
    assert bench.finals == [487]


def test_a_search_that_finds_nothing_more_gives_up() -> None:
    bench = Steps(target(BOB), target(CAROL), wait=True)
    ((_, bob),) = requests(bench.receive(request(), CALLER))
    bench.answer(bob, 480, BOB)
    bench.later.clear()
    bench.proxy.give_up(bench.contexts[0], bench.now)
    assert finals(bench.sent()) == [480] and bench.finals == [480]
    bench.proxy.give_up(bench.contexts[0], bench.now)
    assert bench.sent() == [] and bench.finals == [480]


def test_a_late_200_of_an_earlier_step_wins_nothing_after_the_final_response() -> None:
    bench = Steps(target(BOB, CAROL), target(DAVE), wait=True)
    (_, bob), (_, carol) = requests(bench.receive(request(), CALLER))
    bench.answer(bob, 404, BOB)
    assert finals(bench.answer(carol, 200, CAROL)) == [200]
    assert bench.step() == [] and bench.asked == []


def test_a_silent_target_is_given_up_for_the_next_step() -> None:
    bench = Steps(target(BOB), target(CAROL))
    bench.receive(request(), CALLER)
    sent = requests(bench.run(33))
    assert sent[-1][0] is CAROL and bench.asked == [408]


def test_an_edited_copy_goes_to_its_targets_only() -> None:
    bench = Steps(target(BOB), target(CAROL), wait=True)
    ((_, bob),) = requests(bench.receive(request(body=b"first"), CALLER))
    bench.answer(bob, 404, BOB)
    context = bench.contexts[0]
    copy = context.request.copy()
    copy.set_body(b"second one")
    bench.proxy.forward(context, bench.later.pop(), bench.now, copy, "a call")
    ((_, carol),) = requests(bench.sent())
    assert bob.endswith(b"first") and carol.endswith(b"second one") and header(carol, "content-length") == ["10"]
    assert [each.call for each in context.branches] == [None, "a call"]


# -- hop counts


@pytest.mark.parametrize(("incoming", "limit", "outgoing"), [(70, 15, "15"), (10, 15, "9"), (16, 15, "15")])
def test_max_forwards_is_lowered_to_the_hop_count(incoming: int, limit: int, outgoing: str) -> None:
    bench = ProxyBench(target(BOB, hop_count=limit))
    ((_, copy),) = requests(bench.receive(request(max_forwards=incoming), CALLER))
    assert header(copy, "max-forwards") == [outgoing]


# -- RFC 5393


def test_max_breadth_is_added_and_divided() -> None:
    bench = ProxyBench(target(BOB))
    ((_, copy),) = requests(bench.receive(request(), CALLER))
    assert header(copy, "max-breadth") == ["60"]
    bench = ProxyBench(target(BOB, CAROL, DAVE))
    sent = requests(bench.receive(request(headers=["Max-Breadth: 10"]), CALLER))
    assert [header(data, "max-breadth") for _, data in sent] == [["3"]] * 3
    bench = ProxyBench(target(BOB))
    ((_, copy),) = requests(bench.receive(request(headers=["Max-Breadth: 10"]), CALLER))
    assert header(copy, "max-breadth") == ["10"]


def test_without_breadth_left_it_is_440() -> None:
    bench = ProxyBench(target(BOB, CAROL))
    sent = bench.receive(request(headers=["Max-Breadth: 1"]), CALLER)
    assert finals(sent) == [440] and not requests(sent)
    bench = ProxyBench(target(BOB))
    assert finals(bench.receive(request(headers=["Max-Breadth: 0"]), CALLER)) == [440]
    assert finals(bench.receive(request(headers=["Max-Breadth: x"], branch="z9hG4bKx"), CALLER)) == [400]


def test_breadth_comes_back_when_a_branch_has_ended() -> None:
    bench = Steps(target(BOB, CAROL), target(DAVE), wait=True)
    (_, bob), (_, carol) = requests(bench.receive(request(headers=["Max-Breadth: 2"]), CALLER))
    context = bench.contexts[0]
    assert breadth_left(context) == 0
    bench.answer(bob, 404, BOB)
    assert breadth_left(context) == 1
    bench.answer(carol, 404, CAROL)
    ((_, dave),) = bench.step()
    assert header(dave, "max-breadth") == ["2"]


def test_r35_a_request_that_is_changed_at_each_pass_ends() -> None:
    """A loop that the hash does not see, because every round has a Request-URI of its own."""
    bench = ProxyBench(target(BOB))
    data, passes = request(max_forwards=70), 0
    while copies := requests(bench.receive(data, BOB)):
        passes += 1
        ((_, copy),) = copies
        uri = b"sip:%d@example.test" % passes
        data = copy.replace(b"INVITE " + as_request(copy).uri, b"INVITE " + uri, 1)
        data = data.replace(b"Via:", b"Via: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKfar%d\r\nVia:" % passes, 1)
    assert passes == 3


def test_challenges_of_parallel_branches_arrive_together() -> None:
    bench = ProxyBench(target(BOB, CAROL))
    (_, bob), (_, carol) = requests(bench.receive(request(), CALLER))
    bench.answer(bob, 407, BOB, headers=('Proxy-Authenticate: Digest realm="b"',))
    sent = bench.answer(carol, 401, CAROL, headers=('WWW-Authenticate: Digest realm="c"',))
    (answer,) = [data for where, data in sent if where is CALLER]
    assert header(answer, "proxy-authenticate") == ['Digest realm="b"']
    assert header(answer, "www-authenticate") == ['Digest realm="c"']
