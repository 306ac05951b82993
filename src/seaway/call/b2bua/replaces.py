"""The Replaces header field (RFC 3891): which dialog a new one takes the place of."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import is_token
from seaway.wire.sip.params import parse_header_params

__all__ = ["Replaces", "parse_replaces"]


@dataclass(frozen=True, slots=True)
class Replaces:
    """`to_tag` is the local tag of whoever gets it, `from_tag` the remote one (RFC 3891 §3)."""

    call_id: bytes
    to_tag: bytes
    from_tag: bytes
    early_only: bool = False

    def serialise(self) -> bytes:
        end = b";early-only" if self.early_only else b""
        return b"%b;to-tag=%b;from-tag=%b%b" % (self.call_id, self.to_tag, self.from_tag, end)


def parse_replaces(value: bytes) -> Replaces:
    """Raises `SipError` (400)."""
    call_id, _, rest = value.partition(b";")
    params = parse_header_params(b";" + rest)
    to_tag, from_tag = params.get(b"to-tag"), params.get(b"from-tag")
    call_id = call_id.strip(b" \t")
    if not call_id or b" " in call_id or to_tag is None or from_tag is None:
        raise SipError("Replaces has not Call-ID, to-tag and from-tag", section="RFC 3891 §6.1")
    if not is_token(to_tag) or not is_token(from_tag):
        raise SipError("a tag of Replaces is no token", section="RFC 3891 §6.1")
    return Replaces(call_id, to_tag, from_tag, b"early-only" in params)
