"""The notifier of the registration event package (RFC 3680 on RFC 6665): who is told when registrations change.

A user may watch his own registration, those in `watchers` everybody's. A subscription begins with the full state and
gets each change after it, at most one NOTIFY in `_PACE` seconds (RFC 3680 §4.10). Bounds: `_MOST`, `_MOST_OF_ONE`.
"""

from __future__ import annotations

from collections.abc import Callable

from seaway.call.admission import Refusal
from seaway.call.config import ControlConfig
from seaway.call.identity import Identities, address_of_record
from seaway.call.own import OwnRequest
from seaway.call.reginfo import CONTENT_TYPE, News, reginfo
from seaway.call.zones import Zones
from seaway.core.sip.binding import Binding
from seaway.core.sip.build import build_response
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import Dialog, cseq_number
from seaway.core.sip.gruu import Gruus
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.sides import Sides
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.message import Request, Response
from seaway.wire.sip.nameaddr import tag_of

__all__ = ["RegEvents"]

_DEFAULT, _SHORTEST, _LONGEST = 3761, 60, 7200  # seconds (RFC 3680 §4.4)
_PACE = 5.0
_MOST, _MOST_OF_ONE = 5000, 20  # subscriptions of all, and for one user
_MOST_NEWS = 50  # changes that wait for one NOTIFY; more: the full state is told
_ACCEPTED = frozenset((b"application/reginfo+xml", b"application/*", b"*/*"))


class _Subscription(OwnRequest):
    """One subscription, and the context of its NOTIFY requests. `zone` is that of the traversal link it is behind."""

    def __init__(
        self, owner: RegEvents, aor: bytes, dialog: Dialog, event: bytes, flow: Flow, zone: str | None
    ) -> None:
        self.owner, self.aor, self.dialog, self.event = owner, aor, dialog, event
        self.flow, self.zone = flow, zone
        self.expires = 0.0
        self.version = 0
        self.told = float("-inf")  # when the last NOTIFY went out
        self.news: list[News] = []
        self.full = False  # too much has changed: tell everything
        self.ended = False

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        if response.status >= 300:
            self.owner.forget(self)  # RFC 6665 §4.2.2

    def failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        self.owner.forget(self)


