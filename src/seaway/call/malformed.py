"""What to answer to a message that the parser refused."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.sip.build import build_response
from seaway.core.sip.io import Flow
from seaway.core.sip.topvia import read_top_via
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Response, parse_lenient

__all__ = ["MalformedAnswer", "answer_malformed"]

_NEEDED = (b"from", b"to", b"call-id", b"cseq")


@dataclass(frozen=True, slots=True)
class MalformedAnswer:
    """`data` goes to `port` at the address the message came from (UDP), or back on its connection."""

    data: bytes
    port: int


def answer_malformed(data: bytes, flow: Flow, error: WireError) -> MalformedAnswer | None:
    """A stateless response, when enough of the request can be read; never to an ACK or a response (RFC 3261 §18.3)."""
    status = error.status if isinstance(error, SipError) else 400
    try:
        request = parse_lenient(data)
        if isinstance(request, Response) or request.method == b"ACK":
            return None
        _, port = read_top_via(request, flow)
        for name in _NEEDED:
            request.require(name)
        return MalformedAnswer(build_response(request, status, tag=b"malformed").serialise(), port)
    except (WireError, ValueError):
        return None
