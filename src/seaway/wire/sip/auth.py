"""Digest challenges and credentials in SIP header fields (RFC 3261 §20.7, §20.44; RFC 7616 §3; RFC 8760).

Only the fields: computing and checking digests is in `identity/`. Each header line holds one challenge or one set of
credentials (RFC 3261 §7.3.1 forbids joining them with commas).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import HEX, LWS, TOKEN, is_token, quote, quoted_end, split_outside, unquote

__all__ = [
    "Challenge",
    "Credentials",
    "OtherAuth",
    "nonce_count_text",
    "parse_auth_params",
    "parse_challenge",
    "parse_challenges",
    "parse_credentials",
    "parse_nextnonce",
]  # fmt: skip

_MAX_PARAMS = 32
_CHALLENGE = frozenset((b"realm", b"nonce", b"opaque", b"stale", b"algorithm", b"qop", b"userhash", b"domain"))
_CREDENTIALS = frozenset(b"username realm nonce uri response algorithm cnonce opaque qop nc userhash".split(b" "))


@dataclass(frozen=True, slots=True)
class OtherAuth:
    """A scheme that is not Digest; `data` is everything after the scheme, raw."""

    scheme: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """A Digest challenge. Strings are without quotes. `qop` is in the sender's order, empty when absent (RFC 2069).

    `algorithm` is as sent, `b"MD5"` when absent (RFC 7616 §3.3); `other` holds the parameters not named here,
    values unquoted.
    """

    realm: bytes
    nonce: bytes
    opaque: bytes | None = None
    stale: bool = False
    algorithm: bytes = b"MD5"
    qop: tuple[bytes, ...] = ()
    userhash: bool = False
    domain: bytes | None = None
    other: tuple[tuple[bytes, bytes], ...] = ()

    def serialise(self) -> bytes:
        """The header value. `algorithm` and `stale` are tokens, `qop` is quoted (RFC 7616 §3.3)."""
        parts = [b"realm=" + quote(self.realm), b"nonce=" + quote(self.nonce)]
        if self.opaque is not None:
            parts.append(b"opaque=" + quote(self.opaque))
        if self.stale:
            parts.append(b"stale=true")
        parts.append(b"algorithm=" + self.algorithm)
        if self.qop:
            parts.append(b'qop="' + b",".join(self.qop) + b'"')
        if self.userhash:
            parts.append(b"userhash=true")
        if self.domain is not None:
            parts.append(b"domain=" + quote(self.domain))
        parts += [name + b"=" + quote(value) for name, value in self.other]
        return b"Digest " + b", ".join(parts)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Digest credentials. Strings are without quotes; `response` is in lower case.

    `nc` keeps its eight digits, since they are part of what is hashed. `algorithm` is `None` when absent.
    """

    username: bytes
    realm: bytes
    nonce: bytes
    uri: bytes
    response: bytes
    algorithm: bytes | None = None
    cnonce: bytes | None = None
    opaque: bytes | None = None
    qop: bytes | None = None
    nc: bytes | None = None
    userhash: bool = False
    other: tuple[tuple[bytes, bytes], ...] = ()

    def nonce_count(self) -> int:
        """`nc` as a number, 0 when absent."""
        return 0 if self.nc is None else _hex_number(self.nc)

    def serialise(self) -> bytes:
        """The header value. `algorithm`, `qop` and `nc` are not quoted (RFC 7616 §3.4)."""
        parts = [
            b"username=" + quote(self.username),
            b"realm=" + quote(self.realm),
            b"nonce=" + quote(self.nonce),
            b"uri=" + quote(self.uri),
            b"response=" + quote(self.response),
        ]
        if self.algorithm is not None:
            parts.append(b"algorithm=" + self.algorithm)
        if self.cnonce is not None:
            parts.append(b"cnonce=" + quote(self.cnonce))
        if self.opaque is not None:
            parts.append(b"opaque=" + quote(self.opaque))
        if self.qop is not None:
            parts.append(b"qop=" + self.qop)
        if self.nc is not None:
            parts.append(b"nc=" + self.nc)
        if self.userhash:
            parts.append(b"userhash=true")
        parts += [name + b"=" + quote(value) for name, value in self.other]
        return b"Digest " + b", ".join(parts)


def _hex_number(data: bytes) -> int:
    # At most eight digits (checked when parsed), so four octets.
    return int.from_bytes(bytes.fromhex(data.rjust(8, b"0").decode("ascii")), "big")


