"""Long-term credentials (RFC 8489 §9.2.4): the challenge, and whether a request is proven. Keeps nothing about anybody
who has not proved who they are (R7).
"""

from __future__ import annotations

from collections.abc import Callable

from seaway.core.turn.config import TurnConfig
from seaway.core.turn.credentials import Credentials
from seaway.core.turn.io import AuthenticationFailed
from seaway.core.turn.login import Login
from seaway.core.turn.nonce import Nonces
from seaway.core.turn.request import Request, encoded, encoded_error, plain
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.methods import ERROR
from seaway.wire.stun.password_algorithm import (
    PasswordAlgorithm,
    decode_password_algorithm,
    nonce_cookie,
    nonce_features,
    password_algorithms,
)
from seaway.wire.stun.text import decode_username, software

__all__ = ["MAX_GAIN", "Authenticator"]

MAX_GAIN = 3
"""An answer to somebody unproven has at most this many times the octets of the request, over UDP."""

_USERNAME = AttributeType.USERNAME.value
_USERHASH = AttributeType.USERHASH.value
_REALM = AttributeType.REALM.value
_NONCE = AttributeType.NONCE.value
_ALGORITHM = AttributeType.PASSWORD_ALGORITHM.value
_ALGORITHMS = AttributeType.PASSWORD_ALGORITHMS.value
_MD5, _SHA256 = PasswordAlgorithm.MD5.value, PasswordAlgorithm.SHA256.value


class Authenticator:
    """`tell` takes events."""

    def __init__(
        self,
        config: TurnConfig,
        random_octets: Callable[[int], bytes],
        tell: Callable[[AuthenticationFailed], object],
    ) -> None:
        self.credentials = Credentials(config)
        self._tell = tell
        self._grace = config.default_lifetime
        self._nonces = Nonces(config.nonce_secret, config.nonce_lifetime, int.from_bytes(random_octets(3), "big"))
        self._realm_value = config.realm.encode()
        self._realm = encoded(Attribute(AttributeType.REALM, self._realm_value))
        self._software = encoded(software(config.software)) if config.software else b""
        offered = [number for number, on in ((_SHA256, config.sha256), (_MD5, config.md5)) if on]
        self._offered = offered
        self._algorithms_value = password_algorithms(offered).value
        self._algorithms = encoded(password_algorithms(offered))
        anonymity = bool(config.users) and not config.secrets  # a time-limited user cannot be found by its hash
        self._cookie = nonce_cookie(algorithms=True, anonymity=anonymity) if config.sha256 else b""
        self._md5 = config.md5

    def check(self, request: Request) -> bytes | None:
        """Sets `request.login` when the request is proven. Else gives the answer, empty for silence. Steps in the order
        of RFC 8489 §9.2.4, but that the nonce is looked at before the key is: a stale one costs nobody a look-up."""
        message = request.message
        values = message.values
        if not message.integrity and not message.sha256:
            return self.challenge(request, 401)
        name, realm, nonce = values.get(_USERNAME), values.get(_REALM), values.get(_NONCE)
        proof = (name, values.get(_USERHASH), realm, nonce, values.get(_ALGORITHM), values.get(_ALGORITHMS))
        known = request.allocation.login if request.allocation is not None else None
        if known is not None and known.proof == proof and request.wall < known.good_until:
            if known.signer.fits(message):
                request.login = known
                return None
            return self._refuse(request, known.user, "wrong password")
        if (name is None and proof[1] is None) or realm is None or nonce is None:
            return self._bad(request)
        algorithm = self._algorithm(nonce, proof[4], proof[5])
        if algorithm is None:
            return self._bad(request)
        good_until = self._nonces.until(nonce, request.client.remote[0], request.wall)
        if not good_until:
            return self.challenge(request, 438)
        return self._prove(request, proof, algorithm, good_until)

    def challenge(self, request: Request, code: int) -> bytes:
        """401 or 438 with realm, nonce and algorithms; over UDP as much of it as fits into `MAX_GAIN`, or silence."""
        message, host, wall = request.message, request.client.remote[0], request.wall
        limit = len(message.data) * MAX_GAIN if request.client.transport == "udp" else 1 << 16
        limit -= 8 if message.fingerprint else 0
        core = encoded_error(code, phrase=False) + self._realm
        full = _nonce_size(self._cookie) + (len(self._algorithms) if self._cookie else 0)
        room = limit - 20 - len(core) - full
        if room >= 0:
            phrase = encoded_error(code)
            body = (phrase + self._realm) if len(phrase) - 8 <= room else core
            body += encoded(Attribute(AttributeType.NONCE, self._nonces.make(host, wall, self._cookie)))
            body += self._algorithms if self._cookie else b""
            if 20 + len(body) + len(self._software) <= limit:
                body += self._software
        elif limit >= 20 + len(core) + _nonce_size(b"") and self._md5:
            body = core + encoded(Attribute(AttributeType.NONCE, self._nonces.make(host, wall)))
        else:
            return b""
        return plain(message, message.type | ERROR, body)

    def _algorithm(self, nonce: bytes, chosen: bytes | None, listed: bytes | None) -> int | None:
        """The password algorithm, checked against bidding down; `None` for 400 (RFC 8489 §9.2.4)."""
        features = nonce_features(nonce)
        if (features is not None and features[0]) or chosen is not None or listed is not None:
            if chosen is None and listed is None:
                return _MD5 if self._md5 else None
            if chosen is None or listed != self._algorithms_value:
                return None
            try:
                algorithm = decode_password_algorithm(chosen)
            except StunError:
                return None
            return algorithm if algorithm in self._offered else None
        return _MD5 if self._md5 else None

    def _prove(
        self, request: Request, proof: tuple[bytes | None, ...], algorithm: int, good_until: float
    ) -> bytes | None:
        user = self._user(proof[0], proof[1])
        if user is None or proof[2] != self._realm_value:
            return self._refuse(request, "", "unknown user")
        candidate = None
        for candidate in self.credentials.candidates(user, algorithm):
            if not candidate.signer.fits(request.message):
                continue
            if candidate.ends is not None and not self._in_time(request, candidate.ends, user):
                return self._refuse(request, user, "expired")
            self.credentials.proven(candidate, algorithm)
            login = Login(user, candidate.owner, candidate.signer, candidate.ends)
            request.login = login
            if request.allocation is not None and request.allocation.login.user == user:
                request.allocation.login = login
            login.proof = proof
            login.good_until = good_until if candidate.ends is None else min(good_until, candidate.ends)
            return None
        return self._refuse(request, user, "unknown user" if candidate is None else "wrong password")

    def _in_time(self, request: Request, ends: float, user: str) -> bool:
        """R11: after its end a credential only serves an allocation that it made, for one lifetime more."""
        if request.wall < ends:
            return True
        allocation = request.allocation
        return allocation is not None and allocation.login.user == user and request.wall < ends + self._grace

    def _user(self, name: bytes | None, hashed: bytes | None) -> str | None:
        if name is None:
            return self.credentials.user_of(hashed or b"")
        try:
            return decode_username(name)
        except StunError:
            return None

    def _refuse(self, request: Request, user: str, reason: str) -> bytes:
        message = request.message
        self._tell(AuthenticationFailed(request.client, user, message.type, reason))  # type: ignore[arg-type]
        return self.challenge(request, 401)

    def _bad(self, request: Request) -> bytes:
        return plain(request.message, request.message.type | ERROR, encoded_error(400))


def _nonce_size(cookie: bytes) -> int:
    """Octets of the attribute."""
    return 4 + (len(cookie) + 20 + 3) // 4 * 4
