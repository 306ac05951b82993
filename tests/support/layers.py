"""A transaction layer with a user that writes down what it is told."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.io import Flow, Hop, Send, SendTo
from seaway.core.sip.layer import TransactionLayer
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.topvia import read_top_via
from seaway.wire.sip.message import Request, Response, parse

__all__ = ["Bench", "Recorder"]


class Recorder:
    """`TransactionUser` that keeps everything, in order, as tuples beginning with the name of the event."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        self.events.append(("request", server, request))

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        self.events.append(("ack", request))

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        self.events.append(("cancel", server))

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        self.events.append(("response", client, response.status, client.context))

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        self.events.append(("failed", client, status, reason))

    def timer_c(self, client: ClientTransaction, now: float) -> None:
        self.events.append(("timer_c", client))

    def names(self) -> list[str]:
        return [event[0] for event in self.events]


class Bench:
    """One layer, its recorder and its clock."""

    def __init__(self, limit: int = 200_000) -> None:
        self.outputs: deque[Any] = deque()
        self.counters: Counter[str] = Counter()
        self.user = Recorder()
        self.layer = TransactionLayer(self.user, self.outputs, self.counters, limit=limit)
        self.now = 1000.0
        self._branch = 0

    def receive(self, data: bytes, flow: Flow) -> None:
        message = parse(data)
        if isinstance(message, Response):
            self.layer.receive_response(message, self.now)
            return
        assert isinstance(message, Request)
        key, _ = read_top_via(message, flow)
        self.layer.receive_request(message, key, flow, flow, self.now)

    def server(self, data: bytes, flow: Flow) -> ServerTransaction:
        """Receive a new request and return its transaction."""
        self.receive(data, flow)
        event = self.user.events[-1]
        assert event[0] == "request"
        server: ServerTransaction = event[1]
        return server

    def client(self, method: str, target: Flow | Hop, context: object = "context") -> tuple[ClientTransaction, bytes]:
        """Send a new request; returns the transaction and the request as it went out."""
        from .messages import request

        self._branch += 1
        branch = f"z9hG4bKours{self._branch}"
        transport = target.transport.upper()
        data = request(method, via=f"SIP/2.0/{transport} 198.51.100.1:5060;branch={branch}", cseq=self._branch)
        client = self.layer.send_request(branch.encode(), method.encode(), data, target, context, self.now)
        return client, data

    def sent(self) -> list[bytes]:
        """What was sent since the last call."""
        found = [each.data for each in self.outputs if isinstance(each, (Send, SendTo))]
        self.outputs.clear()
        return found

    def run(self, until: float) -> list[tuple[float, bytes]]:
        """Fire timers up to `until` seconds from now, each at its own time; returns (seconds from now, octets)."""
        start, sent = self.now, []
        end = start + until
        while True:
            deadline = self.layer.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.layer.handle_timeout(self.now)
            sent += [(round(self.now - start, 6), data) for data in self.sent()]
        self.now = end
        return sent

    @property
    def queues(self) -> int:
        """Distinct delays that timers wait with."""
        return len(self.layer._timers._queues)
