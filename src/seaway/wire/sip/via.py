"""The Via header field (RFC 3261 §20.42; `rport`: RFC 3581)."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import LWS, is_token
from seaway.wire.sip.nameaddr import split_first
from seaway.wire.sip.params import NO_PARAMS, Params, parse_header_params
from seaway.wire.sip.uri import parse_host_port

__all__ = ["MAGIC_COOKIE", "Via", "branch_of", "parse_via"]

MAGIC_COOKIE = b"z9hG4bK"  # RFC 3261 §8.1.1.7


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value. `transport` is in upper case; `host` keeps its spelling and the brackets of IPv6."""

    transport: bytes
    host: bytes
    port: int | None = None
    params: Params = NO_PARAMS
    protocol: bytes = b"SIP/2.0"

    @property
    def branch(self) -> bytes | None:
        return self.params.get(b"branch")

    @property
    def received(self) -> bytes | None:
        """The `received` address without brackets (RFC 5118 §4.5 has both forms)."""
        value = self.params.get(b"received")
        return None if value is None else value.strip(b"[]")

    @property
    def maddr(self) -> bytes | None:
        return self.params.get(b"maddr")

    @property
    def wants_rport(self) -> bool:
        """Whether `rport` is there without a value (RFC 3581 §3)."""
        return b"rport" in self.params and self.params.get(b"rport") is None

    @property
    def rport(self) -> int | None:
        """The value of `rport`. Raises `SipError` (400) when it is no port."""
        return _number(self.params, b"rport", 65535)

    @property
    def ttl(self) -> int | None:
        """The value of `ttl`, 0 to 255. Raises `SipError` (400)."""
        return _number(self.params, b"ttl", 255)

    @property
    def address(self) -> str:
        """Host in lower case, without brackets."""
        return self.host.strip(b"[]").lower().decode("ascii")

    @property
    def sent_by(self) -> bytes:
        """`host[:port]` as the sender wrote it, white space aside."""
        return self.host if self.port is None else b"%b:%d" % (self.host, self.port)

    def serialise(self) -> bytes:
        return b"%b/%b %b%b" % (self.protocol, self.transport, self.sent_by, self.params.serialise())


def _number(params: Params, name: bytes, maximum: int) -> int | None:
    value = params.get(name)
    if value is None:
        return None
    try:
        return parse_digits(value, maximum=maximum)
    except WireError as error:
        raise SipError(f"Via {name.decode()}: {error.what}", section="RFC 3261 §20.42") from None


def parse_via(value: bytes) -> Via:
    """One Via value. White space is allowed around `/`, `:` and `;`. Raises `SipError` (400)."""
    value = value.strip(LWS)
    head, semicolon, tail = value.partition(b";")
    parts = head.split(b"/", 2)
    if len(parts) != 3:
        raise SipError("Via has no protocol", section="RFC 3261 §20.42")
    name, version = parts[0].rstrip(LWS), parts[1].strip(LWS)
    # The transport ends at the first white space after it; fold and HTAB count as SP.
    rest = parts[2].strip(LWS).replace(b"\t", b" ").replace(b"\r\n", b" ")
    transport, _, sent_by = rest.partition(b" ")
    if not (is_token(name) and is_token(version) and is_token(transport)):
        raise SipError("the protocol of a Via is malformed", section="RFC 3261 §25.1 sent-protocol")
    protocol = name.upper() + b"/" + version
    if protocol != b"SIP/2.0":
        raise SipError("a Via is not SIP/2.0", section="RFC 3261 §20.42")
    sent_by = sent_by.strip(b" ")
    if b" " in sent_by:
        # COLON may have white space around it; a space elsewhere makes two hosts.
        before, colon, after = sent_by.rpartition(b":")
        sent_by = before.rstrip(b" ") + colon + after.lstrip(b" ")
    host, port = parse_host_port(sent_by)
    params = parse_header_params(b";" + tail) if semicolon else NO_PARAMS
    branch = params.get(b"branch")
    if b"branch" in params and (branch is None or not is_token(branch)):
        raise SipError("a branch is no token", section="RFC 3261 §25.1 via-branch")
    return Via(transport.upper(), host, port, params, protocol)


def branch_of(value: bytes) -> bytes | None:
    """The branch of the first Via in `value`, `None` when it has none. Raises `SipError` (400) when malformed.

    For every value that `parse_via` accepts it gives `parse_via(value).branch`.
    """
    begin = value.find(b";branch=z9hG4bK")
    # The short way only when nothing before it could be a branch in another spelling, a quote or a second value.
    if begin >= 0:
        before = value[:begin]
        if b'"' not in before and b"," not in before and b"branch" not in before.lower():
            branch = value[begin + 8 :].partition(b";")[0].partition(b",")[0]
            if is_token(branch):
                return branch
    return parse_via(split_first(value)[0]).branch
