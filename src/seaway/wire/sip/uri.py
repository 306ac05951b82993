"""SIP and SIPS URIs (RFC 3261 §19.1); other schemes are kept verbatim.

Parts stay in their own spelling, so that serialising gives back the octets that came in; comparison and the
registrar's key undo escapes and case.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import ALPHANUM, check_escapes, is_host, unescape
from seaway.wire.sip.params import NO_PARAMS, Params, parse_uri_params

__all__ = ["OtherUri", "SipUri", "Uri", "parse_host_port", "parse_request_uri", "parse_uri", "same_uri"]

# RFC 3261 §25.1: unreserved, escaped, user-unreserved. "#" is not among them, yet phones send it when it is dialled.
_USER = ALPHANUM + b"-_.!~*'()%&=+$,;?/#"
_PASSWORD = ALPHANUM + b"-_.!~*'()%&=+$,"
_HEADERS = ALPHANUM + b"-_.!~*'()[]/?:+$%&="
_SCHEME = ALPHANUM + b"+-."
_RESERVED = b";/?:@&=+$,"  # RFC 3261 §19.1.4: an escape of one of these is not the same as the octet itself
_VISIBLE = bytes(range(0x21, 0x7F))
_NEVER_IN_URI = b'<>"'
_MAX_URI = 8192  # octets


@dataclass(frozen=True, slots=True)
class SipUri:
    """`scheme` is `b"sip"` or `b"sips"`; the other parts are raw octets, escapes kept.

    `host` keeps the brackets of an IPv6 reference; `port` is `None` when absent; `headers` is the raw text after `?`.
    """

    scheme: bytes
    user: bytes | None
    password: bytes | None = field(repr=False)
    host: bytes
    port: int | None
    params: Params = NO_PARAMS
    headers: bytes | None = None

    @property
    def address(self) -> str:
        """Host in lower case, without brackets: what a resolver or a socket takes."""
        return self.host.strip(b"[]").lower().decode("ascii")

    @property
    def secure(self) -> bool:
        return self.scheme == b"sips"

    @property
    def transport(self) -> str | None:
        """The `transport` parameter in lower case."""
        value = self.params.get(b"transport")
        return None if value is None else value.lower().decode("ascii")

    @property
    def host_port(self) -> bytes:
        return self.host if self.port is None else b"%b:%d" % (self.host, self.port)

    def header_items(self) -> list[tuple[bytes, bytes]]:
        """The URI headers as raw `(name, value)` pairs (RFC 3261 §19.1.1)."""
        if not self.headers:
            return []
        pairs = [part.partition(b"=") for part in self.headers.split(b"&")]
        return [(name, value) for name, _, value in pairs]

    def aor(self) -> bytes:
        """Key of the address-of-record, `user@host` (RFC 3261 §10.3 step 5).

        The user is unescaped and keeps its case, the host is in lower case; scheme, password, parameters and headers
        do not count, nor do the ports 5060 and 5061. Without a user it is the host alone.
        """
        host = self.host.lower()
        if self.port not in (None, 5060, 5061):
            host = b"%b:%d" % (host, self.port)
        return host if self.user is None else unescape(self.user) + b"@" + host

    def serialise(self) -> bytes:
        out = self.scheme + b":"
        if self.user is not None:
            out += self.user + b"@" if self.password is None else b"%b:%b@" % (self.user, self.password)
        out += self.host_port
        if self.params.items:
            out += self.params.serialise()
        return out if self.headers is None else out + b"?" + self.headers


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of another scheme: `tel:`, `urn:`, `mailto:`... `raw` is all of it; `scheme` in lower case."""

    scheme: bytes
    raw: bytes

    def serialise(self) -> bytes:
        return self.raw


Uri = SipUri | OtherUri


def parse_uri(data: bytes) -> Uri:
    """Read one URI without brackets around it. Raises `SipError` (400, or 414 when it is too long)."""
    if len(data) > _MAX_URI:
        raise SipError(f"a URI is longer than {_MAX_URI} octets", status=414, section="RFC 3261 §21.4.12")
    raw_scheme, colon, rest = data.partition(b":")
    scheme = raw_scheme.lower()
    if scheme == b"sip" or scheme == b"sips":
        if colon:
            return _parse_sip(scheme, rest)
    elif colon and rest and raw_scheme[:1].isalpha() and not raw_scheme.translate(None, _SCHEME):
        if data.translate(None, _VISIBLE) or any(octet in data for octet in _NEVER_IN_URI):
            raise SipError("an octet is not allowed in a URI", section="RFC 3986 §2")
        return OtherUri(scheme, data)
    raise SipError("a URI has no scheme", section="RFC 3261 §19.1.1")


