"""The small pieces every SIP field parser shares: tokens, quoted strings, escapes, splitting outside quotes.

Everything here is linear in the length of its input and works on octets (RFC 3261 §25.1). No SIP field has a splitter
or an unquoter of its own, so no two parsers can disagree on where a quoted string ends.
"""

from __future__ import annotations

import re

from seaway.wire.sip.errors import SipError

__all__ = [
    "ALPHANUM", "HEX", "LWS", "TOKEN", "check_escapes", "is_host", "is_token", "quote", "quoted_end",
    "split_outside", "unescape", "unquote",
]  # fmt: skip

LWS = b" \t\r\n"
DIGIT = b"0123456789"
HEX = DIGIT + b"abcdefABCDEF"
ALPHANUM = DIGIT + b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKEN = ALPHANUM + b"-.!%*_+`'~"  # RFC 3261 §25.1 token
_HOST = ALPHANUM + b"-._"  # "_" is no hostname character, but common in private DNS
_IPV6 = HEX + b":."
_MAX_HOST = 255  # octets; RFC 1035 §2.3.4

# One character class: linear, no backtracking. Positions of what can open or close something.
_MARKS = re.compile(rb'[",;<>]')


def is_token(data: bytes) -> bool:
    """Whether `data` is one or more token characters."""
    return bool(data) and not data.translate(None, TOKEN)


def is_host(data: bytes) -> bool:
    """Whether `data` looks like a host name, an IPv4 address or an IPv6 reference in brackets (RFC 3261 §25.1)."""
    if not data or len(data) > _MAX_HOST:
        return False
    if data.startswith(b"["):
        return data.endswith(b"]") and _is_ipv6(data[1:-1])
    return not data.translate(None, _HOST) and data[:1] not in (b".", b"-")


def _is_ipv6(data: bytes) -> bool:
    # Shape only; the runtime's resolver is the judge of the value. RFC 5118 §4.2 needs two colons at least.
    return 2 <= len(data) <= 45 and data.count(b":") >= 2 and not data.translate(None, _IPV6)


def quoted_end(data: bytes, start: int) -> int:
    """The offset just after the closing quote of the quoted string that opens at `start`.

    Raises `SipError` when it does not close.
    """
    position = start + 1
    while True:
        close = data.find(b'"', position)
        if close < 0:
            raise SipError("a quoted string does not end", offset=start, section="RFC 3261 §25.1")
        escape = data.find(b"\\", position, close)
        if escape < 0:
            return close + 1
        position = escape + 2  # the escaped octet is never the end


def split_outside(data: bytes, separator: bytes, *, brackets: bool = False, first: bool = False) -> list[bytes]:
    """Split at `separator` (`b","` or `b";"`) outside quoted strings and, with `brackets`, outside `<>`.

    `first`: split once only. White space around the parts is taken off; empty parts stay. Raises `SipError` for a
    quote or bracket that does not close.
    """
    if separator not in data:
        return [data.strip(LWS)]
    if b'"' not in data and not (brackets and b"<" in data):
        return [part.strip(LWS) for part in data.split(separator, 1 if first else -1)]
    parts: list[bytes] = []
    begin = position = 0
    mark = separator[0]
    while (match := _MARKS.search(data, position)) is not None:
        position = match.end()
        octet = data[position - 1]
        if octet == 0x22:  # "
            position = quoted_end(data, position - 1)
        elif octet == 0x3C and brackets:  # <
            position = data.find(b">", position) + 1
            if position == 0:
                raise SipError("a < has no matching >", offset=match.start(), section="RFC 3261 §25.1")
        elif octet == mark:
            parts.append(data[begin : position - 1].strip(LWS))
            begin = position
            if first:
                break
    parts.append(data[begin:].strip(LWS))
    return parts


def unquote(data: bytes) -> bytes:
    """The content of a quoted string (quotes included in `data`) without its escapes."""
    inner = data[1:-1]
    if b"\\" not in inner:
        return inner
    parts = inner.split(b"\\\\")  # an escaped backslash first, so that its second half escapes nothing
    return b"\\".join(part.replace(b"\\", b"") for part in parts)


def quote(data: bytes) -> bytes:
    """`data` as a quoted string."""
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def check_escapes(data: bytes, where: str) -> None:
    """Raise `SipError` when a `%` in `data` is not followed by two hexadecimal digits (RFC 3261 §25.1 escaped)."""
    for part in data.split(b"%")[1:]:
        if len(part) < 2 or part[:2].translate(None, HEX):
            raise SipError(f"a % in the {where} is not followed by two hexadecimal digits", section="RFC 3261 §25.1")


def unescape(data: bytes, keep: bytes = b"") -> bytes:
    """Undo `%HH`. Escapes of octets in `keep` stay, with upper-case digits. Expects `check_escapes` has passed."""
    if b"%" not in data:
        return data
    head, *rest = data.split(b"%")
    out = [head]
    for part in rest:
        octet = bytes.fromhex(part[:2].decode("ascii"))
        out.append(b"%" + part[:2].upper() if octet in keep else octet)
        out.append(part[2:])
    return b"".join(out)
