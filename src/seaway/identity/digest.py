"""Digest access authentication for SIP: RFC 7616, with the algorithm list of RFC 8760. Pure.

Server side: `Authenticator` makes challenges and verifies credentials against stored HA1 values. Nonces are stateless
(an HMAC over time, a running number and the source, with a key that changes each hour): nothing is kept for a peer
until it has proved itself. Only then is its nonce count remembered, in a bounded window.

Client side: `choose` picks the strongest challenge that we support, `answer` computes the Authorization value.

Header values come in as parameter mappings (`wire/sip` splits them). No clock here: `now` is seconds from a monotonic
clock. Random octets (the client's cnonce) are passed in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from seaway.identity.nonce import NonceMint, NonceState
from seaway.identity.replay import ReplayWindow

__all__ = [
    "ALGORITHMS", "Authenticator", "Challenge", "Credentials", "DigestError", "Verdict", "answer", "choose", "ha1",
    "response",
]  # fmt: skip

ALGORITHMS = ("SHA-256", "MD5")
"""What we offer, best first (RFC 8760 §2.4: one header field for each, in order of preference)."""

_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
_HEX_LENGTH = {"SHA-256": 64, "MD5": 32}
_NC = re.compile(r"[0-9A-Fa-f]{8}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_MAX_FIELD = 256  # octets of user name, realm, nonce, cnonce; longer ones are no honest client's


class DigestError(ValueError):
    """A challenge or credential that cannot be used. `field` is the parameter, `problem` one clear phrase."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"digest parameter {field}: {problem}")
        self.field = field
        self.problem = problem


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    STALE = "stale"  # right or not, the nonce cannot be used: challenge again with stale=true (RFC 7616 §3.3)
    REFUSED = "refused"  # wrong user, password, realm or algorithm: challenge again, stale=false


def _hash(algorithm: str, text: str) -> str:
    # UTF-8 with surrogateescape: octets of a user name that are no UTF-8 still hash as they came.
    return _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password), RFC 7616 §3.4.2: what a node stores instead of the password, in lower-case hex."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


