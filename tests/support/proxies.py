"""A proxy on its own with a user that forwards to given targets."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from seaway.core.dns.io import Resolve
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Branch, Context, Target
from seaway.core.sip.io import Flow, Hop, Send, SendTo
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.sides import Sides
from seaway.core.sip.tokens import RouteTokens
from seaway.core.sip.topvia import read_top_via
from seaway.wire.sip.message import Request, Response, parse

from .messages import response

__all__ = ["ProxyBench"]


class ProxyBench:
    """Sends what arrives to `targets` (kept for later when `hold`); answers with `fork`, `answer` and `receive`."""

    def __init__(self, targets: list[Target] | None = None, hold: bool = False) -> None:
        self.outputs: deque[Any] = deque()
        self.counters: Counter[str] = Counter()
        self.sides = Sides(
            {
                ("udp", "inner"): ("198.51.100.1", 5060),
                ("tcp", "inner"): ("198.51.100.1", 5060),
                ("tls", "inner"): ("198.51.100.1", 5061),
                ("udp", "outer"): ("2001:db8::1", 5060),
            },
            frozenset((b"proxy.example.test", b"proxy.example.test:5060")),
        )
        self.tokens = RouteTokens(b"0123456789abcdef")
        self.random: Any = lambda count: b"\0" * count
        self.questions: list[Resolve] = []
        self.unlocatable: list[str] = []
        self.proxy = Proxy(self, self.sides, self.tokens, self.outputs, self.counters, b"b00t", self.random)
        self.proxy.carrier.unlocated = lambda branch, why, now: self.unlocatable.append(why)
        self.targets = targets or []
        self.hold = hold
        self.payload = b"n"
        self.held: list[Context] = []
        self.contexts: list[Context] = []
        self.finals: list[int] = []
        self.dead: list[tuple[Target, int]] = []
        self.acks: list[tuple[Request, bytes | None]] = []
        self.now = 500.0

    # -- ProxyUser

    def route(self, context: Context, now: float) -> None:
        context.admitted = True
        context.payload = self.payload
        self.contexts.append(context)
        if context.request.method == b"INVITE":
            self.proxy.trying(context, now)
        if self.hold:
            self.held.append(context)
        else:
            self.proxy.forward(context, self.targets, now)

    def route_ack(self, request: Request, token: bytes | None, flow: Flow, now: float) -> None:
        self.acks.append((request, token))
        if self.targets:
            self.proxy.forward_ack(request, self.targets[0], self.now)

    def response(self, branch: Branch, response: Response, now: float) -> bool:
        return True

    def own_response(self, client: ClientTransaction, response: Response, now: float) -> None: ...
    def own_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None: ...

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        self.dead.append((target, status))

    def finished(self, context: Context, status: int, now: float) -> None:
        self.finals.append(status)

    # -- driving

    def receive(self, data: bytes, flow: Flow) -> list[tuple[Flow | Hop, bytes]]:
        """Receive, and return what went out."""
        message = parse(data)
        if isinstance(message, Response):
            self.proxy.layer.receive_response(message, self.now)
        else:
            assert isinstance(message, Request)
            key, _ = read_top_via(message, flow)
            self.proxy.layer.receive_request(message, key, flow, flow, self.now)
        return self.sent()

    def sent(self) -> list[tuple[Flow | Hop, bytes]]:
        found: list[tuple[Flow | Hop, bytes]] = []
        for each in self.outputs:
            if isinstance(each, Resolve):
                self.questions.append(each)
                continue
            assert isinstance(each, (Send, SendTo))
            found.append((each.flow if isinstance(each, Send) else each.hop, each.data))
        self.outputs.clear()
        return found

    def run(self, seconds: float) -> list[tuple[Flow | Hop, bytes]]:
        end, found = self.now + seconds, []
        while (deadline := self.proxy.layer.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.proxy.layer.handle_timeout(self.now)
            found += self.sent()
        self.now = end
        return found

    def answer(self, forwarded: bytes, status: int, flow: Flow, **more: Any) -> list[tuple[Flow | Hop, bytes]]:
        """The far side answers what was forwarded to it."""
        return self.receive(response(forwarded, status, **more), flow)
