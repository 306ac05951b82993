"""The transaction layer: matches messages to transactions, retransmits, times out (RFC 3261 §17, RFC 6026).

Sans-IO. The owner (`proxy.py`, the traversal zone) is a `TransactionUser`; what is to be sent is appended to the
`outputs` queue that the owner drains.
"""

from __future__ import annotations

from collections import Counter, deque
from math import ceil
from typing import Any, Protocol

from seaway.core.sip.build import build_ack, build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.io import Flow, Hop, Output, Send, SendTo
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.states import Event, State
from seaway.core.sip.timers import T1, T2, T4, TIMEOUT, TIMER_C, TimerQueues
from seaway.core.sip.topvia import MAGIC
from seaway.wire.sip.message import Request, Response, cseq_of, parse
from seaway.wire.sip.via import branch_of

__all__ = ["TransactionLayer", "TransactionUser"]


class TransactionUser(Protocol):
    """Who is told what happened to transactions."""

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        """A new request, not ACK, not CANCEL."""

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        """An ACK that belongs to no transaction: for a 2xx, or stray."""

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        """CANCEL of a pending INVITE; 200 to the CANCEL is already out (RFC 3261 §9.2)."""

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        """A response that the transaction passes up."""

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """No final response: 408 time-out, 503 transport error (RFC 3261 §8.1.3.1)."""

    def timer_c(self, client: ClientTransaction, now: float) -> None:
        """An INVITE has been ringing for too long: cancel it (RFC 3261 §16.8)."""


def _rounded(delay: float) -> float:
    """`delay` rounded up to half a second: the timer queues live on few distinct delays."""
    return ceil(2 * delay) / 2


_BRANCH = b";branch=" + MAGIC


def _own_branch(response: Response) -> bytes | None:
    """The branch of the top Via, the short way for one Via to a line as we write it."""
    index = response.names.index(b"via")
    line = response.lines[index]
    begin = line.find(_BRANCH)
    if begin < 0 or b'"' in line or b"," in line[:begin]:
        return branch_of(response.value(index))
    if b"," in line:  # another Via after ours on the line
        line = line.partition(b",")[0].rstrip(b" \t")
    return line[begin + 8 :].partition(b";")[0]