def response(
    algorithm: str, ha1_hex: str, method: str, uri: str, nonce: str, *, nc: str, cnonce: str, qop: str = "auth"
) -> str:
    """The request digest of RFC 7616 §3.4.1 for qop=auth, in lower-case hex."""
    ha2 = _hash(algorithm, f"{method}:{uri}")
    return _hash(algorithm, f"{ha1_hex}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str = "MD5"  # RFC 7616 §3.3: absent means MD5
    stale: bool = False
    qop: tuple[str, ...] = ("auth",)
    opaque: str | None = None

    def __str__(self) -> str:
        parts = [f'realm="{_quote(self.realm)}"', f'nonce="{self.nonce}"', f"algorithm={self.algorithm}"]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f'opaque="{_quote(self.opaque)}"')
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Challenge:
        """From lower-case parameter names and unquoted values. Raises `DigestError`."""
        realm, nonce = _need(parameters, "realm"), _need(parameters, "nonce")
        qop = tuple(each.strip(" \t").lower() for each in parameters.get("qop", "").split(",") if each.strip(" \t"))
        return cls(
            realm, nonce, parameters.get("algorithm", "MD5").upper(),
            parameters.get("stale", "").lower() == "true", qop, parameters.get("opaque"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credentials:
    """One Authorization or Proxy-Authorization value, qop=auth only."""

    user: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    cnonce: str
    nc: str

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Credentials:
        """From lower-case parameter names and unquoted values. Raises `DigestError` (answer 400)."""
        if parameters.get("qop", "").lower() != "auth":
            # RFC 8760 §2.6: qop must be there; without it nothing stops a replay.
            raise DigestError("qop", "must be auth")
        made = cls(
            _need(parameters, "username"), _need(parameters, "realm"), _need(parameters, "nonce"),
            _need(parameters, "uri", 2048), _need(parameters, "response"),
            parameters.get("algorithm", "MD5").upper(), _need(parameters, "cnonce"), _need(parameters, "nc"),
        )  # fmt: skip
        if not _NC.fullmatch(made.nc):
            raise DigestError("nc", "must be 8 hexadecimal digits")
        if not _HEX.fullmatch(made.response):
            raise DigestError("response", "must be hexadecimal")
        return made


class Authenticator:
    """The server side for one realm.

    `secret` is at least 16 octets; `lifetime` is how long a nonce may be used, in seconds; `window` is the number of
    nonces whose counts are remembered at a time. An evicted nonce is stale, never replayable.
    """

    __slots__ = ("_algorithms", "_decoys", "_mint", "_since", "_window", "realm")

    def __init__(
        self, realm: str, secret: bytes, *, algorithms: tuple[str, ...] = ALGORITHMS, lifetime: float = 300.0,
        window: int = 10_000,
    ) -> None:  # fmt: skip
        self.realm = realm
        self._algorithms = algorithms
        self._mint = NonceMint(secret, lifetime)
        self._window = ReplayWindow(window)
        self._since = float("inf")  # first use; the counts of older nonces went with the process before
        # An unknown user costs the same work as a known one and never matches (R43).
        self._decoys = {
            each: hmac.digest(secret, each.encode(), "sha512").hex()[: _HEX_LENGTH[each]] for each in algorithms
        }

    def challenges(self, source: str, now: float, *, stale: bool = False) -> tuple[Challenge, ...]:
        """One challenge for each algorithm, best first. `source` binds the nonce to the peer (its IP address)."""
        self._since = min(self._since, now)
        return tuple(Challenge(self.realm, self._mint.make(source, now), each, stale) for each in self._algorithms)

    def verify(
        self, credentials: Credentials, method: str, stored: Mapping[str, str] | None, source: str, now: float
    ) -> Verdict:
        """Check one credential. `stored` maps algorithm to HA1 of the named user; `None` when there is no such user.

        Whether the user may do what it asks, and whether `credentials.uri` fits the request, is the caller's matter.
        """
        made = self._made(credentials, source, now)
        if isinstance(made, Verdict):
            return made
        return self._use(credentials, made, now) if self.matches(credentials, method, stored) else Verdict.REFUSED

    def fresh(self, credentials: Credentials, source: str, now: float) -> Verdict:
        """Whether the nonce is ours, of that source and not too old; nothing is said of the digest."""
        made = self._made(credentials, source, now)
        return made if isinstance(made, Verdict) else Verdict.ACCEPTED

    def matches(self, credentials: Credentials, method: str, stored: Mapping[str, str] | None) -> bool:
        """Whether the digest is right, whoever made the nonce. Unknown users cost the same work and never match."""
        if credentials.realm != self.realm or credentials.algorithm not in self._algorithms:
            return False
        known = stored.get(credentials.algorithm) if stored is not None else None
        want = response(
            credentials.algorithm, known or self._decoys[credentials.algorithm], method, credentials.uri,
            credentials.nonce, nc=credentials.nc, cnonce=credentials.cnonce,
        )  # fmt: skip
        return hmac.compare_digest(want, credentials.response.lower()) and known is not None

    def spend(self, credentials: Credentials, source: str, now: float) -> Verdict:
        """Note that right credentials were used; STALE when they had been before (RFC 7616 §3.4, nc)."""
        made = self._made(credentials, source, now)
        return made if isinstance(made, Verdict) else self._use(credentials, made, now)

    def _made(self, credentials: Credentials, source: str, now: float) -> float | Verdict:
        """When the nonce was made, or why it cannot be used."""
        if credentials.realm != self.realm or credentials.algorithm not in self._algorithms:
            return Verdict.REFUSED
        made = self._mint.check(credentials.nonce, source, now)
        self._since = min(self._since, now)
        return Verdict.STALE if made.state is not NonceState.VALID or made.time < self._since - 0.001 else made.time

    def _use(self, credentials: Credentials, made: float, now: float) -> Verdict:
        fresh = self._window.use(credentials.nonce, int(credentials.nc, 16), made, made + self._mint.lifetime, now)
        return Verdict.ACCEPTED if fresh else Verdict.STALE

    @property
    def remembered(self) -> int:
        """Nonces whose counts are kept now."""
        return len(self._window)


def choose(challenges: Iterable[Challenge], realm: str | None = None) -> Challenge | None:
    """The strongest challenge that we can answer (RFC 8760 §2.4), only of `realm` when given (R37); `None`: none."""
    usable = [
        each for each in challenges
        if each.algorithm in _HASHES and "auth" in each.qop and (realm is None or each.realm == realm)
    ]  # fmt: skip
    return min(usable, key=lambda each: ALGORITHMS.index(each.algorithm), default=None)


def answer(challenge: Challenge, user: str, password: str, method: str, uri: str, *, cnonce: str, nc: int = 1) -> str:
    """The Authorization (or Proxy-Authorization) value for a challenge. `cnonce` is made from random octets."""
    count = f"{nc:08x}"
    digest = response(
        challenge.algorithm, ha1(challenge.algorithm, user, challenge.realm, password), method, uri,
        challenge.nonce, nc=count, cnonce=cnonce,
    )  # fmt: skip
    opaque = "" if challenge.opaque is None else f', opaque="{_quote(challenge.opaque)}"'
    return (
        f'Digest username="{_quote(user)}", realm="{_quote(challenge.realm)}", nonce="{_quote(challenge.nonce)}", '
        f'uri="{_quote(uri)}", response="{digest}", algorithm={challenge.algorithm}, cnonce="{cnonce}", qop=auth, '
        f"nc={count}{opaque}"
    )


def _need(parameters: Mapping[str, str], name: str, limit: int = _MAX_FIELD) -> str:
    value = parameters.get(name)
    if not value:
        raise DigestError(name, "is missing")
    if len(value) > limit:
        raise DigestError(name, f"is longer than {limit}")
    return value


def _quote(text: str) -> str:
    """The inside of a quoted-string (RFC 3261 §25.1)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
