"""Dialogs (RFC 3261 §12): what both ends of one relationship remember, and the requests that are built from it.

Pure state: who sends, retransmits and keeps time is `layer.py` and the user agent above it. A UAC gets one dialog for
each To tag that its request was answered with (forking); a UAS chooses the tag.
"""

from __future__ import annotations

from enum import Enum

from seaway.core.sip.routing import is_loose
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.cseq import MAX_CSEQ
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message, Request, Response, cseq_of
from seaway.wire.sip.nameaddr import split_commas, tag_of, uri_of

__all__ = ["Dialog", "DialogState", "cseq_number", "option_tags"]

Headers = tuple[tuple[bytes, bytes], ...]
"""Raw (name, value) pairs."""

_MAX_ROUTES = 32


class DialogState(Enum):
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"

    __hash__ = object.__hash__


class Dialog:
    """One dialog. `local` and `remote` are the name-addr values of our and the peer's From or To, with their tags.

    `routes` is the route set in the order in which it is sent, `target` the remote target URI. `local_seq` is the
    number of the request that we sent last, `remote_seq` of the one that came last; `None`: none yet.
    """

    __slots__ = (
        "call_id", "local", "local_seq", "local_tag", "remote", "remote_seq", "remote_tag", "routes", "state", "target",
        "uac",
    )  # fmt: skip

    def __init__(
        self, call_id: bytes, local: bytes, local_tag: bytes, remote: bytes, remote_tag: bytes, target: bytes,
        routes: list[bytes], *, uac: bool, local_seq: int | None = None, remote_seq: int | None = None,
    ) -> None:  # fmt: skip
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.target = target
        self.routes = routes
        self.uac = uac
        self.local_seq = local_seq
        self.remote_seq = remote_seq
        self.state = DialogState.EARLY

    @classmethod
    def as_uas(cls, request: Request, tag: bytes) -> Dialog:
        """The dialog that our answer with the To tag `tag` makes (RFC 3261 §12.1.1). Raises `SipError`."""
        remote = request.require(b"from")
        return cls(
            request.require(b"call-id"), request.require(b"to") + b";tag=" + tag, tag, remote, tag_of(remote) or b"",
            _contact(request), _route_set(request), uac=False, remote_seq=cseq_number(request),
        )  # fmt: skip

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> Dialog:
        """The dialog that `response`, which has a To tag, makes of our `request` (RFC 3261 §12.1.2). Raises
        `SipError`."""
        local, remote = request.require(b"from"), response.require(b"to")
        return cls(
            request.require(b"call-id"), local, tag_of(local) or b"", remote, tag_of(remote) or b"",
            _contact(response), _route_set(response)[::-1], uac=True, local_seq=cseq_number(request),
        )  # fmt: skip

    def confirm(self, response: Response | None = None) -> None:
        """A 2xx to the INVITE was sent, or received: then the route set is taken anew from `response`, and the target
        refreshed (RFC 3261 §13.2.2.4)."""
        if response is not None and self.state is DialogState.EARLY:
            self.routes = _route_set(response)[::-1]
        if response is not None:
            self.refresh(response)
        if self.state is DialogState.EARLY:
            self.state = DialogState.CONFIRMED

    def refresh(self, message: Message) -> None:
        """Take the remote target from a target refresh request or its 2xx (RFC 3261 §12.2.1.2, RFC 3311 §5.1)."""
        if b"contact" in message.names:
            self.target = _contact(message)

    def in_order(self, request: Request) -> bool:
        """Note the CSeq of a request that came; false when it is lower than one before: 500 (RFC 3261 §12.2.2)."""
        number = cseq_number(request)
        if self.remote_seq is not None and number < self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def request(self, method: bytes, headers: Headers = (), *, max_forwards: int = 70) -> Request:
        """A request of this dialog without Via (RFC 3261 §12.2.1.1); its CSeq is one higher than the last."""
        self.local_seq = 1 if self.local_seq is None else self.local_seq + 1
        return self._build(method, self.local_seq, headers, max_forwards)

    def ack(self, number: int) -> Request:
        """The ACK for the 2xx to our INVITE with CSeq `number`, without Via (RFC 3261 §13.2.2.4)."""
        return self._build(b"ACK", number, (), 70)

    def _build(self, method: bytes, number: int, headers: Headers, max_forwards: int) -> Request:
        uri, routes = self.target, self.routes
        if routes and not is_loose(uri_of(routes[0])):  # a strict router (RFC 3261 §12.2.1.1)
            uri, routes = uri_of(routes[0]), [*routes[1:], b"<" + self.target + b">"]
        fields = [
            (b"Max-Forwards", b"%d" % max_forwards),
            *((b"Route", route) for route in routes),
            (b"From", self.local),
            (b"To", self.remote),
            (b"Call-ID", self.call_id),
            (b"CSeq", b"%d %b" % (number, method)),
            *headers,
        ]
        names = [name.lower() for name, _ in fields]
        return Request(method, uri, names, [name + b": " + value for name, value in fields], b"")

    def names(self, call_id: bytes, local_tag: bytes, remote_tag: bytes) -> bool:
        """Whether these identify this dialog."""
        return self.call_id == call_id and self.local_tag == local_tag and self.remote_tag == remote_tag


def cseq_number(message: Message) -> int:
    """The number of CSeq. Raises `SipError` (400)."""
    try:
        return parse_digits(cseq_of(message)[0], maximum=MAX_CSEQ)
    except WireError as error:
        raise SipError(f"CSeq: {error.what}", section="RFC 3261 §8.1.1.5") from None


def option_tags(message: Message, name: bytes) -> frozenset[bytes]:
    """The tokens of a comma-separated header field (Supported, Require, Allow...), in the case in which they stand."""
    return frozenset(
        token for value in message.all(name) for part in value.split(b",") if (token := part.strip(b" \t"))
    )


def _contact(message: Message) -> bytes:
    """The one Contact URI of a message that makes or refreshes a dialog (RFC 3261 §8.1.1.8)."""
    values = split_commas(message.require(b"contact"))
    uri = uri_of(values[0])
    if len(values) != 1 or message.names.count(b"contact") != 1:
        raise SipError("more than one Contact", section="RFC 3261 §8.1.1.8")
    if uri[:4].lower() != b"sip:" and uri[:5].lower() != b"sips:":
        raise SipError("Contact is no SIP URI", section="RFC 3261 §8.1.1.8")
    return uri


def _route_set(message: Message) -> list[bytes]:
    routes = [part for value in message.all(b"record-route") for part in split_commas(value)]
    if len(routes) > _MAX_ROUTES:
        raise SipError(f"more than {_MAX_ROUTES} Record-Route values", section="RFC 3261 §12.1")
    for route in routes:
        uri_of(route)  # one that cannot be read would come up again with each request
    return routes
