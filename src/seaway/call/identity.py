"""Who a request says it is from: whether that fits who was authenticated, and what other zones are told of it.

From must name the authenticated user, and so must P-Asserted-Identity where a zone may say it (R39); a rule can let a
user speak for others. Towards trusted zones the node asserts the identity that it has checked (RFC 3325 §5), towards
others P-Asserted-Identity goes when the caller wants privacy or nobody there is one of ours (RFC 3325 §7).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from seaway.call.config import ControlConfig
from seaway.call.zones import Zone
from seaway.core.sip.context import Context, Target
from seaway.core.sip.gruu import aor_uri
from seaway.policy.patterns import MAX_ALIAS, Matcher
from seaway.wire.sip.message import Message, Request, Response
from seaway.wire.sip.nameaddr import parse_nameaddrs, uri_of
from seaway.wire.sip.uri import SipUri, parse_uri

__all__ = ["Identities", "address_of_record"]

_ANONYMOUS = b"anonymous@anonymous.invalid"  # RFC 3323 §4.1
_REMEMBERED = 128  # octets of an address that is not read again each time
_ASSERTED = b"p-asserted-identity"


def address_of_record(uri: bytes) -> bytes | None:
    """`user@host` in canonical form for a SIP URI, `None` for another scheme. Raises `SipError`."""
    return _aor(uri) if len(uri) < _REMEMBERED else _aor.__wrapped__(uri)


@lru_cache(maxsize=20_000)
def _aor(uri: bytes) -> bytes | None:
    parsed = parse_uri(uri)
    return parsed.aor() if isinstance(parsed, SipUri) else None


class Identities:
    """Of one node."""

    def __init__(self, config: ControlConfig) -> None:
        self._domains = frozenset(domain.lower().encode() for domain in config.domains)
        self._default = config.domains[0].lower().encode()
        self._may = {each.user: [Matcher(type, text) for type, text in each.may_be] for each in config.identities}

    def problem(self, request: Request, user: str) -> str | None:
        """Why `request` may not come from the authenticated `user`; `None`: it may. Raises `SipError`."""
        if request.method == b"REGISTER":
            fields = [(b"from", request.require(b"from")), (b"to", request.require(b"to"))]
            claims = [(name, address_of_record(uri_of(value))) for name, value in fields]
        else:
            aor = address_of_record(uri_of(request.require(b"from")))
            # RFC 3323 §4.1: the user hides, but not from us.
            claims = [] if aor == _ANONYMOUS and _private(request) else [(b"from", aor)]
        if _ASSERTED in request.names:
            claims += [(_ASSERTED, address_of_record(each.uri)) for each in parse_nameaddrs(request.all(_ASSERTED))]
        for name, claim in claims:
            if not self._fits(claim or b"", user):
                return f"{name.decode()} names {claim!r}, but {user!r} was authenticated"
        return None

    def _fits(self, claim: bytes, user: str) -> bool:
        name, _, domain = claim.rpartition(b"@")
        if name == user.encode("utf-8", "surrogateescape") and domain in self._domains:
            return True
        rules = self._may.get(user)
        if not rules or len(claim) > MAX_ALIAS or not claim.isascii():
            return False
        alias = claim.decode("ascii")
        return any(each.apply(alias) is not None for each in rules)

    def domain(self, request: Request) -> bytes:
        """The domain whose users `request` may come from: of To in a REGISTER, of From otherwise."""
        aor = address_of_record(uri_of(request.require(b"to" if request.method == b"REGISTER" else b"from"))) or b""
        return self._default if aor == _ANONYMOUS else aor.rpartition(b"@")[2]

    def ours(self, request: Request) -> bool:
        """Whether From names a user of our domains. Raises `SipError`."""
        aor = address_of_record(uri_of(request.require(b"from"))) or b""
        return aor.rpartition(b"@")[2] in self._domains

    def of(self, request: Request, user: str) -> bytes:
        """The address-of-record of the authenticated `user`: in the domain of From when that is ours."""
        aor = address_of_record(uri_of(request.require(b"from"))) or b""
        domain = aor.rpartition(b"@")[2]
        return user.encode("utf-8", "surrogateescape") + b"@" + (domain if domain in self._domains else self._default)

    def take(self, context: Context) -> None:
        """Take who asks out of the request: `told` puts it into the copies that may have it."""
        request = context.request
        if _ASSERTED in request.names:
            lines = [line for name, line in zip(request.names, request.lines, strict=True) if name == _ASSERTED]
            context.asserted = tuple(lines)
            request.remove(_ASSERTED)
        elif context.user is not None:
            context.asserted = (b"P-Asserted-Identity: <%b>" % aor_uri(context.user),)

    def told(self, context: Context, zone: Zone | None, target: Target) -> Target:
        """`target` in `zone` (`None`: a phone that is registered here) with what it is told of who asks."""
        if not context.asserted or (_private(context.request) if zone is None else not zone.trusted):
            return target
        others = tuple(replace(each, lines=each.lines + context.asserted) for each in target.others)
        return replace(target, lines=target.lines + context.asserted, others=others)

    def upstream(self, context: Context, response: Response) -> None:
        """Take the identity of who answered out of a response when the caller may not have it."""
        if context.zone is None or context.zone.trusted:
            return
        stranger = context.user is None and context.token is None
        if stranger or _private(response):
            response.remove(_ASSERTED)

    def asserted(self, context: Context) -> bytes | None:
        """Who asks, as an address-of-record: proved here, or asserted by a trusted zone. Raises `SipError`."""
        if context.user is not None:
            return context.user
        if context.zone is not None and context.zone.trusted and _ASSERTED in context.request.names:
            return address_of_record(parse_nameaddrs(context.request.all(_ASSERTED))[0].uri)
        return None


def _private(message: Message) -> bool:
    """Whether the identity is for trusted parties only (RFC 3325 §9.3)."""
    if b"privacy" not in message.names:
        return False
    return any(part.strip(b" \t").lower() == b"id" for value in message.all(b"privacy") for part in value.split(b";"))
