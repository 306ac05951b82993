"""`;name=value` parameters of URIs and header fields, in order and in their own spelling (RFC 3261 §7.3.1, §19.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import ALPHANUM, LWS, TOKEN, check_escapes, quoted_end, split_outside, unquote

__all__ = ["NO_PARAMS", "Params", "parse_header_params", "parse_uri_params"]

_URI_PARAM = ALPHANUM + b"-_.!~*'()[]/:&+$%"  # RFC 3261 §25.1 paramchar
# gen-value is token, host or quoted-string; bare IPv6 is seen in `received` (RFC 5118 §4.5). Beyond that, what
# phones send unquoted (`/`, `@`, `=`, `?`, `|`...) is let through: it harms nobody and is copied, not read.
_HEADER_VALUE = TOKEN + b"[]:/@=?&$|#^{}()\\"


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters as `(name, value)` pairs; the value is raw (quotes kept), `None` without `=`.

    Names compare without case. Of a repeated parameter the first counts, everywhere.
    """

    items: tuple[tuple[bytes, bytes | None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    def __iter__(self) -> Iterator[tuple[bytes, bytes | None]]:
        return iter(self.items)

    def __contains__(self, name: bytes) -> bool:
        return any(each == name or each.lower() == name for each, _ in self.items)

    def get(self, name: bytes) -> bytes | None:
        """The raw value of `name` (given in lower case); `None` when it is absent or has no value."""
        for each, value in self.items:
            if each == name or each.lower() == name:
                return value
        return None

    def text(self, name: bytes) -> bytes | None:
        """Like `get`, with a quoted string undone."""
        value = self.get(name)
        return unquote(value) if value is not None and value.startswith(b'"') else value

    def with_(self, name: bytes, value: bytes | None = None) -> Params:
        """A copy where `name` has `value`: exchanged in place (repeats go), or appended."""
        done = False
        items: list[tuple[bytes, bytes | None]] = []
        for each in self.items:
            if each[0].lower() != name:
                items.append(each)
            elif not done:
                items.append((each[0], value))
                done = True
        if not done:
            items.append((name, value))
        return Params(tuple(items))

    def without(self, name: bytes) -> Params:
        """A copy that has no `name` (given in lower case)."""
        return Params(tuple(each for each in self.items if each[0].lower() != name))

    def serialise(self) -> bytes:
        """`;a=b;c`, or nothing."""
        return b"".join([b";" + n if v is None else b";" + n + b"=" + v for n, v in self.items])


NO_PARAMS = Params()


def parse_header_params(data: bytes) -> Params:
    """Parameters of a header field value, `data` beginning at the first `;` (or empty, or white space).

    White space around `;` and `=` is allowed. Raises `SipError` (400).
    """
    data = data.strip(LWS)
    if not data:
        return NO_PARAMS
    if data[0] != 0x3B:
        raise SipError("unexpected octets before the parameters", section="RFC 3261 §25.1")
    items: list[tuple[bytes, bytes | None]] = []
    for part in split_outside(data[1:], b";"):
        name, equals, value = part.partition(b"=")
        name = name.rstrip(LWS)
        if not name or name.translate(None, TOKEN):
            raise SipError("a parameter has no valid name", section="RFC 3261 §25.1 generic-param")
        if equals:
            value = value.lstrip(LWS)
            _check_value(value)
            items.append((name, value))
        else:
            items.append((name, None))
    return Params(tuple(items))


def _check_value(value: bytes) -> None:
    if value.startswith(b'"'):
        if quoted_end(value, 0) == len(value):
            return
    elif value and not value.translate(None, _HEADER_VALUE):
        return
    raise SipError("a parameter has no valid value", section="RFC 3261 §25.1 gen-value")


def parse_uri_params(data: bytes) -> Params:
    """Parameters of a URI, `data` without the first `;`. No white space, no quotes. Raises `SipError` (400)."""
    if data.translate(None, _URI_PARAM + b";="):
        raise SipError("an octet is not allowed in URI parameters", section="RFC 3261 §19.1.1")
    if b"%" in data:
        check_escapes(data, "URI parameters")
    items: list[tuple[bytes, bytes | None]] = []
    for part in data.split(b";"):
        name, equals, value = part.partition(b"=")
        # `lr=` with nothing after it is malformed, but seen; `a=b=c` would be read two ways.
        if not name or b"=" in value:
            raise SipError("a URI parameter is malformed", section="RFC 3261 §19.1.1")
        items.append((name, value if equals else None))
    return Params(tuple(items))