class RegEvents:
    """The subscriptions of one node."""

    def __init__(
        self, config: ControlConfig, registrar: Registrar, gruus: Gruus, identities: Identities, zones: Zones,
        sides: Sides, proxy: Proxy, random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self._watchers = frozenset(name.encode("utf-8", "surrogateescape") for name in config.watchers)
        elsewhere = {each.name.lower() for each in config.registrations if each.register_on is not None}
        self._ours = frozenset(each.lower().encode() for each in config.domains)
        self._domains = frozenset(each.lower().encode() for each in config.domains if each.lower() not in elsewhere)
        self._registrar = registrar
        self._gruus = gruus
        self._identities = identities
        self._zones = zones
        self._sides = sides
        self._proxy = proxy
        self._random = random
        self._by_tag: dict[bytes, _Subscription] = {}  # our To tag
        self._by_aor: dict[bytes, list[_Subscription]] = {}
        self._numbers: dict[bytes, int] = {}  # of watched registrations
        self._number = 0

    def __len__(self) -> int:
        return len(self._by_tag)

    # -- SUBSCRIBE

    def known(self, request: Request) -> bool:
        """Whether a SUBSCRIBE is inside a dialog of ours. Raises `SipError`."""
        return (tag_of(request.require(b"to")) or b"") in self._by_tag

    def wanted(self, request: Request) -> bool:
        """Whether a SUBSCRIBE that begins something is for the registrations of this node. Raises `SipError`."""
        if (request.get(b"event") or b"").partition(b";")[0].strip(b" \t") != b"reg":
            return False
        aor = address_of_record(request.uri)
        return aor is not None and aor.rpartition(b"@")[2] in self._domains and b"@" in aor

    def subscribe(self, context: Context, now: float) -> Refusal | None:
        """Take an authorised SUBSCRIBE, new or inside its dialog; why not. Raises `SipError`."""
        request = context.request
        context.admitted = True
        known = self._by_tag.get(tag_of(request.require(b"to")) or b"")
        expires = _DEFAULT
        if b"expires" in request.names:
            try:
                expires = parse_digits(request.require(b"expires"), maximum=2**32 - 1)
            except WireError:
                return Refusal(400, "Expires is no number")
        if 0 < expires < _SHORTEST:
            return Refusal(423, "the subscription is too short", ((b"Min-Expires", b"%d" % _SHORTEST),))
        types = [part for value in request.all(b"accept") for part in value.split(b",")]
        if types and _ACCEPTED.isdisjoint(each.partition(b";")[0].strip(b" \t").lower() for each in types):
            return Refusal(406, "reginfo+xml is not accepted", ((b"Accept", CONTENT_TYPE),))
        if known is not None:
            return self._refresh(context, known, min(expires, _LONGEST), now)
        aor = address_of_record(request.uri) or b""
        who = self._identities.asserted(context)
        if who is None or not self._may(who, aor):
            return Refusal(403, f"{who!r} may not watch the registration of {aor!r}")
        if len(self._by_tag) >= _MOST or len(self._by_aor.get(aor, ())) >= _MOST_OF_ONE:
            return Refusal(503, "too many subscriptions", ((b"Retry-After", b"60"),))
        tag = self._random(8).hex().encode()
        zone = context.zone.name if context.zone is not None and context.zone.traversal else None
        made = _Subscription(self, aor, Dialog.as_uas(request, tag), request.require(b"event"), context.flow, zone)
        made.dialog.confirm()
        self._by_tag[tag] = made
        self._by_aor.setdefault(aor, []).append(made)
        if aor not in self._numbers:
            self._number += 1
            self._numbers[aor] = self._number
            self._registrar.watched.add(aor)
        self._accept(context, made, min(expires, _LONGEST), now)
        return None

    def _refresh(self, context: Context, known: _Subscription, expires: int, now: float) -> Refusal | None:
        request, dialog = context.request, known.dialog
        if not dialog.names(context.call_id, dialog.local_tag, tag_of(request.require(b"from")) or b""):
            return Refusal(481, "there is no such subscription")
        who = self._identities.asserted(context)
        if who is not None and not self._may(who, known.aor):
            return Refusal(403, f"{who!r} may not watch the registration of {known.aor!r}")
        if dialog.remote_seq is not None and cseq_number(request) <= dialog.remote_seq:
            return Refusal(500, "an old request")
        dialog.in_order(request)
        dialog.refresh(request)
        known.flow = context.flow
        self._accept(context, known, expires, now)
        return None

    def _may(self, who: bytes, aor: bytes) -> bool:
        """Whether `who`, proved or asserted, may watch: another domain's user of the same name is somebody else."""
        user, _, domain = who.rpartition(b"@")
        return who == aor or (user in self._watchers and domain in self._ours)

    def _accept(self, context: Context, made: _Subscription, expires: int, now: float) -> None:
        made.expires = now + expires
        contact = self._sides.record_route(made.flow) % b"reg"
        headers = (
            (b"Contact", contact.partition(b": ")[2].replace(b";lr>", b">")),
            (b"Expires", b"%d" % expires),
            (b"Allow-Events", b"reg"),
        )
        response = build_response(context.request, 200, tag=made.dialog.local_tag, headers=headers)
        self._proxy.layer.respond(context.server, response.serialise(), 200, now)
        if expires == 0:
            self._end(made, b"timeout", now)
        else:
            self._notify(made, True, b"active;expires=%d" % expires, now)

    # -- NOTIFY

    def tell(self, now: float) -> None:
        """Take the changes of watched registrations; tell those who may be told now. Call it after each change."""
        news, self._registrar.news = self._registrar.news, []
        for binding, event in news:
            for each in self._by_aor.get(binding.aor, ()):
                each.news.append((binding, event))
                if len(each.news) > _MOST_NEWS:
                    each.news, each.full = [], True
        for aor in {binding.aor for binding, _ in news}:
            for each in list(self._by_aor.get(aor, ())):
                self._tell(each, now)

    def sweep(self, now: float) -> None:
        """Tell what has waited, end what is over; call it every few seconds."""
        for each in list(self._by_tag.values()):
            if each.expires <= now:
                self._end(each, b"timeout", now)
            else:
                self._tell(each, now)

    def forget(self, gone: _Subscription) -> None:
        """No more of it."""
        gone.ended = True
        if self._by_tag.pop(gone.dialog.local_tag, None) is None:
            return
        there = self._by_aor[gone.aor]
        there.remove(gone)
        if not there:
            del self._by_aor[gone.aor], self._numbers[gone.aor]
            self._registrar.watched.discard(gone.aor)

    def _tell(self, each: _Subscription, now: float) -> None:
        if (each.news or each.full) and now - each.told >= _PACE:
            left = max(1, round(each.expires - now))
            self._notify(each, each.full, b"active;expires=%d" % left, now)

    def _end(self, each: _Subscription, reason: bytes, now: float) -> None:
        self._notify(each, True, b"terminated;reason=" + reason, now)
        self.forget(each)

    def _notify(self, each: _Subscription, full: bool, state: bytes, now: float) -> None:
        where = self._where(each)
        if where is None:
            each.full = True  # when the zone is back
            return
        bindings = self._registrar.lookup(each.aor, now)
        contacts: list[News] = [(binding, "registered") for binding in bindings] if full else _last(each.news)
        body = reginfo(
            each.aor, self._numbers[each.aor], each.version, contacts, bool(bindings), self._gruus, now, full=full
        )
        each.version += 1
        each.told, each.news, each.full = now, [], False
        headers = (
            (b"Contact", (self._sides.record_route(where) % b"reg").partition(b": ")[2].replace(b";lr>", b">")),
            (b"Event", each.event),
            (b"Subscription-State", state),
        )
        request = each.dialog.request(b"NOTIFY", headers)
        branch = b"z9hG4bK" + self._random(8).hex().encode()
        request.insert(0, b"via", self._sides.via(where) + branch)
        request.set_body(body, CONTENT_TYPE)
        self._proxy.layer.send_request(branch, b"NOTIFY", request.serialise(), where, each, now)

    def _where(self, each: _Subscription) -> Flow | Hop | None:
        link = self._zones.links.get(each.zone) if each.zone is not None else None
        return link.flow if link is not None else each.flow


def _last(news: list[News]) -> list[News]:
    """The last of each binding."""
    found: dict[Binding, str] = {}
    for binding, event in news:
        found[binding] = event
    return list(found.items())
