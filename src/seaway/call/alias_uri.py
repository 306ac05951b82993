"""Aliases of the dial plan and the Request-URIs that they stand for."""

from __future__ import annotations

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["number_of", "uri_of_alias", "with_domain"]

# RFC 3261 §25.1: unreserved and user-unreserved; all else is escaped.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/")
_SEPARATORS = str.maketrans("", "", "-.()")  # RFC 3966 §5.1.1
_DIGITS = frozenset("0123456789")
_MOST_DIGITS = 15  # of an E.164 number


def with_domain(alias: str, domain: str) -> str:
    """`alias` as an address-of-record: one that lost its domain on the way gets ours, an address stays alone."""
    if "@" in alias or _looks_like_host(alias):
        return alias
    return f"{alias}@{domain}"


def uri_of_alias(scheme: bytes, alias: str) -> bytes | None:
    """The Request-URI for `alias`; `None` when there is none, since its host is no host."""
    user, at, host = alias.rpartition("@")
    escaped = b"".join(bytes([octet]) if octet in _PLAIN else b"%%%02X" % octet for octet in user.encode("ascii"))
    uri = scheme + b":" + (escaped + b"@" if at else b"") + host.encode("ascii")
    try:
        parse_request_uri(uri)
    except SipError:
        return None
    return uri


def number_of(alias: str) -> str | None:
    """The digits of an E.164 number, without `+`; `None` when the user of `alias` is none."""
    digits = alias.partition("@")[0].translate(_SEPARATORS).removeprefix("+")
    return digits if 0 < len(digits) <= _MOST_DIGITS and _DIGITS.issuperset(digits) else None


def _looks_like_host(alias: str) -> bool:
    return alias.startswith("[") or (alias.count(".") == 3 and _DIGITS.issuperset(alias.replace(".", "")))
