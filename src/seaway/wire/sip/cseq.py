"""The CSeq header field (RFC 3261 §20.16)."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import LWS, is_token

__all__ = ["MAX_CSEQ", "CSeq", "parse_cseq"]

MAX_CSEQ = 2**31 - 1  # RFC 3261 §8.1.1.5


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: bytes

    def serialise(self) -> bytes:
        return b"%d %b" % (self.number, self.method)


def parse_cseq(value: bytes) -> CSeq:
    """`number method`, the number below 2**31. Raises `SipError` (400)."""
    value = value.strip(LWS).replace(b"\t", b" ").replace(b"\r\n", b" ")
    number, _, method = value.partition(b" ")
    method = method.lstrip(b" ")
    if not is_token(method):
        raise SipError("CSeq has no method", section="RFC 3261 §20.16")
    try:
        return CSeq(parse_digits(number, maximum=MAX_CSEQ), method)
    except WireError as error:
        raise SipError(f"CSeq: {error.what}", section="RFC 3261 §8.1.1.5") from None
