"""The registrar and its location service (RFC 3261 §10). Sans-IO; who may register was decided before.

A binding remembers the flow on which it was registered: a phone behind a NAT is reached there and nowhere else. Memory
is bounded by `contacts_per_user` and `bindings`.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.sip.io import Flow
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import parse_contacts
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["Binding", "Bounds", "Registrar", "RegistrarResult"]

_MAX_EXPIRES = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """Expiry times in seconds and sizes."""

    minimum: int = 60
    maximum: int = 3600
    default: int = 600
    contacts_per_user: int = 10
    bindings: int = 20_000


class Binding:
    """One contact of one address-of-record. `expires` is monotonic seconds."""

    __slots__ = ("agent", "aor", "call_id", "cseq", "expires", "flow", "q", "uri")

    def __init__(
        self, aor: bytes, uri: bytes, call_id: bytes, cseq: int, expires: float, q: int, flow: Flow, agent: bytes
    ) -> None:
        self.aor = aor
        self.uri = uri
        self.call_id = call_id
        self.cseq = cseq
        self.expires = expires
        self.q = q
        self.flow: Flow | None = flow  # None after its connection closed
        self.agent = agent


@dataclass(frozen=True, slots=True)
class RegistrarResult:
    """What to answer: `headers` are raw (name, value) pairs. `added` and `removed` name contact URIs for the log."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()


