"""Stateless nonces (RFC 8489 §9.2, R6): time, running number, and an HMAC over both, the client's host and the security
features, so that a nonce of one host, or with other features, is none of ours.

20 characters of base64: 4 octets of seconds, 3 of running number, 8 of tag; with features the cookie of RFC 8489 §9.2
in front. The key changes each hour without any state: it is derived from the secret.
"""

from __future__ import annotations

import hmac
from binascii import Error, a2b_base64, b2a_base64
from functools import lru_cache

from seaway.wire.stun.password_algorithm import NONCE_COOKIE_LENGTH

__all__ = ["Nonces"]

_PLAIN = 20
_HEAD = 7
_TAG = 8
_HOUR = 3600
_AHEAD = 2.0  # seconds by which the clocks of workers may differ


class Nonces:
    """`secret` at least 16 octets; `start` any number: where the running number begins."""

    __slots__ = ("_key", "_number", "lifetime")

    def __init__(self, secret: bytes, lifetime: float, start: int) -> None:
        self.lifetime = lifetime
        self._number = start

        @lru_cache(4)
        def key(hour: int) -> bytes:
            return hmac.digest(secret, b"TURN nonce" + hour.to_bytes(8, "big"), "sha256")

        self._key = key

    def make(self, host: str, wall: float, cookie: bytes = b"") -> bytes:
        """`cookie`: see `nonce_cookie`; empty without security features."""
        self._number = (self._number + 1) & 0xFFFFFF
        head = round(wall).to_bytes(4, "big") + self._number.to_bytes(3, "big")
        return cookie + b2a_base64(head + self._tag(head, host, cookie), newline=False)

    def until(self, nonce: bytes, host: str, wall: float) -> float:
        """The wall time up to which this nonce is good; 0 when it is not, whatever the reason. Never raises."""
        cookie, plain = nonce[:-_PLAIN], nonce[-_PLAIN:]
        if len(plain) != _PLAIN or len(cookie) not in (0, NONCE_COOKIE_LENGTH):
            return 0.0
        try:
            octets = a2b_base64(plain, strict_mode=True)
        except Error:
            return 0.0
        if len(octets) != _HEAD + _TAG:
            return 0.0
        made = int.from_bytes(octets[:4], "big") * 1.0
        if not made - _AHEAD <= wall < made + self.lifetime:
            return 0.0
        if not hmac.compare_digest(octets[_HEAD:], self._tag(octets[:_HEAD], host, cookie)):
            return 0.0
        return made + self.lifetime

    def _tag(self, head: bytes, host: str, cookie: bytes) -> bytes:
        key = self._key(int.from_bytes(head[:4], "big") // _HOUR)
        return hmac.digest(key, head + cookie + host.encode(), "sha256")[:_TAG]