class TransactionLayer:
    """All transactions of one node; at most `limit` server transactions, further requests are dropped and counted."""

    def __init__(
        self, user: TransactionUser, outputs: deque[Any], counters: Counter[str], *, limit: int = 200_000
    ) -> None:
        self._limit = limit
        self._user = user
        self._outputs: deque[Output | Any] = outputs
        self._servers: dict[bytes, ServerTransaction] = {}
        self._clients: dict[bytes, ClientTransaction] = {}
        self._tokens: dict[int, ClientTransaction] = {}
        self._by_flow: dict[int, set[ClientTransaction]] = {}  # streams only: who waits on which connection
        self._next_token = 0
        self._timers = TimerQueues()
        self.counters = counters

    # -- what comes in

    @property
    def filled(self) -> float:
        """Share of the room for server transactions that is in use."""
        return len(self._servers) / self._limit

    def knows(self, key: bytes) -> bool:
        """Whether there is a server transaction with this key."""
        return key in self._servers

    def receive_request(self, request: Request, key: bytes, flow: Flow, reply: Flow, now: float) -> None:
        """A well-formed request that came in on `flow`; `key` is its top Via's, responses go to `reply`."""
        method = request.method
        if method == b"CANCEL":
            self._cancel(request, key, reply, now)
            return
        server = self._servers.get(key)
        if server is None:
            if method == b"ACK":
                self._user.ack_received(request, flow, now)
                return
            if len(self._servers) >= self._limit:
                self.counters["sip.request.over_limit"] += 1
                return
            server = self._servers[key] = ServerTransaction(key, request, reply, now)
            self._user.request_received(server, request, flow, now)
        elif method == b"ACK":
            if server.invite and server.state is State.ACCEPTED:
                self._user.ack_received(request, flow, now)
            elif server.state is State.COMPLETED and server.advance(Event.ACK):
                self._linger(server, 0.0 if server.flow.transport != "udp" else T4, now)  # timer I
        elif method == server.method:
            self.counters["sip.request.retransmission"] += 1
            if server.last is not None and server.state is not State.ACCEPTED:
                self._outputs.append(Send(server.flow, server.last))
        else:
            self.counters["sip.request.branch_reused"] += 1

    def receive_response(self, response: Response, now: float) -> None:
        """A well-formed response; one that fits no transaction is dropped (R34)."""
        branch = _own_branch(response)
        if branch is None:
            self.counters["sip.response.stray"] += 1
            return
        client = self._clients.get(branch)
        method = response.method or cseq_of(response)[1]
        if client is not None and method == b"CANCEL":
            client = self._clients.get(branch + b"/CANCEL")
        if client is None or client.method != method:
            self.counters["sip.response.stray"] += 1
            return
        status = response.status
        before = client.state
        event = Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.FAILURE
        if not client.advance(event):
            return
        if status < 200:
            if status > 100 and client.invite and not client.cancelled:
                client.started = now  # timer C begins again (RFC 3261 §16.7 step 2)
            self._user.response_received(client, response, now)
            return
        if client.invite:
            self._invite_final(client, response, status, before, now)
            return
        client.data = b""
        self._linger(client, 0.0 if client.reliable else T4, now)  # timer K
        self._user.response_received(client, response, now)
        client.context = None

    def _invite_final(
        self, client: ClientTransaction, response: Response, status: int, before: State, now: float
    ) -> None:
        if status < 300:
            if before is not State.ACCEPTED:
                client.data = b""
                self._linger(client, TIMEOUT, now)  # timer M
            self._user.response_received(client, response, now)
            return
        request = parse(client.data)
        assert isinstance(request, Request)
        self._transmit(client, build_ack(request, response))
        if before is not State.COMPLETED:
            self._linger(client, 0.0 if client.reliable else TIMEOUT, now)  # timer D
            self._user.response_received(client, response, now)

    def _cancel(self, request: Request, key: bytes, reply: Flow, now: float) -> None:
        """RFC 3261 §9.2: a CANCEL is its own transaction, matched to the INVITE by branch and sent-by."""
        cancel_key = key + b"/CANCEL"
        known = self._servers.get(cancel_key)
        if known is not None:
            if known.last is not None:
                self._outputs.append(Send(known.flow, known.last))
            return
        invite = self._servers.get(key)
        if invite is None or not invite.invite:  # nothing is kept for a stray one
            self._outputs.append(Send(reply, build_response(request, 481, tag=b"cancel").serialise()))
            return
        cancel = self._servers[cancel_key] = ServerTransaction(cancel_key, request, reply, now)
        self.respond(cancel, build_response(request, 200, tag=b"cancel").serialise(), 200, now)
        if invite.state is State.PROCEEDING:
            self._user.cancel_received(invite, request, now)

    # -- what goes out

    def respond(self, server: ServerTransaction, data: bytes, status: int, now: float) -> None:
        """Send a response on `server`; ignored when the state allows none any more."""
        event = Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.FAILURE
        before = server.state
        if not server.advance(event):
            return
        self._outputs.append(Send(server.flow, data))
        if status < 200:
            server.last = data
            return
        reliable = server.flow.transport != "udp"
        server.request = None
        server.started = now
        if not server.invite:
            server.last = data
            self._linger(server, 0.0 if reliable else TIMEOUT, now)  # timer J
        elif status < 300:
            server.last = None  # the callee retransmits its 2xx, each is forwarded (RFC 6026 §7.1)
            if before is not State.ACCEPTED:
                self._linger(server, TIMEOUT, now)  # timer L
        else:
            server.last = data
            if reliable:
                self._timers.start(TIMEOUT, now, server)  # timer H
            else:
                server.interval = T1
                self._timers.start(T1, now, server)  # timer G

    def respond_once(self, server: ServerTransaction, data: bytes) -> None:
        """Send a final response and keep nothing: for a peer that has not proved itself, who could make us repeat it
        to a forged address (RFC 3261 §8.2.7). Its retransmission is a new request, its ACK a stray one."""
        if server.request is not None:
            self.forget(server)
            self._outputs.append(Send(server.flow, data))

    def forget(self, server: ServerTransaction) -> None:
        """End a transaction without an answer."""
        server.request = server.context = None
        server.state = State.TERMINATED
        self._servers.pop(server.key, None)

    def send_request(
        self, key: bytes, method: bytes, data: bytes, target: Flow | Hop, context: Any, now: float,
        patience: float = TIMEOUT,
    ) -> ClientTransaction:  # fmt: skip
        """Send a request whose top Via has the branch `key` as a new client transaction.

        `patience`: seconds for a first response, less than timer B or F when there is another place to try.
        """
        flow = target if isinstance(target, Flow) else None
        hop = target if isinstance(target, Hop) else None
        client = ClientTransaction(key, method, data, flow, hop, context, now, patience)
        self._clients[key + b"/CANCEL" if method == b"CANCEL" else key] = client
        self._transmit(client, data)
        if client.reliable:
            self._watch(client)
            self._timers.start(patience, now, client)  # timer B or F
        else:
            client.interval = T1
            self._timers.start(T1, now, client)  # timer A or E
        return client

    def send_stateless(self, data: bytes, target: Flow | Hop) -> None:
        """Send without a transaction (ACK of a 2xx)."""
        if isinstance(target, Flow):
            self._outputs.append(Send(target, data))
        else:
            self._next_token += 1
            self._outputs.append(SendTo(target, data, self._next_token))

    def _transmit(self, client: ClientTransaction, data: bytes) -> None:
        if client.flow is not None:
            self._outputs.append(Send(client.flow, data))
            return
        assert client.hop is not None
        self._next_token += 1
        self._tokens[self._next_token] = client
        self._outputs.append(SendTo(client.hop, data, self._next_token))

    # -- transport news

    def sent_on(self, token: int, flow: Flow, now: float) -> None:
        """A `SendTo` went out on `flow`; the transaction keeps to it."""
        client = self._tokens.pop(token, None)
        if client is not None and client.state is not State.TERMINATED:
            client.flow = flow
            self._watch(client)

    def send_failed(self, token: int, reason: str, now: float) -> None:
        """A `SendTo` could not be sent (RFC 3261 §17.1.4)."""
        client = self._tokens.pop(token, None)
        if client is not None:
            self._fail(client, 503, reason, now)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A stream ended: requests that wait on it fail. Responses to it are lost and cleaned up by their timers."""
        for client in list(self._by_flow.pop(flow.id, ())):
            self._fail(client, 503, "connection closed", now)

    def _watch(self, client: ClientTransaction) -> None:
        if client.reliable and client.flow is not None:
            self._by_flow.setdefault(client.flow.id, set()).add(client)

    def _unwatch(self, client: ClientTransaction) -> None:
        if client.reliable and client.flow is not None:
            waiting = self._by_flow.get(client.flow.id)
            if waiting is not None:
                waiting.discard(client)
                if not waiting:
                    del self._by_flow[client.flow.id]

    # -- time

    def next_deadline(self) -> float | None:
        """Monotonic seconds, or `None`."""
        return self._timers.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Fire what is due."""
        for item in self._timers.pop_due(now):
            if type(item) is ClientTransaction:
                self._client_timer(item, now)
            elif type(item) is ServerTransaction:
                self._server_timer(item, now)
            else:
                self._forget(item[0])
                item[0].context = None

    def _client_timer(self, client: ClientTransaction, now: float) -> None:
        """Timers A, B, C, E and F: one chain of queue entries per transaction."""
        state = client.state
        if state is State.CALLING or state is State.TRYING or (state is State.PROCEEDING and not client.invite):
            left = client.started + (TIMEOUT if state is State.PROCEEDING else client.patience) - now
            if left <= 1e-6:
                self._fail(client, 408, "no answer in time", now)
                return
            if client.reliable:
                self._timers.start(_rounded(left), now, client)
                return
            self.counters["sip.request.retransmitted"] += 1
            self._transmit(client, client.data)
            if client.invite:
                client.interval *= 2
            else:
                client.interval = T2 if state is State.PROCEEDING else min(2 * client.interval, T2)
            self._timers.start(min(client.interval, _rounded(left)), now, client)
        elif state is State.PROCEEDING:
            left = client.started + (TIMEOUT if client.cancelled else TIMER_C) - now
            if left > 1e-6:
                self._timers.start(10 * ceil(left / 10), now, client)  # some seconds late is fine, more queues are not
            elif client.cancelled:
                self._fail(client, 408, "no final response in time", now)
            else:
                self._user.timer_c(client, now)
                self.cancelling(client, now)

    def cancelling(self, client: ClientTransaction, now: float) -> None:
        """A CANCEL for `client` goes out: it has 64*T1 to end with 487 (RFC 3261 §9.1)."""
        if not client.cancelled:
            client.cancelled = True
            client.started = now
            self._timers.start(TIMEOUT, now, client)

    def _server_timer(self, server: ServerTransaction, now: float) -> None:
        """Timers G and H: retransmit a non-2xx final response to an INVITE until the ACK comes."""
        if server.state is not State.COMPLETED or not server.invite:
            return
        left = server.started + TIMEOUT - now
        if left <= 1e-6:
            server.advance(Event.TIMEOUT)
            self._forget(server)
            self.counters["sip.ack.missing"] += 1
            return
        assert server.last is not None
        self._outputs.append(Send(server.flow, server.last))
        server.interval = min(2 * server.interval, T2)
        self._timers.start(min(server.interval, _rounded(left)), now, server)

    def _linger(self, transaction: ServerTransaction | ClientTransaction, delay: float, now: float) -> None:
        if delay == 0.0:
            self._forget(transaction)
        else:
            self._timers.start(delay, now, (transaction,))

    def _forget(self, transaction: ServerTransaction | ClientTransaction) -> None:
        transaction.advance(Event.LINGER)
        if isinstance(transaction, ServerTransaction):
            transaction.context = None  # a client's is still needed for its last response
            self._servers.pop(transaction.key, None)
        else:
            self._drop_client(transaction)

    def _fail(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        event = Event.TIMEOUT if status == 408 else Event.TRANSPORT_ERROR
        before = client.state
        if not client.advance(event):
            return
        self._drop_client(client)
        if before is State.COMPLETED:
            return  # only its ACK could not be sent
        self._user.client_failed(client, status, reason, now)

    def _drop_client(self, client: ClientTransaction) -> None:
        self._unwatch(client)
        self._clients.pop(client.key + b"/CANCEL" if client.method == b"CANCEL" else client.key, None)

    def __len__(self) -> int:
        """Transactions alive."""
        return len(self._servers) + len(self._clients)