def parse_request_uri(data: bytes) -> SipUri:
    """A Request-URI that this element can route: `sip:` or `sips:` without headers.

    Raises `SipError`: 416 for another scheme (RFC 3261 §16.3 step 2), 400 when malformed or with headers, which
    §19.1.1 does not allow there.
    """
    uri = parse_uri(data)
    if not isinstance(uri, SipUri):
        raise SipError("the Request-URI is neither sip: nor sips:", status=416, section="RFC 3261 §16.3")
    if uri.headers is not None:
        raise SipError("the Request-URI has headers", section="RFC 3261 §19.1.1")
    return uri


def _parse_sip(scheme: bytes, rest: bytes) -> SipUri:
    user: bytes | None = None
    password: bytes | None = None
    # ";" and "?" are allowed in the user part, "@" is allowed nowhere else: the "@" decides first.
    before, at, after = rest.partition(b"@")
    if at:
        if b"@" in after:
            raise SipError("a SIP URI has more than one @", section="RFC 3261 §19.1.1")
        rest = after
        user, colon, secret = before.partition(b":")
        if not user or user.translate(None, _USER):
            raise SipError("the user part of a SIP URI is malformed", section="RFC 3261 §19.1.1")
        if colon:
            password = secret
            if password.translate(None, _PASSWORD):
                raise SipError("the password of a SIP URI is malformed", section="RFC 3261 §19.1.1")
        if b"%" in before:
            check_escapes(before, "user part")
    rest, mark, text = rest.partition(b"?")
    headers: bytes | None = None
    if mark:
        headers = text
        if not text or text.translate(None, _HEADERS):
            raise SipError("the headers of a SIP URI are malformed", section="RFC 3261 §19.1.1")
        check_escapes(text, "URI headers")
    host_port, semicolon, text = rest.partition(b";")
    params = parse_uri_params(text) if semicolon else NO_PARAMS
    host, port = parse_host_port(host_port)
    return SipUri(scheme, user, password, host, port, params, headers)


def parse_host_port(data: bytes) -> tuple[bytes, int | None]:
    """`host[:port]` with IPv6 in brackets (kept); the port is 1 to 65535 or `None`. Raises `SipError` (400)."""
    host, port_text = data, b""
    if data.startswith(b"["):
        close = data.find(b"]") + 1
        host, colon, port_text = data[:close], data[close : close + 1], data[close + 1 :]
        if colon not in (b"", b":"):
            raise SipError("unexpected octets after an IPv6 reference", section="RFC 3261 §25.1 IPv6reference")
    else:
        host, colon, port_text = data.partition(b":")
    if not is_host(host):
        raise SipError("a host is malformed", section="RFC 3261 §25.1 host")
    if not colon:
        return host, None
    try:
        port = parse_digits(port_text, maximum=65535)
    except WireError as error:
        raise SipError(f"port: {error.what}", section="RFC 3261 §25.1 port") from None
    if port == 0:
        raise SipError("port 0 cannot be reached", section="RFC 3261 §25.1 port")
    return host, port


# RFC 3261 §19.1.4: these never match when only one URI has them. `transport` is not in that list, but the examples
# there hold `sip:bob@biloxi.com` and the same with `;transport=udp` to differ.
_DECISIVE = (b"user", b"ttl", b"method", b"maddr", b"transport")


def same_uri(one: Uri, other: Uri) -> bool:
    """Whether two URIs are equivalent (RFC 3261 §19.1.4); other schemes by their octets."""
    if not isinstance(one, SipUri) or not isinstance(other, SipUri):
        return isinstance(one, OtherUri) and isinstance(other, OtherUri) and one.raw == other.raw
    if one.scheme != other.scheme or one.port != other.port or one.host.lower() != other.host.lower():
        return False
    if _plain(one.user) != _plain(other.user) or _plain(one.password) != _plain(other.password):
        return False
    mine, theirs = _param_map(one.params), _param_map(other.params)
    if any((name in mine) != (name in theirs) for name in _DECISIVE):
        return False
    if any(value != theirs[name] for name, value in mine.items() if name in theirs):
        return False
    return _header_set(one) == _header_set(other)


def _plain(data: bytes | None) -> bytes | None:
    return None if data is None else unescape(data, keep=_RESERVED)


def _param_map(params: Params) -> dict[bytes, bytes | None]:
    found: dict[bytes, bytes | None] = {}
    for name, value in params:
        found.setdefault(unescape(name).lower(), None if value is None else unescape(value).lower())
    return found


def _header_set(uri: SipUri) -> list[tuple[bytes, bytes]]:
    return sorted((unescape(name).lower(), unescape(value)) for name, value in uri.header_items())
