"""Stateless nonces for digest: time, running number and an HMAC tag. Pure; `now` is passed in.

Octets of a nonce, base64url without padding: 8 time in milliseconds, 4 running number, 16 tag. The tag is
HMAC-SHA-256(key of the hour, time | number | source), cut to 128 bits. Each hour has a key derived from the secret, so
the key rotates without any state. The running number keeps nonces of one millisecond apart (R6).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NonceCheck", "NonceMint", "NonceState"]

_TAG = 16
_HEAD = 12
_LENGTH = 38  # (12 + 16) octets in base64 without padding
_EPOCH = 3600.0  # seconds for which one derived key is used


class NonceState(StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    FOREIGN = "foreign"  # not made here, made for another source, or not a nonce at all


@dataclass(frozen=True, slots=True)
class NonceCheck:
    state: NonceState
    time: float = 0.0  # when it was made; 0 unless VALID or EXPIRED


_FOREIGN = NonceCheck(NonceState.FOREIGN)


class NonceMint:
    """Makes and checks nonces. `secret` at least 16 octets, `lifetime` in seconds."""

    __slots__ = ("_keys", "_number", "_secret", "lifetime")

    def __init__(self, secret: bytes, lifetime: float = 300.0) -> None:
        if len(secret) < 16:
            raise ValueError("the nonce secret needs at least 16 octets")
        self._secret = secret
        self._number = 0
        self._keys: dict[int, bytes] = {}
        self.lifetime = lifetime

    def make(self, source: str, now: float) -> str:
        self._number = (self._number + 1) & 0xFFFFFFFF
        head = round(now * 1000).to_bytes(8, "big") + self._number.to_bytes(4, "big")
        return base64.urlsafe_b64encode(head + self._tag(head, source)).rstrip(b"=").decode("ascii")

    def check(self, nonce: str, source: str, now: float) -> NonceCheck:
        """Never raises: whatever is no nonce of ours for this source is FOREIGN."""
        if len(nonce) != _LENGTH or not nonce.isascii():
            return _FOREIGN
        try:
            octets = base64.b64decode(nonce + "==", altchars=b"-_", validate=True)
        except binascii.Error:
            return _FOREIGN
        head, tag = octets[:_HEAD], octets[_HEAD:]
        made = int.from_bytes(head[:8], "big") / 1000
        # Ahead of the clock: made before a restart of the machine, or forged. Old ones need no HMAC to be refused.
        if made > now + 1.0:
            return _FOREIGN
        if made + self.lifetime < now:
            return NonceCheck(NonceState.EXPIRED, made)
        if not hmac.compare_digest(tag, self._tag(head, source)):
            return _FOREIGN
        return NonceCheck(NonceState.VALID, made)

    def _tag(self, head: bytes, source: str) -> bytes:
        # The millisecond value decides the hour, on both sides.
        epoch = int.from_bytes(head[:8], "big") // round(_EPOCH * 1000)
        key = self._keys.get(epoch)
        if key is None:
            key = hmac.digest(self._secret, b"nonce key" + epoch.to_bytes(8, "big"), "sha256")
            while len(self._keys) >= 4:
                self._keys.pop(next(iter(self._keys)))
            self._keys[epoch] = key
        return hmac.digest(key, head + source.encode("utf-8", "surrogateescape"), "sha256")[:_TAG]