def parse_auth_params(data: bytes) -> dict[bytes, bytes]:
    """`name=value` pairs separated by commas; names in lower case, quoted strings undone.

    A repeated name is refused: two values of `nonce` or `uri` would be read differently by different hops. Raises
    `SipError` (400).
    """
    found: dict[bytes, bytes] = {}
    for part in split_outside(data, b","):
        name, equals, value = part.partition(b"=")
        name, value = name.rstrip(LWS).lower(), value.lstrip(LWS)
        if not equals or not is_token(name):
            raise SipError("an authentication parameter has no name or value", section="RFC 3261 §25.1 auth-param")
        if name in found or len(found) >= _MAX_PARAMS:
            raise SipError("an authentication parameter is repeated, or too many", section="RFC 7616 §3.3")
        if value.startswith(b'"'):
            if quoted_end(value, 0) != len(value):
                raise SipError("octets after a quoted string", section="RFC 3261 §25.1 auth-param")
            value = unquote(value)
        elif not value or value.translate(None, TOKEN):
            raise SipError("an authentication parameter is no token", section="RFC 3261 §25.1 auth-param")
        found[name] = value
    return found


def _scheme(value: bytes) -> tuple[bytes, bytes]:
    value = value.strip(LWS)
    # A fold or HTAB may stand for the space after the scheme.
    end = min((i for i in (value.find(b" "), value.find(b"\t"), value.find(b"\r")) if i >= 0), default=len(value))
    scheme = value[:end]
    if not is_token(scheme):
        raise SipError("no authentication scheme", section="RFC 3261 §25.1 challenge")
    return scheme, value[end:].strip(LWS)


def _require(found: dict[bytes, bytes], name: bytes) -> bytes:
    try:
        return found[name]
    except KeyError:
        raise SipError(f"Digest has no {name.decode()}", section="RFC 7616 §3.3") from None


def _flag(found: dict[bytes, bytes], name: bytes) -> bool:
    return found.get(name, b"").lower() == b"true"


def _others(found: dict[bytes, bytes], known: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in found.items() if name not in known)


def parse_challenge(value: bytes) -> Challenge | OtherAuth:
    """One value of WWW-Authenticate or Proxy-Authenticate. Raises `SipError` (400)."""
    scheme, rest = _scheme(value)
    if scheme.lower() != b"digest":
        return OtherAuth(scheme, rest)
    found = parse_auth_params(rest)
    algorithm = found.get(b"algorithm", b"MD5")
    qop = tuple(part.lower() for part in split_outside(found.get(b"qop", b""), b",") if part)
    if not is_token(algorithm) or not all(is_token(part) for part in qop):
        raise SipError("algorithm or qop is no token", section="RFC 7616 §3.3")
    return Challenge(
        _require(found, b"realm"),
        _require(found, b"nonce"),
        found.get(b"opaque"),
        _flag(found, b"stale"),
        algorithm,
        qop,
        _flag(found, b"userhash"),
        found.get(b"domain"),
        _others(found, _CHALLENGE),
    )


def parse_challenges(values: Iterable[bytes]) -> list[Challenge]:
    """The Digest challenges among the lines of one field, in order; other schemes and malformed lines are skipped.

    RFC 8760 §2.4: a server offers one line per algorithm, and a client takes the first that it supports. One bad
    line must not hide the good ones, so nothing is raised.
    """
    found: list[Challenge] = []
    for value in values:
        try:
            challenge = parse_challenge(value)
        except SipError:
            continue
        if isinstance(challenge, Challenge):
            found.append(challenge)
    return found


def parse_credentials(value: bytes) -> Credentials | OtherAuth:
    """One value of Authorization or Proxy-Authorization. Raises `SipError` (400)."""
    scheme, rest = _scheme(value)
    if scheme.lower() != b"digest":
        return OtherAuth(scheme, rest)
    found = parse_auth_params(rest)
    response = _require(found, b"response").lower()
    if not response or len(response) > 128 or response.translate(None, HEX):
        raise SipError("the response of Digest is not hexadecimal", section="RFC 7616 §3.4.1")
    nc = found.get(b"nc")
    if nc is not None and (not 1 <= len(nc) <= 8 or nc.translate(None, HEX)):
        raise SipError("nc is not up to eight hexadecimal digits", section="RFC 7616 §3.4")
    qop, algorithm = found.get(b"qop"), found.get(b"algorithm")
    if (qop is not None and not is_token(qop)) or (algorithm is not None and not is_token(algorithm)):
        raise SipError("algorithm or qop is no token", section="RFC 7616 §3.4")
    return Credentials(
        _require(found, b"username"),
        _require(found, b"realm"),
        _require(found, b"nonce"),
        _require(found, b"uri"),
        response,
        algorithm,
        found.get(b"cnonce"),
        found.get(b"opaque"),
        None if qop is None else qop.lower(),
        nc,
        _flag(found, b"userhash"),
        _others(found, _CREDENTIALS),
    )


def parse_nextnonce(value: bytes) -> bytes | None:
    """The `nextnonce` of an Authentication-Info value (RFC 7616 §3.5), `None` when absent or malformed."""
    try:
        return parse_auth_params(value).get(b"nextnonce")
    except WireError:
        return None


def nonce_count_text(count: int) -> bytes:
    """`nc` for `count`: eight lower-case hexadecimal digits (RFC 7616 §3.4)."""
    return b"%08x" % count
