"""Caller, proxy and callees over a link that loses, doubles and reorders datagrams: every call ends, everywhere alike.

Seeded, with a virtual clock. What must hold whatever is lost: the caller learns one outcome; who was answered with 2xx
is acknowledged; whoever did not win is told; and half a minute later nobody has a transaction left.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from seaway.core.sip.build import build_cancel, build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Target
from seaway.core.sip.io import Address, Flow, Send
from seaway.core.sip.layer import TransactionLayer
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.states import State
from seaway.core.sip.topvia import read_top_via
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import tag_of

from ...support.messages import as_request, request
from ...support.proxies import ProxyBench

SEEDS = range(25)
CALLER: Address = ("192.0.2.10", 5060)
PROXY: Address = ("198.51.100.1", 5060)
T1, TIMEOUT = 0.5, 32.0


class Link:
    """Datagrams between hosts: `hosts` maps an address to what takes them there."""

    def __init__(self, seed: int, loss: float, duplicate: float, jitter: float) -> None:
        self.rng = random.Random(seed)
        self.loss, self.duplicate, self.jitter = loss, duplicate, jitter
        self.now = 100.0
        self.hosts: dict[Address, Any] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._flows: dict[tuple[Address, Address], Flow] = {}

    def at(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), action))

    def flow(self, local: Address, remote: Address) -> Flow:
        key = (local, remote)
        if key not in self._flows:
            self._flows[key] = Flow(len(self._flows) + 1, "udp", local, remote, "inner", "test")
        return self._flows[key]

    def send(self, source: Address, target: Address, data: bytes) -> None:
        for _ in range(2 if self.rng.random() < self.duplicate else 1):
            if self.rng.random() >= self.loss:
                delay = 0.01 + self.rng.random() * self.jitter
                self.at(delay, lambda: self.hosts[target].receive(data, self.flow(target, source)))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100_000):
            timers = [
                (deadline, host) for host in self.hosts.values() if (deadline := host.next_deadline()) is not None
            ]
            due = min((deadline for deadline, _ in timers), default=float("inf"))
            event = self._events[0][0] if self._events else float("inf")
            if min(due, event) > end:
                self.now = end
                return
            self.now = max(self.now, min(due, event))
            if event <= due:
                heapq.heappop(self._events)[2]()
            else:
                for deadline, host in timers:
                    if deadline <= self.now:
                        host.handle_timeout()
        raise AssertionError("the link does not come to rest")


class Host:
    """One layer at one address."""

    layer: TransactionLayer

    def __init__(self, link: Link, address: Address) -> None:
        self.link, self.address = link, address
        self.outputs: deque[Any] = deque()
        link.hosts[address] = self

    def receive(self, data: bytes, flow: Flow) -> None:
        message = parse(data)
        if isinstance(message, Response):
            self.layer.receive_response(message, self.link.now)
        else:
            assert isinstance(message, Request)
            key, _ = read_top_via(message, flow)
            self.layer.receive_request(message, key, flow, flow, self.link.now)
        self.drain()

    def drain(self) -> None:
        while self.outputs:
            output = self.outputs.popleft()
            assert isinstance(output, Send), output
            self.link.send(self.address, output.flow.remote, output.data)

    def next_deadline(self) -> float | None:
        return self.layer.next_deadline()

    def handle_timeout(self) -> None:
        self.layer.handle_timeout(self.link.now)
        self.drain()

    def leftovers(self) -> int:
        """Transactions, timers and notes of flows that are still there."""
        return len(self.layer) + (self.layer.next_deadline() is not None) + len(self.layer._by_flow)


class Middle(Host):
    """The proxy; forwards everything to all `targets`."""

    def __init__(self, link: Link, targets: list[Address]) -> None:
        super().__init__(link, PROXY)
        places = [Target(b"sip:bob@%b" % host.encode(), link.flow(PROXY, (host, port))) for host, port in targets]
        self.bench = ProxyBench(places)
        self.layer, self.outputs = self.bench.proxy.layer, self.bench.outputs
        self.bench.route_ack = self._route_ack  # type: ignore[method-assign]

    def _route_ack(self, request: Request, token: bytes | None, flow: Flow, now: float) -> None:
        """The ACK of a 2xx goes to who sent that: here the tag says who, in life the route set does."""
        host = (tag_of(request.require(b"to")) or b"").decode()
        self.bench.proxy.forward_ack(request, Target(request.uri, self.link.flow(PROXY, (host, 5060))), now)

    def receive(self, data: bytes, flow: Flow) -> None:
        self.bench.now = self.link.now
        super().receive(data, flow)


@dataclass
class Script:
    """What a callee does: it rings `ring` seconds after an INVITE, and answers with `status` after `answer` seconds;
    with 0 it rings until it is cancelled."""

    status: int
    ring: float = 0.05
    answer: float = 0.5


class Callee(Host):
    def __init__(self, link: Link, address: Address, script: Script) -> None:
        super().__init__(link, address)
        self.layer = TransactionLayer(self, self.outputs, Counter())
        self.script = script
        self.finals: list[int] = []
        self.acked = False
        self.cancelled = False

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        if request.method == b"INVITE":
            self._later(self.script.ring, server, request, 180)
        if self.script.status:
            self._later(self.script.answer, server, request, self.script.status)

    def _later(self, delay: float, server: ServerTransaction, request: Request, status: int) -> None:
        def act() -> None:
            if self.finals:
                return
            self._respond(server, request, status)

        self.link.at(delay, act)

    def _respond(self, server: ServerTransaction, request: Request, status: int) -> None:
        answer = build_response(request, status, tag=self.address[0].encode()).serialise()
        self.layer.respond(server, answer, status, self.link.now)
        self.drain()
        if status >= 200:
            self.finals.append(status)
            if status < 300 and request.method == b"INVITE":
                self._again(server, answer, T1, self.link.now + TIMEOUT)

    def _again(self, server: ServerTransaction, answer: bytes, interval: float, until: float) -> None:
        """RFC 3261 §13.3.1.4: the callee repeats its 2xx until the ACK comes."""

        def act() -> None:
            if not self.acked and self.link.now < until:
                self.link.send(self.address, server.flow.remote, answer)
                self._again(server, answer, min(2 * interval, 4.0), until)

        self.link.at(interval, act)

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        self.acked = True

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        self.cancelled = True
        if not self.finals and server.request is not None:
            self._respond(server, server.request, 487)

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None: ...
    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None: ...
    def timer_c(self, client: ClientTransaction, now: float) -> None: ...


@dataclass
class Heard:
    finals: list[int] = field(default_factory=list)  # each once, but 2xx, which come as often as they are repeated
    ringing: int = 0
    winners: set[bytes] = field(default_factory=set)  # To lines of 2xx


class Caller(Host):
    def __init__(self, link: Link) -> None:
        super().__init__(link, CALLER)
        self.layer = TransactionLayer(self, self.outputs, Counter())
        self.heard = Heard()
        self._data = b""
        self._invite: ClientTransaction | None = None
        self._cancelling = False

    def call(self, method: str) -> None:
        self._data = request(method, via="SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKcall")
        self._invite = self._send(method.encode(), self._data)

    def cancel(self) -> None:
        """Not before something provisional has come (RFC 3261 §9.1)."""
        self._cancelling = True
        invite = self._invite
        if invite is not None and invite.state is State.PROCEEDING and not invite.cancelled:
            self.layer.cancelling(invite, self.link.now)
            self._send(b"CANCEL", build_cancel(as_request(self._data)))

    def _send(self, method: bytes, data: bytes) -> ClientTransaction:
        where = self.link.flow(CALLER, PROXY)
        made = self.layer.send_request(b"z9hG4bKcall", method, data, where, method, self.link.now)
        self.drain()
        return made

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        if client.context == b"CANCEL":
            return
        if response.status < 200:
            self.heard.ringing += response.status == 180
            if self._cancelling:
                self.cancel()
            return
        self.heard.finals.append(response.status)
        if response.status < 300 and client.context == b"INVITE":
            to = response.require(b"to")
            self.heard.winners.add(to)
            via = f"SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKack{len(self.heard.finals)}"
            ack = request("ACK", via=via, to=to.decode())
            self.link.send(CALLER, PROXY, ack)

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        if client.context != b"CANCEL":
            self.heard.finals.append(status)

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None: ...
    def ack_received(self, request: Request, flow: Flow, now: float) -> None: ...
    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None: ...
    def timer_c(self, client: ClientTransaction, now: float) -> None: ...


class World:
    def __init__(self, seed: int, *scripts: Script, loss: float = 0.15) -> None:
        self.link = Link(seed, loss, duplicate=0.1, jitter=0.2)
        self.caller = Caller(self.link)
        addresses = [(f"203.0.113.{number + 1}", 5060) for number in range(len(scripts))]
        self.proxy = Middle(self.link, addresses)
        self.callees = [Callee(self.link, each, script) for each, script in zip(addresses, scripts, strict=True)]

    def end(self) -> list[int]:
        """Run until everything must be over; the outcomes that the caller heard of, in order, without repeats."""
        self.link.run(6 * TIMEOUT)
        for host in (self.caller, self.proxy, *self.callees):
            assert host.leftovers() == 0, f"{host.address}: {len(host.layer)} transactions left"
        assert len(self.proxy.bench.finals) <= 1
        finals = self.caller.heard.finals
        assert finals, "the caller hears how it ended"
        assert len([each for each in finals if each >= 300]) <= 1, "one bad end at most"
        assert not (self.caller.heard.winners and finals[0] >= 300), "no 2xx after a bad end"
        return list(dict.fromkeys(finals))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_request_that_is_no_invite(seed: int) -> None:
    world = World(seed, Script(200))
    world.caller.call("OPTIONS")
    assert world.end() == [200] and world.callees[0].finals == [200]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answered_call(seed: int) -> None:
    world = World(seed, Script(200))
    world.caller.call("INVITE")
    assert world.end() == [200]
    assert world.callees[0].acked and len(world.caller.heard.winners) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_refused_call(seed: int) -> None:
    world = World(seed, Script(486))
    world.caller.call("INVITE")
    assert world.end() == [486] and world.callees[0].finals == [486]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cancelled_call(seed: int) -> None:
    """The CANCEL goes hop by hop, each with its own retransmissions (RFC 3261 §9)."""
    world = World(seed, Script(0))
    world.caller.call("INVITE")
    world.link.run(3.0)
    world.caller.cancel()
    assert world.end() == [487] and world.callees[0].finals == [487] and world.callees[0].cancelled


@pytest.mark.parametrize("seed", SEEDS)
def test_cancel_and_answer_cross(seed: int) -> None:
    """Both ends agree: either it was answered, and acknowledged, or it was cancelled."""
    world = World(seed, Script(200, answer=1.0))
    world.caller.call("INVITE")
    world.link.run(0.9 + (seed % 5) * 0.1)
    world.caller.cancel()
    (status,) = world.end()
    assert world.callees[0].finals == [status] and status in (200, 487)
    assert world.callees[0].acked == (status == 200)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fork_is_won_by_one_and_the_others_are_cancelled(seed: int) -> None:
    world = World(seed, Script(0), Script(200, answer=3.0), Script(0))
    world.caller.call("INVITE")
    assert world.end() == [200]
    first, winner, last = world.callees
    assert winner.acked and (first.finals, winner.finals, last.finals) == ([487], [200], [487])
    assert first.cancelled and last.cancelled


@pytest.mark.parametrize("seed", SEEDS)
def test_two_answer_at_once(seed: int) -> None:
    """Every 2xx goes upstream (RFC 3261 §16.7 step 5); each of them is acknowledged."""
    world = World(seed, Script(200, answer=1.0), Script(200, answer=1.0))
    world.caller.call("INVITE")
    assert world.end() == [200]
    answered = [each for each in world.callees if each.finals == [200]]
    assert answered and len(world.caller.heard.winners) == len(answered)


@pytest.mark.parametrize("seed", SEEDS)
def test_6xx_ends_a_fork(seed: int) -> None:
    """RFC 3261 §16.7 step 5: the others are cancelled, and 6xx is what the caller hears."""
    world = World(seed, Script(0), Script(603, answer=2.0))
    world.caller.call("INVITE")
    assert world.end() == [603]
    assert world.callees[0].finals == [487] and world.callees[0].cancelled


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_of_bad_ends(seed: int) -> None:
    world = World(seed, Script(404), Script(486, answer=1.5), Script(503, answer=0.8))
    world.caller.call("INVITE")
    (status,) = world.end()
    assert status in (404, 486) and [each.finals for each in world.callees] == [[404], [486], [503]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nothing_gets_through(seed: int, method: str) -> None:
    world = World(seed, Script(200), loss=1.0)
    world.caller.call(method)
    assert world.end() == [408] and world.callees[0].finals == []


@pytest.mark.parametrize("seed", range(5))
def test_the_far_side_is_gone(seed: int) -> None:
    """The proxy says 408 itself, since timer B ran out there (RFC 3261 §16.8)."""
    world = World(seed, Script(200), loss=0.0)
    world.link.hosts[world.callees[0].address] = type("Gone", (Host,), {"receive": lambda *_: None})(
        world.link, world.callees[0].address
    )
    world.link.hosts[world.callees[0].address].layer = world.callees[0].layer
    world.caller.call("INVITE")
    assert world.end() == [408]


def test_the_link_is_as_bad_as_it_says() -> None:
    """The twin: datagrams are lost, doubled and reordered."""
    link = Link(1, 0.15, 0.1, 0.2)
    got: list[int] = []

    class Sink:
        def receive(self, data: bytes, flow: Flow) -> None:
            got.append(int(data))

        def next_deadline(self) -> None:
            return None

    link.hosts[PROXY] = Sink()
    for number in range(1000):
        link.at(number / 100, lambda number=number: link.send(CALLER, PROXY, b"%d" % number))  # type: ignore[misc]
    link.run(30)
    assert 800 < len(set(got)) < 900 and len(got) > len(set(got)) + 30 and got != sorted(got)
