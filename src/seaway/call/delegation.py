"""Delegated credential checking: the edge challenges, the node that keeps the users says whether the answer is right.

The edge makes the nonce and looks after it (age, source, replay). What it cannot judge, the digest itself, it sends
over the traversal zone in an OPTIONS with `Require: seaway-credentials`: the Authorization value as it came, and in
`X-Seaway-Method` the method that it was computed for. 200 means right, 403 wrong; see `docs/traversal.md`.
Bounds: `_PENDING` questions at a time, `_PER_SOURCE` of one IP address; who asks has proved its address by the nonce.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from seaway.call.own import OwnRequest
from seaway.call.zones import Zones
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Context
from seaway.core.sip.io import Flow
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.sides import Sides
from seaway.identity.digest import Authenticator, Credentials, DigestError
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Response

__all__ = ["OPTION_TAG", "Answer", "Delegates", "judge"]

OPTION_TAG = b"seaway-credentials"
_PENDING = 2000
_PER_SOURCE = 50
_PATIENCE = 8.0  # seconds for the answer

Answer = Callable[[int, float], None]
"""Told the status: 200 right, 403 wrong, anything else: nobody could say."""


class _Question(OwnRequest):
    """One question that is under way."""

    __slots__ = ("_owner", "_source", "_tell")

    def __init__(self, owner: Delegates, source: str, tell: Answer) -> None:
        self._owner = owner
        self._source = source
        self._tell = tell

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        if response.status >= 200:
            self._end(response.status, now)

    def failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        self._end(status, now)

    def _end(self, status: int, now: float) -> None:
        self._owner.ended(self._source)
        self._tell(status, now)


class Delegates:
    """The asking side, of one node."""

    def __init__(
        self, zones: Zones, sides: Sides, proxy: Proxy, random: Callable[[int], bytes], node: str,
        counters: Counter[str],
    ) -> None:  # fmt: skip
        self._zones = zones
        self._sides = sides
        self._proxy = proxy
        self._random = random
        self._node = node.encode()
        self._counters = counters
        self._pending = 0
        self._sources: Counter[str] = Counter()

    def ask(self, zone: str, domain: bytes, method: bytes, value: bytes, source: str, tell: Answer, now: float) -> None:
        """Ask the node behind `zone` about the credentials `value` of a request of `domain` that came from `source`."""
        where = self.where(zone)
        if where is None or self._pending >= _PENDING or self._sources[source] >= _PER_SOURCE:
            self._counters["sip.auth.not_asked"] += 1
            tell(503, now)
            return
        self._pending += 1
        self._sources[source] += 1
        branch = b"z9hG4bK" + self._random(8).hex().encode()
        name = self._random(8).hex().encode()
        lines = [
            b"OPTIONS sip:%b SIP/2.0" % domain,
            self._sides.via(where) + branch,
            b"Max-Forwards: 1",
            b"From: <sip:%b@%b>;tag=%b" % (self._node, domain, name[:8]),
            b"To: <sip:%b>" % domain,
            b"Call-ID: %b@%b" % (name, self._node),
            b"CSeq: 1 OPTIONS",
            b"Require: " + OPTION_TAG,
            b"X-Seaway-Method: " + method,
            b"Authorization: " + value,
            b"Content-Length: 0",
            b"",
            b"",
        ]
        question = _Question(self, source, tell)
        self._proxy.layer.send_request(branch, b"OPTIONS", b"\r\n".join(lines), where, question, now, _PATIENCE)

    def where(self, zone: str) -> Flow | None:
        """The way to the node behind the traversal zone `zone`; `None` while it cannot be reached. Always TLS."""
        link = self._zones.links.get(zone)
        return link.flow if link is not None else None

    def ended(self, source: str) -> None:
        """A question of `source` has its answer."""
        self._pending -= 1
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]


def judge(context: Context, authenticator: Authenticator, users: dict[str, dict[str, str]]) -> tuple[int, str]:
    """The answering side: status and, for the log, why."""
    request = context.request
    method = request.get(b"x-seaway-method")
    value = request.get(b"authorization")
    if method is None or value is None:
        return 400, "a question about credentials without them"
    try:
        credentials = Credentials.from_parameters(digest_parameters(value) or {})
    except (SipError, DigestError) as error:
        return 400, f"credentials cannot be read: {error}"
    if authenticator.matches(credentials, method.decode("latin-1"), users.get(credentials.user)):
        return 200, ""
    return 403, f"wrong user or password for {credentials.user!r}"