class Registrar:
    """Bindings of all users of one node."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._bindings: dict[bytes, list[Binding]] = {}
        self._by_uri: dict[bytes, list[Binding]] = {}
        self._by_flow: dict[int, set[Binding]] = {}  # streams only
        self._count = 0

    def register(self, request: Request, aor: bytes, flow: Flow, now: float) -> RegistrarResult:
        """Process a REGISTER for `aor` (RFC 3261 §10.3 steps 6 to 8). Raises `SipError` for unreadable fields."""
        call_id = request.require(b"call-id")
        cseq = _number(request.require(b"cseq").split(b" ")[0], b"CSeq")
        default = self._bounds.default
        expires_header = request.get(b"expires")
        if expires_header is not None:
            default = _number(expires_header, b"Expires")
        contacts = parse_contacts(request.all(b"contact"))
        if contacts == "*":
            if default != 0 or expires_header is None:
                raise SipError("Contact * needs Expires 0", section="RFC 3261 §10.2.2")
            return self._remove_all(aor, call_id, cseq)
        wanted: list[tuple[bytes, int, int]] = []  # URI, q, expires: all read before anything changes
        for contact in contacts:
            if contact.uri not in self._by_uri:
                parse_request_uri(contact.uri)  # it will be one: nothing that cannot stand in a request line
            expires = default if contact.expires is None else contact.expires
            if 0 < expires < self._bounds.minimum:
                return RegistrarResult(423, ((b"Min-Expires", b"%d" % self._bounds.minimum),))
            wanted.append((contact.uri, contact.q, min(expires, self._bounds.maximum)))
        return self._apply(request, aor, call_id, cseq, wanted, flow, now)

    def lookup(self, aor: bytes, now: float) -> list[Binding]:
        """Live bindings of `aor`, highest q first, newest first among equals."""
        found = [each for each in self._bindings.get(aor, ()) if each.expires > now]
        if len(found) > 1:
            found.sort(key=lambda each: (-each.q, -each.expires))
        return found

    def by_contact(self, uri: bytes, now: float) -> Binding | None:
        """The live binding whose contact URI is `uri`, octet for octet; `None` also when two users claim it."""
        found = [each for each in self._by_uri.get(uri, ()) if each.expires > now]
        return found[0] if len(found) == 1 else None

    def flow_closed(self, flow: Flow) -> None:
        """Bindings on a closed stream stay until they expire, but cannot be reached until the phone comes back."""
        for binding in self._by_flow.pop(flow.id, ()):
            binding.flow = None

    def expire(self, now: float) -> list[Binding]:
        """Remove what has expired; call it every few seconds. Returns the removed bindings."""
        gone = [each for bindings in self._bindings.values() for each in bindings if each.expires <= now]
        for binding in gone:
            self._drop(binding)
        return gone

    def all(self, now: float) -> list[Binding]:
        """Every live binding."""
        return [each for bindings in self._bindings.values() for each in bindings if each.expires > now]

    def __len__(self) -> int:
        return self._count

    def _apply(
        self,
        request: Request,
        aor: bytes,
        call_id: bytes,
        cseq: int,
        wanted: list[tuple[bytes, int, int]],
        flow: Flow,
        now: float,
    ) -> RegistrarResult:
        current = {each.uri: each for each in self._bindings.get(aor, ()) if each.expires > now}
        after = set(current)
        for uri, _, expires in wanted:
            (after.add if expires else after.discard)(uri)
        growth = len(after) - len(current)
        if growth > 0 and len(after) > self._bounds.contacts_per_user:
            return RegistrarResult(403)
        if growth > 0 and self._count + growth > self._bounds.bindings:
            return RegistrarResult(503, ((b"Retry-After", b"60"),))
        for uri, _, _ in wanted:
            known = current.get(uri)
            if known is not None and known.call_id == call_id and cseq <= known.cseq:
                return RegistrarResult(500)  # out of order: RFC 3261 §10.3 step 7 aborts the whole request
        agent = (request.get(b"user-agent") or b"")[:64]
        added: list[bytes] = []
        removed: list[bytes] = []
        for uri, q, expires in wanted:
            known = self._find(aor, uri)
            if expires == 0:
                if known is not None:
                    self._drop(known)
                    removed.append(uri)
            elif known is not None:
                known.call_id, known.cseq, known.expires = call_id, cseq, now + expires
                known.q, known.agent = q, agent
                if known.flow is not flow:
                    self._move(known, flow)
            else:
                self._add(Binding(aor, uri, call_id, cseq, now + expires, q, flow, agent))
                added.append(uri)
        return RegistrarResult(200, self._contact_headers(aor, now), tuple(added), tuple(removed))

    def _remove_all(self, aor: bytes, call_id: bytes, cseq: int) -> RegistrarResult:
        bindings = self._bindings.get(aor, [])
        if any(each.call_id == call_id and cseq <= each.cseq for each in bindings):
            return RegistrarResult(500)
        removed = tuple(each.uri for each in bindings)
        for binding in list(bindings):
            self._drop(binding)
        return RegistrarResult(200, (), (), removed)

    def _contact_headers(self, aor: bytes, now: float) -> tuple[tuple[bytes, bytes], ...]:
        return tuple(
            (b"Contact", b"<%b>;expires=%d" % (each.uri, max(1, round(each.expires - now))))
            for each in self.lookup(aor, now)
        )

    def _find(self, aor: bytes, uri: bytes) -> Binding | None:
        for binding in self._bindings.get(aor, ()):
            if binding.uri == uri:
                return binding
        return None

    def _add(self, binding: Binding) -> None:
        self._bindings.setdefault(binding.aor, []).append(binding)
        self._by_uri.setdefault(binding.uri, []).append(binding)
        self._count += 1
        if binding.flow is not None:
            self._move(binding, binding.flow)

    def _move(self, binding: Binding, flow: Flow | None) -> None:
        """Bind to another flow, or to none."""
        old, binding.flow = binding.flow, flow
        if old is not None and old.reliable and (there := self._by_flow.get(old.id)) is not None:
            there.discard(binding)
            if not there:
                del self._by_flow[old.id]
        if flow is not None and flow.reliable:
            self._by_flow.setdefault(flow.id, set()).add(binding)

    def _drop(self, binding: Binding) -> None:
        bindings = self._bindings[binding.aor]
        bindings.remove(binding)
        if not bindings:
            del self._bindings[binding.aor]
        same = self._by_uri[binding.uri]
        same.remove(binding)
        if not same:
            del self._by_uri[binding.uri]
        self._count -= 1
        self._move(binding, None)


def _number(text: bytes, name: bytes) -> int:
    try:
        return parse_digits(text, maximum=_MAX_EXPIRES)
    except WireError as error:
        raise SipError(f"{name.decode()}: {error.what}", section="RFC 3261 §20.19") from None
