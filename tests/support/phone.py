"""A scripted SIP phone on the same transaction layer: registers with digest, calls, answers, hangs up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from seaway.core.sip.build import build_cancel, build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.io import Address, Flow, Hop, Send, SendTo
from seaway.core.sip.layer import TransactionLayer
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.topvia import read_top_via
from seaway.identity.digest import Challenge, answer, choose
from seaway.wire.endpoint import shown
from seaway.wire.errors import WireError
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import tag_of, uri_of

from .net import Host, Listening, Network

__all__ = ["Dialog", "Phone"]


class Dialog:
    """One call, seen from one phone."""

    def __init__(self, call_id: str, local: str, remote: str, target: str, routes: list[str]) -> None:
        self.call_id, self.local, self.remote, self.target, self.routes = call_id, local, remote, target, routes
        self.cseq = 1
        self.invite_branch = ""
        self.statuses: list[int] = []  # responses to the INVITE
        self.bodies: list[bytes] = []  # SDP received: of responses, requests and ACK
        self.server: ServerTransaction | None = None  # incoming INVITE
        self.invite: Request | None = None
        self.acked = False
        self.ended = ""
        self.sdp = b""


class Phone:
    """The core of a `Host`. `script` lists (delay, status, SDP) with which an INVITE is answered."""

    def __init__(
        self, net: Network, user: str, address: Address, proxy: Hop, *, password: str | None = None,
        domain: str = "example.test", contact: Address | None = None, names: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.net, self.user, self.address, self.proxy, self.domain = net, user, address, proxy, domain
        self.password = password if password is not None else f"secret-{user}"
        self.contact = contact or address
        self.tag = f"{user}-{address[0].replace(':', '.')}"  # of dialogs that others begin
        self.script: list[tuple[float, int, bytes]] = [(0.1, 180, b""), (0.5, 200, b"")]
        self.ack_body = b""
        self.contact_params = ""  # of the Contact in REGISTER
        self.register_headers: tuple[str, ...] = ()
        self.notify_status = 200
        self.outputs: deque[Any] = deque()
        self.layer = TransactionLayer(self, self.outputs, Counter())
        self.host = net.add(Host(user, self, {(proxy.transport, address): Listening()}, names))
        self.flow: Flow | None = None
        if proxy.transport == "udp":
            self.flow = Flow(-1 - len(net.hosts), "udp", address, (proxy.host, proxy.port), "inner", "phone")
        self.dialogs: dict[str, Dialog] = {}
        self.registered: list[tuple[int, Response | None]] = []
        self.results: list[tuple[str, int]] = []  # (method, status) of every final response
        self.received: list[Request] = []
        self.defects: list[str] = []
        self._number = 0
        self._reg = 0
        self._acks: dict[bytes, bytes] = {}
        self._last: dict[bytes, bytes] = {}  # response sent last, by transaction
        self._own: dict[bytes, tuple[Request, Callable[[Response | None], None]]] = {}

    # -- contract of a core

    def next_output(self) -> Any | None:
        return self.outputs.popleft() if self.outputs else None

    def next_deadline(self) -> float | None:
        return self.layer.next_deadline()

    def handle_timeout(self, now: float) -> None:
        self.layer.handle_timeout(now)

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        try:
            message = parse(data)
            if isinstance(message, Response):
                self.layer.receive_response(message, now)
                return
            key, _ = read_top_via(message, flow)
        except WireError as error:
            self.defects.append(f"{error}: {data!r}")
            return
        self.layer.receive_request(message, key, flow, flow, now)

    def flow_opened(self, flow: Flow, now: float) -> None: ...

    def flow_closed(self, flow: Flow, now: float, reason: str = "") -> None:
        self.layer.flow_closed(flow, now)
        if flow is self.flow:
            self.flow = None

    def sent_on(self, token: int, flow: Flow, now: float) -> None:
        self.flow = flow
        self.layer.sent_on(token, flow, now)

    def send_failed(self, token: int, reason: str, now: float) -> None:
        self.layer.send_failed(token, reason, now)

    def pong(self, flow: Flow, now: float) -> None: ...

    # -- what a test tells it to do

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact_uri(self) -> str:
        kind = self.proxy.transport
        return f"sip:{self.user}@{shown(self.contact)}" + ("" if kind == "udp" else f";transport={kind}")

    def register(self, expires: int = 600, run: bool = True) -> int | None:
        """Register (with digest when asked) and return the final status."""
        self._reg += 1
        lines = [f"Contact: <{self.contact_uri}>{self.contact_params}", f"Expires: {expires}", *self.register_headers]
        before = len(self.registered)
        self._ask(
            "REGISTER", f"sip:{self.domain}", f"<{self.uri}>;tag=r", f"<{self.uri}>", f"reg-{self.user}", self._reg,
            lines, b"", lambda response: self.registered.append((response.status if response else 0, response)),
        )  # fmt: skip
        if run:
            self.net.run(2)
        return self.registered[-1][0] if len(self.registered) > before else None

    def call(self, target: str, sdp: bytes = b"", *headers: str) -> Dialog:
        """Send an INVITE (answering a challenge)."""
        self._number += 1
        name = f"{self.user}{self._number}"
        dialog = Dialog(f"call-{name}", f"<{self.uri}>;tag={name}", f"<{target}>", target, [])
        dialog.sdp = sdp
        self.dialogs[dialog.call_id] = dialog
        self.invite(dialog, sdp, *headers)
        return dialog

    def invite(self, dialog: Dialog, sdp: bytes = b"", *headers: str) -> None:
        """INVITE or re-INVITE."""
        dialog.cseq += 1
        lines = [f"Contact: <{self.contact_uri}>", *headers]
        self._ask(
            "INVITE", dialog.target, dialog.local, dialog.remote, dialog.call_id, dialog.cseq, lines, sdp,
            lambda response: self._invite_done(dialog, response), dialog,
        )  # fmt: skip

    def request(self, method: str, dialog: Dialog, body: bytes = b"") -> None:
        dialog.cseq += 1
        self._ask(
            method, dialog.target, dialog.local, dialog.remote, dialog.call_id, dialog.cseq, [], body,
            lambda response: None, dialog,
        )  # fmt: skip

    def bye(self, dialog: Dialog) -> None:
        dialog.ended = "bye sent"
        self.request("BYE", dialog)

    def cancel(self, dialog: Dialog) -> None:
        for key, (request, _) in self._own.items():
            if request.method == b"INVITE" and request.get(b"call-id") == dialog.call_id.encode():
                assert self.flow is not None
                self.layer.send_request(key, b"CANCEL", build_cancel(request), self.flow, "cancel", self.net.now)
        self.net.drain(self.host)

    def send(self, data: bytes) -> None:
        """Raw octets to the proxy."""
        if self.flow is not None:
            self.outputs.append(Send(self.flow, data))
        else:
            self.outputs.append(SendTo(self.proxy, data, 10**9))
        self.net.drain(self.host)

    # -- requests

    def _ask(
        self, method: str, uri: str, frm: str, to: str, call_id: str, cseq: int, lines: list[str], body: bytes,
        done: Callable[[Response | None], None], dialog: Dialog | None = None, credentials: str = "",
    ) -> None:  # fmt: skip
        self._number += 1
        branch = f"z9hG4bK{self.user}{self._number}"
        place = f"[{self.address[0]}]" if ":" in self.address[0] else self.address[0]
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.proxy.transport.upper()} {place}:{self.address[1]};rport;branch={branch}",
            "Max-Forwards: 70", f"From: {frm}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
            *(f"Route: {route}" for route in (dialog.routes if dialog else ())), *lines,
        ]  # fmt: skip
        if credentials:
            head.append(credentials)
        if body:
            head.append("Content-Type: application/sdp")
        data = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
        message = parse(data)
        assert isinstance(message, Request)

        def finished(response: Response | None) -> None:
            if response is not None and response.status in (401, 407) and not credentials:
                retry = self._credentials(method, uri, response)
                if retry:
                    if dialog is not None:
                        dialog.cseq += 1
                    else:
                        self._reg += 1
                    number = dialog.cseq if dialog is not None else self._reg
                    self._ask(method, uri, frm, to, call_id, number, lines, body, done, dialog, retry)
                    return
            self.results.append((method, response.status if response is not None else 0))
            done(response)

        self._own[branch.encode()] = (message, finished)
        context = dialog if dialog is not None else "request"
        target: Flow | Hop = self.flow if self.flow is not None else self.proxy
        self.layer.send_request(branch.encode(), method.encode(), data, target, context, self.net.now)
        self.net.drain(self.host)

    def _credentials(self, method: str, uri: str, response: Response) -> str:
        name, field = (b"www-authenticate", "Authorization") if response.status == 401 else (
            b"proxy-authenticate", "Proxy-Authorization",
        )  # fmt: skip
        challenges = [Challenge.from_parameters(digest_parameters(value) or {}) for value in response.all(name)]
        chosen = choose(challenges)
        if chosen is None:
            return ""
        return f"{field}: " + answer(chosen, self.user, self.password, method, uri, cnonce="00c0ffee")

    def _invite_done(self, dialog: Dialog, response: Response | None) -> None:
        dialog.statuses.append(response.status if response is not None else 0)
        if response is not None and response.status >= 300 and not dialog.acked:
            dialog.ended = f"refused with {response.status}"

    # -- TransactionUser

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        if client.context == "cancel":
            return
        _, finished = self._own[client.key]
        dialog = client.context
        if client.invite and isinstance(dialog, Dialog):
            if response.body:
                dialog.bodies.append(response.body)
            if response.status < 200:
                if response.status > 100:
                    dialog.statuses.append(response.status)
                return
            if response.status < 300:
                self._accepted(dialog, client, response, finished)
                return
        if response.status >= 200:
            finished(response)

    def _accepted(
        self, dialog: Dialog, client: ClientTransaction, response: Response, finished: Callable[[Response | None], None]
    ) -> None:
        known = self._acks.get(client.key)
        if known is None:
            dialog.remote = response.require(b"to").decode()
            dialog.target = uri_of(response.require(b"contact")).decode()
            if not dialog.acked:
                dialog.routes = [value.decode() for value in reversed(response.all(b"record-route"))]
            dialog.acked = True
            body = self.ack_body
            lines = [
                f"ACK {dialog.target} SIP/2.0",
                f"Via: SIP/2.0/{self.proxy.transport.upper()} {shown(self.address)};rport;"
                f"branch={client.key.decode()}ack",
                "Max-Forwards: 70", f"From: {dialog.local}", f"To: {dialog.remote}", f"Call-ID: {dialog.call_id}",
                f"CSeq: {dialog.cseq} ACK", *(f"Route: {route}" for route in dialog.routes),
                *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", "",
            ]  # fmt: skip
            known = self._acks[client.key] = "\r\n".join(lines).encode() + body
            finished(response)
        assert self.flow is not None
        self.outputs.append(Send(self.flow, known))

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        if client.context != "cancel":
            self._own[client.key][1](None)

    def timer_c(self, client: ClientTransaction, now: float) -> None: ...

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        self.received.append(request)
        call_id = request.require(b"call-id").decode()
        dialog = self.dialogs.get(call_id)
        if request.method == b"INVITE":
            if dialog is None:
                routes = [value.decode() for value in request.all(b"record-route")]
                local = f"{request.require(b'to').decode()};tag={self.tag}"
                remote, target = request.require(b"from").decode(), uri_of(request.require(b"contact")).decode()
                dialog = Dialog(call_id, local, remote, target, routes)
                self.dialogs[call_id] = dialog
            dialog.server, dialog.invite, dialog.acked = server, request, False
            if request.body:
                dialog.bodies.append(request.body)
            for delay, status, sdp in self.script:
                self.net.at(delay, self._answer(dialog, server, request, status, sdp))
            return
        if request.method == b"NOTIFY":
            self._respond(server, request, self.notify_status)
            return
        if dialog is None:
            self._respond(server, request, 200 if request.method in (b"OPTIONS", b"MESSAGE") else 481)
            return
        if request.method == b"BYE":
            dialog.ended = "bye received"
        self._respond(server, request, 200)

    def _answer(
        self, dialog: Dialog, server: ServerTransaction, request: Request, status: int, sdp: bytes
    ) -> Callable[[], None]:
        def answering() -> None:
            if server.request is None:
                return
            self._respond(server, request, status, sdp)
            if status >= 200 and status < 300:
                self._repeat(dialog, server, 0.5)

        return answering

    def _repeat(self, dialog: Dialog, server: ServerTransaction, delay: float) -> None:
        """RFC 3261 §13.3.1.4: the 2xx is repeated until its ACK comes."""
        data = self._last[server.key]

        def again() -> None:
            if not dialog.acked and not dialog.ended and delay <= 16:
                self.layer.respond(server, data, 200, self.net.now)
                self.net.drain(self.host)
                self._repeat(dialog, server, 2 * delay)

        self.net.at(delay, again)

    def _respond(self, server: ServerTransaction, request: Request, status: int, sdp: bytes = b"") -> None:
        headers = ((b"Contact", b"<" + self.contact_uri.encode() + b">"),) if request.method == b"INVITE" else ()
        response = build_response(request, status, tag=self.tag.encode(), headers=headers)
        if sdp:
            response.set_body(sdp, b"application/sdp")
        data = response.serialise()
        self._last[server.key] = data
        self.layer.respond(server, data, status, self.net.now)
        self.net.drain(self.host)

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        dialog = self.dialogs.get(request.require(b"call-id").decode())
        if dialog is not None and tag_of(request.require(b"to")) is not None:
            dialog.acked = True
            if request.body:
                dialog.bodies.append(request.body)

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        for dialog in self.dialogs.values():
            if dialog.server is server and dialog.invite is not None:
                dialog.ended = "cancelled"
                self._respond(server, dialog.invite, 487)
