"""`a=crypto`: SRTP master keys in SDP (RFC 4568 §9.1, security descriptions). Only the grammar; which suites are spoken
is for others to say.

A line that cannot be read is no error of the session description: it is a proposal that nobody here can take.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError

__all__ = ["CryptoLine", "InlineKey", "parse_crypto"]

_MAX_KEYS = 4  # of one line
_MAX_PARAMETERS = 16
_SECTION = "RFC 4568 §9.1"
_WHITE = b" "


@dataclass(frozen=True, slots=True)
class InlineKey:
    """`inline:` of a line: master key and salt together; `mki` as it is in packets, empty when there is none."""

    key: bytes = field(repr=False)
    mki: bytes = b""


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """`parameters` are the session parameters as they are written: `UNENCRYPTED_SRTCP`, `WSH=64`..."""

    tag: int
    suite: bytes
    keys: tuple[InlineKey, ...]
    parameters: tuple[bytes, ...] = ()


def parse_crypto(value: bytes) -> CryptoLine:
    """From the value of `a=crypto`. Raises `WireError`, whose text has no octet of a key."""
    parts = [part for part in value.split(_WHITE) if part]
    if len(parts) < 3:
        raise WireError("a=crypto has not tag, suite and key", section=_SECTION)
    tag = parse_digits(parts[0], maximum=999_999_999)
    given = parts[2].split(b";")
    if len(given) > _MAX_KEYS or len(parts) - 3 > _MAX_PARAMETERS:
        raise WireError("a=crypto has too many keys or parameters", section=_SECTION)
    return CryptoLine(tag, parts[1].upper(), tuple(map(_inline, given)), tuple(part.upper() for part in parts[3:]))


def _inline(value: bytes) -> InlineKey:
    method, colon, rest = value.partition(b":")
    if not colon or method.lower() != b"inline":
        raise WireError("the key method of a=crypto is not inline", section="RFC 4568 §6.1")
    text, *more = rest.split(b"|")
    try:
        key = a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)  # the padding is left out by some
    except (Base64Error, ValueError):
        raise WireError("the key of a=crypto is no base64", section="RFC 4568 §6.1") from None
    mki = b""
    for part in more:
        number, colon, length = part.partition(b":")
        if colon:  # else it is the lifetime: 2^20, or a number
            octets = parse_digits(length, maximum=128)
            identifier = parse_digits(number, maximum=2**63)
            if octets == 0 or identifier >> 8 * octets:
                raise WireError("the MKI of a=crypto does not fit its length", section="RFC 4568 §6.1")
            mki = identifier.to_bytes(octets, "big")
    return InlineKey(key, mki)
