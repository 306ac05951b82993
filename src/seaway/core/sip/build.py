"""Building SIP messages from others: responses to a request, ACK and CANCEL of a request that we sent."""

from __future__ import annotations

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response
from seaway.wire.sip.nameaddr import tag_of
from seaway.wire.sip.status import reason_phrase

__all__ = ["build_ack", "build_cancel", "build_response", "build_trying"]

_COPIED = frozenset((b"via", b"from", b"to", b"call-id", b"cseq"))  # RFC 3261 §8.2.6.2
_COPIED_100 = _COPIED | {b"timestamp"}  # RFC 3261 §8.2.6.1


def build_response(
    request: Request,
    status: int,
    *,
    tag: bytes | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    reason: str | None = None,
) -> Response:
    """A response to `request` (RFC 3261 §8.2.6). `tag` is added to To when it has none; `headers` are raw name and
    value pairs ("Contact", "<sip:...>")."""
    names: list[bytes] = []
    lines: list[bytes] = []
    for name, line in zip(request.names, request.lines, strict=True):
        if (
            name in _COPIED
            or (name == b"timestamp" and status == 100)
            or (name == b"record-route" and 100 < status < 300)
        ):
            if name == b"to" and tag is not None and status > 100 and _untagged(line):
                line = line.rstrip() + b";tag=" + tag
            names.append(name)
            lines.append(line)
    for raw, value in headers:
        names.append(raw.lower())
        lines.append(raw + b": " + value)
    names.append(b"content-length")
    lines.append(b"Content-Length: 0")
    text = reason if reason is not None else reason_phrase(status)
    return Response(status, text.encode(), names, lines, b"")


def build_trying(request: Request) -> bytes:
    """The 100 for `request` as octets: what `build_response` gives, the short way, since each call has one."""
    lines = [b"SIP/2.0 100 Trying"]
    lines += [line for name, line in zip(request.names, request.lines, strict=True) if name in _COPIED_100]
    lines += (b"Content-Length: 0", b"", b"")
    return b"\r\n".join(lines)


def _untagged(line: bytes) -> bool:
    """Whether a To line needs a tag. One that cannot be read goes back as it came: it is what 400 is about."""
    try:
        return tag_of(line.partition(b":")[2].strip(b" \t")) is None
    except SipError:
        return False


def build_ack(request: Request, response: Response) -> bytes:
    """The ACK for a non-2xx final `response` to our INVITE `request` (RFC 3261 §17.1.1.3)."""
    return _companion(request, b"ACK", response.require(b"to"))


def build_cancel(request: Request) -> bytes:
    """The CANCEL of our INVITE `request` (RFC 3261 §9.1)."""
    return _companion(request, b"CANCEL", request.require(b"to"))


def _companion(request: Request, method: bytes, to: bytes) -> bytes:
    number = request.require(b"cseq").split(b" ")[0]
    lines = [
        b"%b %b SIP/2.0" % (method, request.uri),
        b"Via: " + request.require(b"via"),
        *(b"Route: " + value for value in request.all(b"route")),
        b"Max-Forwards: 70",
        b"From: " + request.require(b"from"),
        b"To: " + to,
        b"Call-ID: " + request.require(b"call-id"),
        b"CSeq: %b %b" % (number, method),
        b"Content-Length: 0",
        b"",
        b"",
    ]
    return b"\r\n".join(lines)
