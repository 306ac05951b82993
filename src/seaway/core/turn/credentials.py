"""Users and their keys: stored ones, and time-limited ones that a shared secret proves (R11).

A time-limited user is "expiry:name" or "expiry" (seconds since 1970); its password is base64(HMAC-SHA1(secret, user)).
"""

from __future__ import annotations

import base64
import hmac
from collections import OrderedDict
from collections.abc import Iterator

from seaway.core.turn.config import TurnConfig, user_keys
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.stun.password_algorithm import PasswordAlgorithm, userhash
from seaway.wire.stun.signer import Signer

__all__ = ["Candidate", "Credentials"]

_CACHED = 1024
_MAX_TIME = 2**53


class Candidate:
    """One key a request may have been signed with."""

    __slots__ = ("ends", "owner", "signer", "user")

    def __init__(self, user: str, owner: str, signer: Signer, ends: float | None) -> None:
        self.user = user
        self.owner = owner
        self.signer = signer
        self.ends = ends


class Credentials:
    """Looks users up. Keys of proven users are kept ready, at most `_CACHED` of them."""

    def __init__(self, config: TurnConfig) -> None:
        self._config = config
        self._by_hash = {userhash(user, config.realm): user for user in config.users}
        self._ready: OrderedDict[tuple[str, int], Candidate] = OrderedDict()

    def user_of(self, hashed: bytes) -> str | None:
        """USERHASH -> user name; stored users only (RFC 8489 §9.2.4)."""
        return self._by_hash.get(hashed)

    def candidates(self, user: str, algorithm: int) -> Iterator[Candidate]:
        """Keys to try, the likely one first; none when the user is unknown."""
        ready = self._ready.get((user, algorithm))
        if ready is not None:
            yield ready
        stored = self._config.users.get(user)
        if stored is not None:
            key = stored.sha256 if algorithm == PasswordAlgorithm.SHA256 else stored.md5
            if key and ready is None:
                yield Candidate(user, user, Signer(key), None)
            return
        expiry, _, name = user.partition(":")
        try:
            ends = parse_digits(expiry.encode(), maximum=_MAX_TIME) * 1.0
        except WireError:
            return
        for secret in self._config.secrets:
            yield Candidate(user, name or user, Signer(self._key(secret, user, algorithm)), ends)

    def proven(self, candidate: Candidate, algorithm: int) -> None:
        """Keep its key ready."""
        self._ready[candidate.user, algorithm] = candidate
        self._ready.move_to_end((candidate.user, algorithm))
        if len(self._ready) > _CACHED:
            self._ready.popitem(last=False)

    def _key(self, secret: bytes, user: str, algorithm: int) -> bytes:
        password = base64.b64encode(hmac.digest(secret, user.encode(), "sha1")).decode("ascii")
        keys = user_keys(user, self._config.realm, password)
        return (keys.sha256 if algorithm == PasswordAlgorithm.SHA256 else keys.md5) or b""
