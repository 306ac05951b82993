"""The registrar and its location service (RFC 3261 §10, RFC 3327, RFC 5626 §6, RFC 5627). Sans-IO.

Who may register was decided before. A binding remembers the flow on which it was registered: a phone behind a NAT is
reached there and nowhere else. Memory is bounded by `contacts_per_user` and `bindings`. `changed` names the users whose
bindings differ from what was last written to a store.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.sip.binding import Binding
from seaway.core.sip.gruu import Gruus
from seaway.core.sip.io import Flow
from seaway.core.sip.registration import Asked, Key, Wanted, read_registration
from seaway.core.sip.routing import uri_has
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import uri_of

__all__ = ["Binding", "Bounds", "Registrar", "RegistrarResult"]

Headers = tuple[tuple[bytes, bytes], ...]
_SLACK = 0.4  # share of its time by which a binding may expire early in a store


@dataclass(frozen=True, slots=True)
class Bounds:
    """Expiry times in seconds and sizes. `flow_timer`: seconds in which a phone with outbound keeps its flow alive."""

    minimum: int = 60
    maximum: int = 3600
    default: int = 600
    contacts_per_user: int = 10
    bindings: int = 20_000
    flow_timer: int = 120
    strict_path: bool = False  # Path of a proxy only for phones that say that they support it
    service_route: tuple[bytes, ...] = ()  # RFC 3608: values for the 200


@dataclass(frozen=True, slots=True)
class RegistrarResult:
    """What to answer: `headers` are raw (name, value) pairs. `added` and `removed` name contact URIs for the log."""

    status: int
    headers: Headers = ()
    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()
    outbound: bool = False  # the phone itself was told to keep its flow alive (RFC 5626 §5.4)


class Registrar:
    """Bindings of all users of one node."""

    def __init__(self, bounds: Bounds, gruus: Gruus | None = None) -> None:
        self._bounds = bounds
        self._gruus = gruus
        self._bindings: dict[bytes, list[Binding]] = {}
        self._by_uri: dict[bytes, list[Binding]] = {}
        self._by_index: dict[bytes, list[Binding]] = {}  # temporary GRUUs
        self._by_flow: dict[int, set[Binding]] = {}  # streams only
        self._count = 0
        self._number = 0
        self._fixed = tuple((b"Service-Route", value) for value in bounds.service_route)
        self.changed: set[bytes] = set()
        self.watched: set[bytes] = set()  # users whose changes go into `news`
        self.news: list[tuple[Binding, str]] = []

    def register(
        self, request: Request, aor: bytes, flow: Flow, now: float, zone: str | None = None
    ) -> RegistrarResult:
        """Process a REGISTER for `aor` (RFC 3261 §10.3 steps 6 to 8). Raises `SipError` for unreadable fields.

        `zone` is the trusted zone that it came from; a Path then leads there.
        """
        bounds = self._bounds
        asked = read_registration(request, bounds.default)
        if asked.path and bounds.strict_path and b"path" not in asked.supported:
            return RegistrarResult(420, ((b"Unsupported", b"path"),))  # RFC 3327 §5.3
        if asked.contacts is None:
            return self._remove_all(aor, asked.call_id, asked.cseq)
        outbound = False
        for each in asked.contacts:
            outbound |= each.reg_id > 0
            if 0 < each.expires < bounds.minimum:
                return RegistrarResult(423, ((b"Min-Expires", b"%d" % bounds.minimum),))
            if b";gr" in each.uri and self._gruus is not None and self._gruus.read(each.uri) is not None:
                return RegistrarResult(403)  # a GRUU of ours would lead back to us (RFC 5627 §5.1)
        if outbound and (status := _outbound_problem(asked)):
            return RegistrarResult(status)
        agent = (request.get(b"user-agent") or b"")[:64]
        return self._apply(asked, aor, flow, zone, agent, outbound, now)

    # -- looking

    def lookup(self, aor: bytes, now: float) -> list[Binding]:
        """Live bindings of `aor`, highest q first, newest first among equals."""
        found = [each for each in self._bindings.get(aor, ()) if each.expires > now]
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def by_contact(self, uri: bytes, now: float) -> Binding | None:
        """The live binding whose contact URI is `uri`, octet for octet; `None` also when two users claim it."""
        found = [each for each in self._by_uri.get(uri, ()) if each.expires > now]
        if len(found) > 1 and len({each.aor for each in found}) == 1:
            found.sort(key=_order)  # flows of one device (RFC 5626)
            return found[0]
        return found[0] if len(found) == 1 else None

    def by_gruu(self, uri: bytes, now: float) -> list[Binding] | None:
        """Live bindings of the device that `uri` stands for, best first. `None`: no GRUU of a user we know of."""
        meaning = self._gruus.read(uri) if self._gruus is not None else None
        if meaning is None:
            return None
        if isinstance(meaning, bytes):
            found = self._by_index.get(meaning)
            if not found:
                return []  # ours, but the registration is gone (RFC 5627 §5.4)
            aor, instance = found[0].aor, found[0].instance
        else:
            aor, instance = meaning
            if aor not in self._bindings:
                return None
        return [each for each in self.lookup(aor, now) if each.instance == instance]

    def all(self, now: float) -> list[Binding]:
        """Every live binding."""
        return [each for bindings in self._bindings.values() for each in bindings if each.expires > now]

    def of(self, aor: bytes) -> list[Binding]:
        """Every binding of `aor`, also one that has just expired."""
        return self._bindings.get(aor, [])

    def gruu_secret(self, secret: bytes) -> None:
        """Another secret for temporary GRUUs, 16 to 64 octets; before there are bindings."""
        if self._gruus is not None:
            self._gruus.secret = secret

    @property
    def room(self) -> bool:
        """Whether another binding may be added."""
        return self._count < self._bounds.bindings

    def __len__(self) -> int:
        return self._count

    # -- what else changes bindings

    def flow_closed(self, flow: Flow) -> None:
        """Bindings on a closed stream stay until they expire, but cannot be reached until the phone comes back."""
        for binding in self._by_flow.pop(flow.id, ()):
            binding.flow = None

    def expire(self, now: float) -> list[Binding]:
        """Remove what has expired; call it every few seconds. Returns the removed bindings."""
        gone = [each for bindings in self._bindings.values() for each in bindings if each.expires <= now]
        for binding in gone:
            self.drop(binding)
        return gone

    def drop(self, binding: Binding, why: str = "expired") -> bool:
        """Remove a binding, `why` in the words of RFC 3680 §5.2. False when it was gone already."""
        bindings = self._bindings.get(binding.aor, [])
        if binding not in bindings:
            return False
        bindings.remove(binding)
        if not bindings:
            del self._bindings[binding.aor]
        _take(self._by_uri, binding.uri, binding)
        if binding.index is not None:
            _take(self._by_index, binding.index, binding)
        self._count -= 1
        self._move(binding, None)
        self.changed.add(binding.aor)
        if binding.aor in self.watched:
            self.news.append((binding, why))
        return True

    def add(self, binding: Binding) -> None:
        """Put in a binding that was made elsewhere: here, or from a store."""
        self._number += 1
        binding.number = self._number
        self._bindings.setdefault(binding.aor, []).append(binding)
        self._by_uri.setdefault(binding.uri, []).append(binding)
        self._count += 1
        self._file(binding)
        if binding.flow is not None:
            self._move(binding, binding.flow)

    # -- inside

    def _apply(
        self, asked: Asked, aor: bytes, flow: Flow, zone: str | None, agent: bytes, outbound: bool, now: float
    ) -> RegistrarResult:
        assert asked.contacts is not None
        refused = self._refusal(aor, asked.contacts, asked, now)
        if refused is not None:
            return refused
        added: list[bytes] = []
        removed: list[bytes] = []
        maximum = self._bounds.maximum
        call_id, cseq, path = asked.call_id, asked.cseq, asked.path
        for each in asked.contacts:
            known = self._find(aor, each.key)
            if each.expires == 0:
                if known is not None:
                    self.drop(known, "unregistered")
                    removed.append(each.uri)
                continue
            expires = now + (each.expires if each.expires < maximum else maximum)
            if known is not None:
                if aor in self.watched:
                    self.news.append((known, "shortened" if expires < known.expires else "refreshed"))
                if self._moved(known, each, asked, flow, zone, agent):
                    known.kept = 0.0
                    known.q, known.agent, known.path, known.zone = each.q, agent, path, zone
                    if known.call_id != call_id or known.uri != each.uri or known.instance != each.instance:
                        self._refile(known, each, call_id)
                    if known.flow is not flow:
                        self._move(known, flow)
                known.cseq, known.expires = cseq, expires
                # A store need not hear of each refresh: what it has is good for most of the time that is left.
                if expires - known.kept > _SLACK * (expires - now):
                    self.changed.add(aor)
            else:
                made = Binding(aor, each, call_id, cseq, expires, flow, agent, path=path, zone=zone, since=now)
                self.add(made)
                if aor in self.watched:
                    self.news.append((made, "registered"))
                added.append(each.uri)
                self.changed.add(aor)
        headers = self._headers(asked, aor, outbound, now)
        return RegistrarResult(200, headers, tuple(added), tuple(removed), outbound and asked.direct)

    def _moved(self, known: Binding, each: Wanted, asked: Asked, flow: Flow, zone: str | None, agent: bytes) -> bool:
        """Whether a refresh changes more than the time."""
        return (
            known.flow is not flow or known.uri != each.uri or known.call_id != asked.call_id or known.q != each.q
            or known.agent != agent or known.path != asked.path or known.zone != zone or known.instance != each.instance
        )  # fmt: skip

    def _refusal(self, aor: bytes, wanted: tuple[Wanted, ...], asked: Asked, now: float) -> RegistrarResult | None:
        if len(wanted) == 1:  # nearly always: the refresh of one binding
            known = self._find(aor, wanted[0].key)
            if known is not None and known.expires > now:
                return RegistrarResult(500) if known.call_id == asked.call_id and asked.cseq <= known.cseq else None
        current = {each.key: each for each in self._bindings.get(aor, ()) if each.expires > now}
        after = set(current)
        for each in wanted:
            if each.expires:
                after.add(each.key)
            else:
                after.discard(each.key)
        growth = len(after) - len(current)
        if growth > 0 and len(after) > self._bounds.contacts_per_user:
            return RegistrarResult(403)
        if growth > 0 and self._count + growth > self._bounds.bindings:
            return RegistrarResult(503, ((b"Retry-After", b"60"),))
        for each in wanted:
            known = current.get(each.key)
            if known is not None and known.call_id == asked.call_id and asked.cseq <= known.cseq:
                return RegistrarResult(500)  # out of order: RFC 3261 §10.3 step 7 aborts the whole request
        return None

    def _remove_all(self, aor: bytes, call_id: bytes, cseq: int) -> RegistrarResult:
        bindings = self._bindings.get(aor, [])
        if any(each.call_id == call_id and cseq <= each.cseq for each in bindings):
            return RegistrarResult(500)
        removed = tuple(each.uri for each in bindings)
        for binding in list(bindings):
            self.drop(binding, "unregistered")
        return RegistrarResult(200, (), (), removed)

    def _headers(self, asked: Asked, aor: bytes, outbound: bool, now: float) -> Headers:
        """Of the 200: every binding of the user, and what the extensions want said."""
        supported = asked.supported
        gruu = b"gruu" in supported
        made: Headers = tuple([(b"Contact", self._contact(each, gruu, now)) for each in self.lookup(aor, now)])
        if asked.path and b"path" in supported:
            made += tuple((b"Path", value) for value in asked.path)  # RFC 3327 §5.3
        if outbound:
            made += ((b"Require", b"outbound"), (b"Flow-Timer", b"%d" % self._bounds.flow_timer))  # RFC 5626 §6
        return made + self._fixed if self._fixed else made

    def _contact(self, binding: Binding, gruu: bool, now: float) -> bytes:
        value = b"<%b>;expires=%d" % (binding.uri, max(1, round(binding.expires - now)))
        if binding.q != 1000:
            value += b";q=%d.%03d" % divmod(binding.q, 1000)
        if binding.instance is not None:
            value += b';+sip.instance="<%b>"' % binding.instance
            if binding.reg_id:
                value += b";reg-id=%d" % binding.reg_id
            if gruu and self._gruus is not None and binding.index is not None:
                public = self._gruus.public(binding.aor, binding.instance)
                temporary = self._gruus.temporary(binding.aor, binding.index)
                value += b';pub-gruu="%b";temp-gruu="%b"' % (public, temporary)
        return value

    def _find(self, aor: bytes, key: Key) -> Binding | None:
        for binding in self._bindings.get(aor, ()):
            if binding.key == key:
                return binding
        return None

    def _file(self, binding: Binding) -> None:
        """Make a device findable by the temporary GRUUs of its registration."""
        if binding.instance is not None and self._gruus is not None:
            binding.index = self._gruus.index(binding.aor, binding.instance, binding.call_id)
            self._by_index.setdefault(binding.index, []).append(binding)

    def _refile(self, binding: Binding, wanted: Wanted, call_id: bytes) -> None:
        """The same binding with another Call-ID, contact URI or instance."""
        if binding.uri != wanted.uri:
            _take(self._by_uri, binding.uri, binding)
            binding.uri = wanted.uri
            self._by_uri.setdefault(binding.uri, []).append(binding)
        if binding.index is not None:
            _take(self._by_index, binding.index, binding)
            binding.index = None
        binding.call_id, binding.instance = call_id, wanted.instance
        self._file(binding)

    def _move(self, binding: Binding, flow: Flow | None) -> None:
        """Bind to another flow, or to none."""
        old, binding.flow = binding.flow, flow
        if old is not None and old.reliable and (there := self._by_flow.get(old.id)) is not None:
            there.discard(binding)
            if not there:
                del self._by_flow[old.id]
        if flow is not None and flow.reliable:
            self._by_flow.setdefault(flow.id, set()).add(binding)


def _order(binding: Binding) -> tuple[int, float]:
    return (-binding.q, -binding.expires)


def _outbound_problem(asked: Asked) -> int:
    """What to answer when a REGISTER asks for outbound wrongly; 0: it does not (RFC 5626 §6)."""
    assert asked.contacts is not None
    if sum(1 for each in asked.contacts if each.reg_id and each.expires) > 1:
        return 400  # one flow cannot be two
    first = uri_of(asked.path[-1]) if asked.path else b""  # that of the proxy nearest to the phone
    return 0 if asked.direct or uri_has(first, b"ob") else 439


def _take(table: dict[bytes, list[Binding]], key: bytes, binding: Binding) -> None:
    same = table[key]
    same.remove(binding)
    if not same:
        del table[key]
