"""What to answer to a message that the parser refused.

RFC 4475 §3.1.2 and §3.3 want 400 (or 505) even where the request line or the top Via cannot be read. So the request
line is mended for the answer, which does not repeat it, and without a readable Via the answer goes to where the request
came from. Whatever does not look like a SIP request gets none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seaway.core.sip.build import build_response
from seaway.core.sip.io import Flow
from seaway.core.sip.topvia import read_top_via
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse_lenient

__all__ = ["MalformedAnswer", "answer_malformed"]

_NEEDED = (b"via", b"cseq")  # without them nobody can tell what the answer is for
_START = re.compile(rb"([A-Za-z0-9.!%*_+`'~-]{1,32}) .{1,8192} ?SIP/[0-9]{1,3}\.[0-9]{1,3} {0,8}")


@dataclass(frozen=True, slots=True)
class MalformedAnswer:
    """`data` goes to `port` at the address the message came from (UDP), or back on its connection."""

    data: bytes
    port: int


def answer_malformed(data: bytes, flow: Flow, error: WireError) -> MalformedAnswer | None:
    """A stateless response, when enough of the request can be read; never to an ACK or a response (RFC 3261 §18.3)."""
    status = error.status if isinstance(error, SipError) else 400
    try:
        request = _request(data)
        if request is None or request.method == b"ACK":
            return None
        for name in _NEEDED:
            request.require(name)
        return MalformedAnswer(build_response(request, status, tag=b"malformed").serialise(), _port(request, flow))
    except (WireError, ValueError):
        return None


def _request(data: bytes) -> Request | None:
    """The request as far as it can be read, `None` for a response. Raises `SipError`."""
    try:
        message = parse_lenient(data)
    except SipError:
        line, end, rest = data.partition(b"\r\n")
        start = _START.fullmatch(line)
        if start is None:
            raise
        message = parse_lenient(start[1] + b" sip:mended.invalid SIP/2.0" + end + rest)
    return None if isinstance(message, Response) else message


def _port(request: Request, flow: Flow) -> int:
    """Where the answer goes; stamps the Via when it can be read."""
    try:
        return read_top_via(request, flow)[1]
    except WireError:
        return flow.remote[1]
