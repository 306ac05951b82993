"""Header field names: canonical form, compact forms, and which may occur once only.

The canonical form is lower case (`b"call-id"`). One table decides a name for every consumer (R21), so that no two
parts of a node can disagree on what a header is. A name that is not in the table passes through `canonical_name`.
"""

from __future__ import annotations

import re

from seaway.wire.sip.errors import SipError

__all__ = ["COMPACT", "KNOWN", "REQUIRED", "SINGLE", "canonical_name"]

# RFC 3261 §7.3.3, RFC 3265, 3515, 3841, 3892, 4028, 4538, 8224
COMPACT = {
    b"a": b"accept-contact", b"b": b"referred-by", b"c": b"content-type", b"d": b"request-disposition",
    b"e": b"content-encoding", b"f": b"from", b"i": b"call-id", b"j": b"reject-contact", b"k": b"supported",
    b"l": b"content-length", b"m": b"contact", b"n": b"identity-info", b"o": b"event", b"r": b"refer-to",
    b"s": b"subject", b"t": b"to", b"u": b"allow-events", b"v": b"via", b"x": b"session-expires", b"y": b"identity",
}  # fmt: skip

_SPELLINGS = (
    b"Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization Call-ID "
    b"Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date "
    b"Diversion Error-Info Event Expires Flow-Timer From Geolocation History-Info Identity In-Reply-To Join "
    b"Max-Breadth Max-Forwards Min-Expires Min-SE MIME-Version Organization P-Asserted-Identity P-Preferred-Identity "
    b"Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck RSeq Reason Record-Route "
    b"Refer-To Referred-By Remote-Party-ID Replaces Reply-To Request-Disposition Require Retry-After Route Server "
    b"Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp To "
    b"Unsupported User-Agent Via Warning WWW-Authenticate"
).split()

KNOWN: dict[bytes, bytes] = {}
"""Raw spelling -> canonical name, for the spellings that real devices send. Read-only after import."""
for _name in _SPELLINGS:
    for _spelling in (_name, _name.lower(), _name.upper(), b"-".join(p.capitalize() for p in _name.split(b"-"))):
        KNOWN[_spelling] = _name.lower()
for _short, _long in COMPACT.items():
    KNOWN[_short] = KNOWN[_short.upper()] = KNOWN.get(_long, _long)

REQUIRED = frozenset((b"via", b"from", b"to", b"call-id", b"cseq"))  # RFC 3261 §8.1.1
SINGLE = frozenset(
    (b"from", b"to", b"call-id", b"cseq", b"max-forwards", b"content-length", b"content-type", b"expires", b"event")
)
"""Fields that must not occur twice (RFC 3261 §7.3.1): two values are a smuggling hole, so they are refused."""

_TOKEN = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]{1,256}")  # RFC 3261 §25.1 token, bounded


def canonical_name(raw: bytes) -> bytes:
    """The canonical form of a field name as it stands before the colon.

    Only SP and HTAB before the colon are tolerated (RFC 3261 §7.3.1 `HCOLON`). Raises `SipError` (400) when the name
    is no token.
    """
    name = raw.rstrip(b" \t")
    known = KNOWN.get(name)
    if known is not None:
        return known
    if _TOKEN.fullmatch(name) is None:
        raise SipError("header name is no token", section="RFC 3261 §25.1")
    lower = name.lower()
    return KNOWN.get(lower, lower)
