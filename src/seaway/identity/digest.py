"""Digest access authentication for SIP: RFC 7616, with the algorithm list of RFC 8760. Pure.

Server side: `Authenticator` makes challenges and verifies credentials against stored HA1 values. Nonces are stateless
(`nonce.py`): nothing is kept for a peer until it has proved itself. Only then is its nonce count remembered, in a
bounded window (`replay.py`).

Client side: `choose` picks the strongest challenge that we support, `answer` computes the credentials.

Reading and writing the header fields is in `wire/sip/auth.py`. No clock here: `now` is seconds from a monotonic clock.
Random octets (the client's cnonce) are passed in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum

from seaway.identity.nonce import NonceMint, NonceState
from seaway.identity.replay import ReplayWindow
from seaway.wire.sip.auth import Challenge, Credentials, nonce_count_text

__all__ = ["ALGORITHMS", "Authenticator", "Verdict", "answer", "choose", "ha1", "response"]

ALGORITHMS = ("SHA-256", "MD5")
"""What we offer, best first (RFC 8760 §2.4: one header field for each, in order of preference)."""

_HASHES = {b"SHA-256": hashlib.sha256, b"MD5": hashlib.md5}
_RANK = {each.encode(): rank for rank, each in enumerate(ALGORITHMS)}
_MAX_FIELD = 256  # octets of user name and cnonce; longer ones are no honest client's


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    STALE = "stale"  # right or not, the nonce cannot be used: challenge again with stale=true (RFC 7616 §3.3)
    REFUSED = "refused"  # wrong user, password, realm, algorithm, or no qop: challenge again, stale=false


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password), RFC 7616 §3.4.2: what a node stores instead of the password, in lower-case hex."""
    return _HASHES[algorithm.encode()](f"{user}:{realm}:{password}".encode()).hexdigest()


def response(
    algorithm: bytes, ha1_hex: str, method: bytes, uri: bytes, nonce: bytes, *, nc: bytes, cnonce: bytes
) -> bytes:
    """The request digest of RFC 7616 §3.4.1 for qop=auth, in lower-case hex."""
    make = _HASHES[algorithm]
    ha2 = make(b"%b:%b" % (method, uri)).hexdigest()
    text = b"%b:%b:%b:%b:auth:%b" % (ha1_hex.encode(), nonce, nc, cnonce, ha2.encode())
    return make(text).hexdigest().encode()


class Authenticator:
    """The server side for one realm.

    `secret` is at least 16 octets; `lifetime` is how long a nonce may be used, in seconds; `window` is the number of
    nonces whose counts are remembered at a time. An evicted nonce is stale, never replayable.
    """

    __slots__ = ("_algorithms", "_decoys", "_mint", "_realm", "_since", "_window", "realm")

    def __init__(
        self,
        realm: str,
        secret: bytes,
        *,
        algorithms: tuple[str, ...] = ALGORITHMS,
        lifetime: float = 300.0,
        window: int = 10_000,
    ) -> None:
        self.realm = realm
        self._realm = realm.encode()
        self._algorithms = tuple(each.encode() for each in algorithms)
        self._mint = NonceMint(secret, lifetime)
        self._window = ReplayWindow(window)
        self._since = float("inf")  # first use; the counts of older nonces went with the process before
        # An unknown user costs the same work as a known one and never matches (R43).
        self._decoys = {each: _HASHES[each](secret + each).hexdigest() for each in self._algorithms}

    def challenges(self, source: str, now: float, *, stale: bool = False) -> tuple[Challenge, ...]:
        """One challenge for each algorithm, best first. `source` binds the nonce to the peer (its IP address)."""
        self._since = min(self._since, now)
        return tuple(
            Challenge(self._realm, self._mint.make(source, now), stale=stale, algorithm=each, qop=(b"auth",))
            for each in self._algorithms
        )

    def verify(
        self, credentials: Credentials, method: bytes, stored: Mapping[str, str] | None, source: str, now: float
    ) -> Verdict:
        """Check one set of credentials. `stored` maps algorithm to HA1 of the named user; `None`: no such user.

        Whether the user may do what it asks, and whether `credentials.uri` fits the request, is the caller's matter.
        """
        algorithm = b"MD5" if credentials.algorithm is None else credentials.algorithm.upper()
        nc, cnonce = credentials.nc, credentials.cnonce
        if credentials.realm != self._realm or algorithm not in self._algorithms or credentials.userhash:
            return Verdict.REFUSED
        # RFC 8760 §2.6: qop must be there; without it nothing stops a replay.
        if credentials.qop != b"auth" or nc is None or not cnonce or len(cnonce) > _MAX_FIELD:
            return Verdict.REFUSED
        checked = self._mint.check(credentials.nonce, source, now)
        self._since = min(self._since, now)
        if checked.state is not NonceState.VALID or checked.time < self._since - 0.001:
            return Verdict.STALE
        known = stored.get(algorithm.decode()) if stored is not None else None
        want = response(
            algorithm,
            known or self._decoys[algorithm],
            method,
            credentials.uri,
            credentials.nonce,
            nc=nc,
            cnonce=cnonce,
        )
        if not hmac.compare_digest(want, credentials.response) or known is None:
            return Verdict.REFUSED
        until = checked.time + self._mint.lifetime
        fresh = self._window.use(credentials.nonce, credentials.nonce_count(), checked.time, until, now)
        return Verdict.ACCEPTED if fresh else Verdict.STALE

    @property
    def remembered(self) -> int:
        """Nonces whose counts are kept now."""
        return len(self._window)


def choose(challenges: Iterable[Challenge], realm: str | None = None) -> Challenge | None:
    """The strongest challenge that we can answer (RFC 8760 §2.4), only of `realm` when given (R37); `None`: none."""
    usable = [
        each
        for each in challenges
        if each.algorithm.upper() in _RANK and b"auth" in each.qop and (realm is None or each.realm == realm.encode())
    ]
    return min(usable, key=lambda each: _RANK[each.algorithm.upper()], default=None)


def answer(
    challenge: Challenge, user: str, password: str, method: bytes, uri: bytes, *, cnonce: bytes, nc: int = 1
) -> Credentials:
    """Credentials for a challenge from `choose`. `cnonce` is a token made from random octets, `nc` counts its uses."""
    algorithm = challenge.algorithm.upper()
    count = nonce_count_text(nc)
    secret = _HASHES[algorithm](b"%b:%b:%b" % (user.encode(), challenge.realm, password.encode())).hexdigest()
    digest = response(algorithm, secret, method, uri, challenge.nonce, nc=count, cnonce=cnonce)
    return Credentials(
        user.encode(),
        challenge.realm,
        challenge.nonce,
        uri,
        digest,
        algorithm,
        cnonce,
        challenge.opaque,
        b"auth",
        count,
    )
