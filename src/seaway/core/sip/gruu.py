"""Globally routable user agent URIs (RFC 5627): their construction, and what one of ours stands for.

A public GRUU is the address-of-record with the instance in `gr`. A temporary one hides both: its user part is sealed
with the node's secret and holds nothing but the index of a registration and a running number, so any number of them
costs no memory. The index is a keyed hash of address-of-record, instance and the Call-ID of the registration: it is
the same after a restart, and gone when the instance has no binding of that Call-ID (RFC 5627 §5.4).
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import ALPHANUM
from seaway.wire.sip.uri import SipUri, parse_uri

__all__ = ["Gruus", "aor_uri"]

_PREFIX = b"tgruu."
_TAG, _BODY = 10, 16  # octets: 80 bits of authentication (RFC 5627 appendix A.2), index and number
_SEALED = 35  # characters of base64url without padding, tag and body together
_USER = ALPHANUM + b"-_.!~*'()&=+$,"
_VALUE = ALPHANUM + b"-_.!~*'()[]/:&+$"  # RFC 3261 §25.1 paramchar


class Gruus:
    """Makes and opens GRUUs. `secret` is the node's, 16 to 64 octets; `boot` are 4 octets new with each process."""

    __slots__ = ("_boot", "_number", "secret")

    def __init__(self, secret: bytes, boot: bytes) -> None:
        self.secret = secret
        self._boot = boot
        self._number = 0

    def index(self, aor: bytes, instance: bytes, call_id: bytes) -> bytes:
        """What the temporary GRUUs of this registration have in common: 8 octets."""
        return self._hash(b"index", b"\0".join((aor, instance, call_id)), 8)

    def public(self, aor: bytes, instance: bytes) -> bytes:
        """The public GRUU (RFC 5627 §5.2): the same for the life of the device."""
        return aor_uri(aor) + b";gr=" + _escape(instance, _VALUE)

    def temporary(self, aor: bytes, index: bytes) -> bytes:
        """A temporary GRUU that nobody but this node can tell from another user's (RFC 5627 §5.3)."""
        self._number += 1
        body = index + self._boot + (self._number & 0xFFFFFFFF).to_bytes(4, "big")
        tag = self._hash(b"tag", body, _TAG)
        sealed = tag + _xor(body, self._hash(b"stream", tag, _BODY))
        return b"sip:%b%b@%b;gr" % (_PREFIX, urlsafe_b64encode(sealed).rstrip(b"="), aor.rpartition(b"@")[2])

    def read(self, uri: bytes) -> tuple[bytes, bytes | None] | bytes | None:
        """What a URI with `gr` stands for: `(aor, instance)` of a public GRUU, the index of a temporary one of ours.

        `None` for anything else, also for a temporary GRUU that we did not make. Never raises.
        """
        try:
            parsed = parse_uri(uri)
        except SipError:
            return None
        if not isinstance(parsed, SipUri) or parsed.user is None or b"gr" not in parsed.params:
            return None
        value = parsed.params.get(b"gr")
        if value is not None:
            return parsed.aor(), _unescape(value)
        return self._open(parsed.user)

    def _open(self, user: bytes) -> bytes | None:
        text = user[len(_PREFIX) :]
        if not user.startswith(_PREFIX) or len(text) != _SEALED:
            return None
        try:
            sealed = urlsafe_b64decode(text + b"=")
        except (binascii.Error, ValueError):
            return None
        if len(sealed) != _TAG + _BODY:  # octets outside the alphabet are skipped by the decoder
            return None
        tag = sealed[:_TAG]
        body = _xor(sealed[_TAG:], self._hash(b"stream", tag, _BODY))
        return body[:8] if compare_digest(tag, self._hash(b"tag", body, _TAG)) else None

    def _hash(self, purpose: bytes, data: bytes, size: int) -> bytes:
        return blake2b(data, digest_size=size, key=self.secret, person=b"gruu " + purpose).digest()


def aor_uri(aor: bytes) -> bytes:
    """`sip:user@host` for an address-of-record as `SipUri.aor` gives it."""
    user, _, host = aor.rpartition(b"@")
    return b"sip:%b@%b" % (_escape(user, _USER), host)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _escape(data: bytes, allowed: bytes) -> bytes:
    if not data.translate(None, allowed):
        return data
    return b"".join(bytes((octet,)) if octet in allowed else b"%%%02X" % octet for octet in data)


def _unescape(value: bytes) -> bytes:
    head, *rest = value.split(b"%")
    return head + b"".join(bytes.fromhex(part[:2].decode("ascii")) + part[2:] for part in rest)
