"""A user agent that does what a test says, message by message: several dialogs, PRACK, UPDATE, REFER, odd answers.

It registers as `Phone` does. Requests that come wait in `inbox` until the test answers them, but for the methods in
`automatic`. Nothing is retransmitted that the transaction layer does not retransmit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seaway.core.sip.build import build_cancel, build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.dialog import Dialog
from seaway.core.sip.io import Flow
from seaway.core.sip.server import ServerTransaction
from seaway.wire.sip.message import Message, Request, Response
from seaway.wire.sip.nameaddr import tag_of

from .phone import Phone

__all__ = ["Came", "Sent", "Ua", "values"]


@dataclass
class Came:
    """A request that came."""

    server: ServerTransaction
    request: Request
    cancelled: bool = False

    @property
    def body(self) -> bytes:
        return self.request.body


@dataclass
class Sent:
    """A request that was sent, and what came back."""

    request: Request
    client: ClientTransaction | None = None
    responses: list[Response] = field(default_factory=list)
    dialogs: dict[bytes, Dialog] = field(default_factory=dict)  # by the peer's tag
    acked: set[bytes] = field(default_factory=set)
    failed: int = 0

    @property
    def statuses(self) -> list[int]:
        """Without 100 and without repetitions in a row."""
        found: list[int] = []
        for each in self.responses:
            if each.status > 100 and (not found or found[-1] != each.status):
                found.append(each.status)
        return found

    @property
    def last(self) -> Response:
        return self.responses[-1]

    @property
    def final(self) -> int:
        """The final status, 0 while there is none."""
        return next((each.status for each in self.responses if each.status >= 200), self.failed)


def values(message: Message, name: str) -> list[str]:
    return [each.decode("latin-1") for each in message.all(name.encode())]


class Ua(Phone):
    """`automatic` maps methods to the status with which they are answered at once."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.automatic: dict[bytes, int] = {b"BYE": 200, b"OPTIONS": 200}
        self.inbox: list[Came] = []
        self.history: list[Came] = []
        self.acks: list[Request] = []
        self.auto_ack = True
        self.extra: list[str] = []  # header lines of every response that makes a dialog
        self._sent: dict[bytes, Sent] = {}
        self._names = 0

    # -- sending

    def start(self, target: str, sdp: bytes = b"", *headers: str, content: str = "application/sdp") -> Sent:
        """An INVITE outside of any dialog; credentials are given when they are asked for."""
        self._names += 1
        tag = f"{self.user}tag{self._names}"
        return self._invite(target, sdp, headers, tag, f"{self.user}-call-{self._names}", 1, content, "")

    def _invite(
        self, target: str, sdp: bytes, headers: tuple[str, ...], tag: str, call_id: str, cseq: int, content: str,
        credentials: str,
    ) -> Sent:  # fmt: skip
        lines = [
            "Max-Forwards: 70", f"From: <{self.uri}>;tag={tag}", f"To: <{target}>", f"Call-ID: {call_id}",
            f"CSeq: {cseq} INVITE", f"Contact: <{self.contact_uri}>", *headers,
        ]  # fmt: skip
        if credentials:
            lines.append(credentials)
        request = _request("INVITE", target, lines, sdp, content)

        def challenged(response: Response) -> Sent | None:
            if credentials:
                return None
            found = self._credentials("INVITE", target, response)
            return self._invite(target, sdp, headers, tag, call_id, cseq + 1, content, found) if found else None

        return self.transmit(request, challenged)

    def ask(
        self, dialog: Dialog, method: str, body: bytes = b"", *headers: str, content: str = "application/sdp"
    ) -> Sent:
        """A request inside a dialog."""
        more = [tuple(part.encode() for part in each.split(": ", 1)) for each in headers]
        if method in ("INVITE", "UPDATE", "REFER", "NOTIFY") and not any(name == b"Contact" for name, _ in more):
            more.append((b"Contact", b"<" + self.contact_uri.encode() + b">"))
        request = dialog.request(method.encode(), tuple(more))  # type: ignore[arg-type]
        if body:
            request.set_body(body, content.encode())
        return self.transmit(request)

    def transmit(self, request: Request, challenged: Any = None) -> Sent:
        self._names += 1
        key = f"z9hG4bK{self.user}ua{self._names}".encode()
        place = f"{self.address[0]}:{self.address[1]}"
        via = f"Via: SIP/2.0/{self.proxy.transport.upper()} {place};rport;branch=".encode() + key
        request.insert(0, b"via", via)
        if b"content-length" not in request.names:
            request.set_body(request.body)
        sent = Sent(request)
        sent.challenged = challenged  # type: ignore[attr-defined]
        self._sent[key] = sent
        sent.client = self.layer.send_request(
            key, request.method, request.serialise(), self.flow or self.proxy, sent, self.net.now
        )
        self.net.drain(self.host)
        return sent

    def ack(self, sent: Sent, tag: bytes | None = None, body: bytes = b"") -> None:
        """The ACK of a 2xx."""
        dialog = sent.dialogs[tag] if tag is not None else next(iter(sent.dialogs.values()))
        request = dialog.ack(int(sent.request.require(b"cseq").split()[0]))
        self._names += 1
        via = f"Via: SIP/2.0/{self.proxy.transport.upper()} {self.address[0]}:{self.address[1]};rport;"
        request.insert(0, b"via", via.encode() + b"branch=z9hG4bKack%d" % self._names)
        request.set_body(body, b"application/sdp" if body else None)
        sent.acked.add(dialog.remote_tag)
        self.layer.send_stateless(request.serialise(), self.flow or self.proxy)
        self.net.drain(self.host)

    def cancel_call(self, sent: Sent) -> None:
        assert sent.client is not None
        data = build_cancel(sent.request)
        self.layer.send_request(sent.client.key, b"CANCEL", data, self.flow or self.proxy, "cancel", self.net.now)
        self.net.drain(self.host)

    def prack(self, sent: Sent, response: Response, body: bytes = b"") -> Sent:
        """The PRACK of a reliable response."""
        dialog = sent.dialogs[tag_of(response.require(b"to")) or b""]
        number = sent.request.require(b"cseq").decode()
        return self.ask(dialog, "PRACK", body, f"RAck: {response.require(b'rseq').decode()} {number}")

    # -- answering

    def take(self, method: str, seconds: float = 2.0) -> Came:
        """The next request of `method`, waiting for it on the network's clock."""
        end = self.net.now + seconds
        while True:
            for came in self.inbox:
                if came.request.method == method.encode():
                    self.inbox.remove(came)
                    return came
            if self.net.now >= end:
                seen = [each.request.method.decode() for each in self.history]
                raise AssertionError(f"{self.user} got no {method}, but {seen}")
            self.net.run(0.02)

    def reply(
        self, came: Came, status: int, sdp: bytes = b"", *headers: str, tag: str = "", contact: bool = True,
        content: str = "application/sdp",
    ) -> None:  # fmt: skip
        """Answer, as often as wanted."""
        more = [tuple(part.encode() for part in each.split(": ", 1)) for each in headers]
        if contact and 100 < status < 300 and came.request.method in (b"INVITE", b"UPDATE"):
            more.append((b"Contact", b"<" + self.contact_uri.encode() + b">"))
            more += [tuple(part.encode() for part in each.split(": ", 1)) for each in self.extra]
        response = build_response(
            came.request,
            status,
            tag=(tag or self.tag).encode(),
            headers=tuple(more),  # type: ignore[arg-type]
        )
        if sdp:
            response.set_body(sdp, content.encode())
        self.layer.respond(came.server, response.serialise(), status, self.net.now)
        self.net.drain(self.host)

    def dialog(self, came: Came, tag: str = "") -> Dialog:
        """Our end of the dialog that our answer to `came` makes."""
        return Dialog.as_uas(came.request, (tag or self.tag).encode())

    # -- TransactionUser

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        came = Came(server, request.copy())
        self.history.append(came)
        status = self.automatic.get(request.method)
        if status is not None:
            self.reply(came, status)
        else:
            self.inbox.append(came)

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        self.acks.append(request)

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        for came in self.history:
            if came.server is server:
                came.cancelled = True
                if b"CANCEL" not in self.automatic:
                    self.reply(came, 487)

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        sent = client.context
        if not isinstance(sent, Sent):
            super().response_received(client, response, now)
            return
        if response.status in (401, 407):
            again = sent.challenged(response) if sent.challenged else None  # type: ignore[attr-defined]
            if again is not None:
                self._sent[client.key] = again
                sent.responses, sent.dialogs, sent.acked = again.responses, again.dialogs, again.acked
                sent.request, sent.client = again.request, again.client
                again.origin = sent  # type: ignore[attr-defined]
                return
        sent.responses.append(response)
        tag = tag_of(response.require(b"to"))
        if client.invite and tag is not None and 100 < response.status < 300 and b"contact" in response.names:
            known = sent.dialogs.get(tag)
            if known is None:
                known = sent.dialogs[tag] = Dialog.as_uac(sent.request, response)
            if response.status >= 200:
                known.confirm(response)
                if self.auto_ack:
                    self.ack(sent, tag, self.ack_body)

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        if isinstance(client.context, Sent):
            client.context.failed = status
        else:
            super().client_failed(client, status, reason, now)


def _request(method: str, uri: str, lines: list[str], body: bytes, content: str) -> Request:
    names = [line.partition(":")[0].lower().encode() for line in lines]
    request = Request(method.encode(), uri.encode(), names, [line.encode() for line in lines], b"")
    request.set_body(body, content.encode() if body else None)
    return request
