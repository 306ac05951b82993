"""Who is asking: digest authentication of requests from outside the trusted zones (RFC 3261 §22, RFC 8760).

Every method from an untrusted zone is checked (R38), and the name that was proved must be the one in From and, for
REGISTER, in To (R39).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from seaway.call.config import ControlConfig
from seaway.call.identity import Identities, address_of_record
from seaway.identity.digest import ALGORITHMS, Authenticator, Credentials, DigestError, Verdict
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message, Request

__all__ = ["Admission", "Elsewhere", "Refusal", "address_of_record", "says_more"]

Headers = tuple[tuple[bytes, bytes], ...]
_UNTRUSTED = frozenset((b"remote-party-id", b"diversion", b"history-info", b"identity"))
"""What only a trusted peer may say (RFC 3325 §5, RFC 7044, RFC 5806), beside every P- and X- header (R22)."""
_PREFIXES = (b"p-", b"x-")
_RETRY: Headers = ((b"Retry-After", b"10"),)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with `status`; `why` is for the log, not for the peer."""

    status: int
    why: str
    headers: Headers = ()
    usual: bool = False  # part of every normal exchange: not worth a line in the log
    phrase: str = ""  # for the peer; empty: the usual one of the status
    bare: bool = False  # no credentials were given
    wrong: bool = False  # wrong credentials, made with a nonce that only the source was given


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Only the node behind `zone` can judge `credentials`; `value` is the header value that they came in."""

    zone: str
    domain: bytes
    credentials: Credentials
    value: bytes


def says_more(message: Message) -> bool:
    """Whether there is something in `message` that only a trusted peer may say."""
    joined = b"\n" + b"\n".join(message.names)
    return b"\np-" in joined or b"\nx-" in joined or not _UNTRUSTED.isdisjoint(message.names)


class Admission:
    """Checks credentials against the node's users."""

    def __init__(self, config: ControlConfig, counters: Counter[str]) -> None:
        # Offer only what some user has a stored form for: phones that know MD5 alone refuse any message that also
        # offers SHA-256 (seen with libre 1.1), so a node for such phones stores only `ha1_md5`.
        offered = tuple(each for each in ALGORITHMS if any(each in user.ha1 for user in config.users))
        offered = config.digest_algorithms or offered or ALGORITHMS
        self.authenticator = Authenticator(config.realm, config.secret, algorithms=offered)
        self._realm = b'realm="' + config.realm.encode() + b'"'
        self.users = {user.name: user.ha1 for user in config.users}
        self._elsewhere = {
            each.name.lower().encode(): each.register_on for each in config.registrations if each.register_on
        }
        self.identities = Identities(config)
        self._counters = counters

    def check(self, request: Request, source: str, now: float) -> str | Refusal | Elsewhere:
        """The name of the authenticated user, or why not, or who can say. `source` is the peer's IP address."""
        proxy = request.method != b"REGISTER"
        values = request.all(b"proxy-authorization" if proxy else b"authorization")
        try:
            credentials = self._select(values)
        except (SipError, DigestError) as error:
            return Refusal(400, f"credentials cannot be read: {error}")
        if credentials is None:
            return Refusal(
                407 if proxy else 401, "no credentials yet", self._challenge(source, proxy, now, False), True, bare=True
            )
        if self._elsewhere:
            domain = self.identities.domain(request)
            zone = self._elsewhere.get(domain)
            if zone is not None:
                verdict = self.authenticator.fresh(credentials, source, now)
                if verdict is Verdict.ACCEPTED:
                    value = next(each for each in values if self._realm in each)
                    return Elsewhere(zone, domain, credentials, value)
                return self._refused(credentials, verdict, source, proxy, now, zone)
        verdict = self.authenticator.verify(
            credentials, request.method.decode(), self.users.get(credentials.user), source, now
        )
        if verdict is Verdict.ACCEPTED:
            return self._identity(request, credentials.user)
        return self._refused(credentials, verdict, source, proxy, now)

    def told(self, request: Request, asked: Elsewhere, status: int, source: str, now: float) -> str | Refusal:
        """What comes of the answer of the node that keeps the users (`delegation.py`)."""
        if status not in (200, 403):
            return Refusal(503, f"credentials cannot be checked: zone {asked.zone} says {status}", _RETRY)
        verdict = self.authenticator.spend(asked.credentials, source, now) if status == 200 else Verdict.REFUSED
        if verdict is Verdict.ACCEPTED:
            return self._identity(request, asked.credentials.user)
        return self._refused(asked.credentials, verdict, source, request.method != b"REGISTER", now, asked.zone)

    def _refused(
        self, credentials: Credentials, verdict: Verdict, source: str, proxy: bool, now: float, zone: str = ""
    ) -> Refusal:  # fmt: skip
        """`zone`: of the node that keeps the user, when it is not this one."""
        wrong = False
        if verdict is Verdict.REFUSED:
            self._counters["sip.auth.refused"] += 1
            wrong = self.authenticator.fresh(credentials, source, now) is Verdict.ACCEPTED
        stale = verdict is Verdict.STALE
        headers = self._challenge(source, proxy, now, stale)
        return Refusal(407 if proxy else 401, self._why(credentials, verdict, zone), headers, stale, wrong=wrong)

    def _why(self, credentials: Credentials, verdict: Verdict, zone: str) -> str:
        """For the log alone: the peer is never told whether there is such a user."""
        user = credentials.user
        if verdict is not Verdict.REFUSED:
            return f"credentials {verdict}"
        if zone:
            return f"zone {zone} refuses the credentials of user {user}"
        stored = self.users.get(user)
        if stored is None:
            return f"there is no user {user} on this node"
        if credentials.algorithm not in stored:
            return f"user {user} has no ha1_{credentials.algorithm.replace('-', '').lower()} on this node"
        return f"wrong password of user {user}"

    def _select(self, values: list[bytes]) -> Credentials | None:
        """The first credentials for our realm; those for other realms are not ours to judge."""
        for value in values:
            parameters = digest_parameters(value)
            if parameters is not None and parameters.get("realm") == self.authenticator.realm:
                return Credentials.from_parameters(parameters)
        return None

    def _identity(self, request: Request, user: str) -> str | Refusal:
        problem = self.identities.problem(request, user)
        if problem is None:
            return user
        self._counters["sip.auth.identity_mismatch"] += 1
        return Refusal(403, problem)

    def _challenge(self, source: str, proxy: bool, now: float, stale: bool) -> Headers:
        name = b"Proxy-Authenticate" if proxy else b"WWW-Authenticate"
        return tuple((name, str(each).encode()) for each in self.authenticator.challenges(source, now, stale=stale))

    def claims(self, request: Request, allowed: tuple[str, ...]) -> None:
        """Remove the identity that an untrusted peer asserts, before it is compared with who is authenticated."""
        if b"p-asserted-identity" in request.names and "p-asserted-identity" not in allowed:
            request.remove(b"p-asserted-identity")

    def clean(self, message: Message, allowed: tuple[str, ...] = ()) -> None:
        """Remove what only a trusted peer may say, but not what is `allowed`, and the credentials for our realm (R22,
        RFC 3261 §22.3)."""
        names = message.names
        if says_more(message):
            for name in set(names):
                if (name in _UNTRUSTED or name.startswith(_PREFIXES)) and name.decode("ascii") not in allowed:
                    message.remove(name)
        for field in (b"proxy-authorization", b"authorization"):
            if field in message.names and (field != b"authorization" or self._is_register(message)):
                ours = [i for i, name in enumerate(message.names) if name == field]
                others = [message.lines[i] for i in ours if self._realm not in message.lines[i]]
                message.remove(field)
                for line in others:
                    message.insert(len(message.names), field, line)

    def _is_register(self, message: Message) -> bool:
        return isinstance(message, Request) and message.method == b"REGISTER"
