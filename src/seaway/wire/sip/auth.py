"""Digest challenges and credentials in SIP header fields: the parameters (RFC 3261 §20.7, §20.44; RFC 7616 §3).

Only the fields: what they mean, computing and checking, is in `identity/digest.py`. Each header line holds one
challenge or one set of credentials (RFC 3261 §7.3.1 forbids joining them with commas).
"""

from __future__ import annotations

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import LWS, TOKEN, is_token, quoted_end, split_outside, unquote

__all__ = ["digest_parameters", "parse_auth_params"]

_MAX_PARAMS = 32


def digest_parameters(value: bytes) -> dict[str, str] | None:
    """Parameters of a Digest challenge or credential, names in lower case, values unquoted; octets that are no UTF-8
    become surrogates. `None` for another scheme, which is unknown and not malformed. Raises `SipError` (400)."""
    scheme, rest = _scheme(value)
    if scheme.lower() != b"digest":
        return None
    return {
        name.decode("ascii"): text.decode("utf-8", "surrogateescape") for name, text in parse_auth_params(rest).items()
    }


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
