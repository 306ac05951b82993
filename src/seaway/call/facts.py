"""What call policy is told of a request."""

from __future__ import annotations

from seaway.core.sip.context import Context
from seaway.policy.cpl.facts import CallFacts, Party
from seaway.wire.errors import WireError
from seaway.wire.sip.lexer import unquote
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import parse_nameaddr
from seaway.wire.sip.uri import SipUri, parse_uri

__all__ = ["caller_alias", "facts_of", "party_of_uri"]

_TEXT = 256  # characters of Subject and the like that are looked at
_LANGUAGES = 20
_EMPTY = Party()


def facts_of(context: Context, zone: str, caller: str, when: float) -> CallFacts:
    """Facts of the request in `context`: `caller` is the name that was proved, `when` seconds of the Unix epoch."""
    request = context.request
    return CallFacts(
        origin=_party_of_header(request, b"from"),
        destination=party_of_uri(request.uri),
        original_destination=_party_of_header(request, b"to"),
        when=when,
        caller=caller,
        zone=zone,
        subject=_text(request, b"subject"),
        organization=_text(request, b"organization"),
        user_agent=_text(request, b"user-agent"),
        priority=_text(request, b"priority") or "normal",
        languages=_languages(request),
    )


def caller_alias(context: Context) -> str:
    """`user@host` of From; empty when it has none."""
    party = _party_of_header(context.request, b"from")
    return f"{party.user}@{party.host}" if party.user and party.host else ""


def party_of_uri(uri: bytes, display: str = "") -> Party:
    """The parts of a URI; what cannot be read is empty."""
    try:
        parsed = parse_uri(uri)
    except WireError:
        return _EMPTY
    if not isinstance(parsed, SipUri):
        if parsed.scheme.lower() != b"tel":
            return _EMPTY
        number = parsed.raw.partition(b":")[2].partition(b";")[0]
        return Party("tel", display=display, telephone=_digits(number))
    user = (parsed.user or b"").decode("utf-8", "replace")
    phone = any(name == b"user" and value == b"phone" for name, value in parsed.params)
    return Party(
        parsed.scheme.decode("ascii").lower(), user, parsed.address, str(parsed.port or ""), display,
        _digits(parsed.user or b"") if phone else "",
    )  # fmt: skip


def _party_of_header(request: Request, name: bytes) -> Party:
    value = request.get(name)
    if value is None:
        return _EMPTY
    try:
        found = parse_nameaddr(value)
    except WireError:
        return _EMPTY
    display = found.display or b""
    if display.startswith(b'"'):
        display = unquote(display)
    return party_of_uri(found.uri, display.decode("utf-8", "replace")[:_TEXT])


def _digits(number: bytes) -> str:
    """RFC 3966 §3: visual separators do not count."""
    return number.translate(None, b"-.()+").decode("ascii", "replace")


def _text(request: Request, name: bytes) -> str:
    value = request.get(name)
    return value.decode("utf-8", "replace")[:_TEXT] if value is not None else ""


def _languages(request: Request) -> tuple[str, ...]:
    value = request.get(b"accept-language")
    if value is None:
        return ()
    ranges = (each.partition(b";")[0].strip(b" \t") for each in value[: 10 * _TEXT].split(b","))
    return tuple(each.decode("ascii", "replace") for each in ranges if each)[:_LANGUAGES]
