"""What a REGISTER asks for, read before anything changes (RFC 3261 §10.3, RFC 3327, RFC 5626 §6, RFC 5627 §5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from seaway.core.sip.routing import is_loose
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import NameAddr, parse_contacts, split_commas, uri_of
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["NO_TAGS", "Asked", "Key", "Wanted", "option_tags", "read_path", "read_registration"]

_MAX_EXPIRES = 2**32 - 1
_MAX_REG_ID = 2**31 - 1  # RFC 5626 §4.2
_MAX_PATHS = 8
_MAX_PATH_OCTETS = 2048  # of all values: they are kept, and sent with each request to the contact
_MAX_INSTANCE = 256  # octets of an instance URN
_CACHE = 1000
_REMEMBERED = 512  # octets

NO_TAGS: frozenset[bytes] = frozenset()
_TAGS: dict[bytes, frozenset[bytes]] = {}  # header value -> its option tags; a cache of a pure function


Key = bytes | tuple[bytes, int]
"""What a binding of a user is known by: the contact URI, or instance and reg-id (RFC 5626 §6)."""


class Wanted:
    """One Contact value. `expires` is seconds; `instance` the URN of `+sip.instance` without quotes and brackets.

    `reg_id` is 0 unless the contact asks for outbound (RFC 5626 §4.2.1).
    """

    __slots__ = ("expires", "instance", "key", "q", "reg_id", "uri")

    def __init__(self, uri: bytes, q: int, expires: int, instance: bytes | None = None, reg_id: int = 0) -> None:
        self.uri = uri
        self.q = q
        self.expires = expires
        self.instance = instance
        self.reg_id = reg_id
        self.key: Key = (instance, reg_id) if reg_id and instance is not None else uri


@dataclass(slots=True)  # not frozen: that costs on a hot path
class Asked:
    """A whole REGISTER. `contacts` is `None` for `Contact: *`; `path` are the raw Path values, nearest proxy first."""

    call_id: bytes
    cseq: int
    contacts: tuple[Wanted, ...] | None
    supported: frozenset[bytes]
    path: tuple[bytes, ...]
    direct: bool  # no other hop between the phone and us


def read_registration(request: Request, default: int) -> Asked:
    """Read a REGISTER; `default` seconds are for a contact without expiry. Raises `SipError` for unreadable fields."""
    names = request.names
    call_id = request.require(b"call-id")
    cseq = _number(request.require(b"cseq").split(b" ")[0], b"CSeq")
    expires = request.get(b"expires")
    if expires is not None:
        default = _number(expires, b"Expires")
    supported = option_tags(request, b"supported") if b"supported" in names else NO_TAGS
    path = read_path(request) if b"path" in names else ()
    direct = names.count(b"via") == 1
    values = tuple(request.all(b"contact"))
    # A phone says the same each time; what is unusually long is not remembered.
    read = _contacts if len(values) == 1 and len(values[0]) < _REMEMBERED else _contacts.__wrapped__
    contacts = read(values, default, b"outbound" in supported)
    if contacts is None:
        if default != 0 or expires is None:
            raise SipError("Contact * needs Expires 0", section="RFC 3261 §10.2.2")
        return Asked(call_id, cseq, None, supported, path, direct)
    return Asked(call_id, cseq, contacts, supported, path, direct)


@lru_cache(maxsize=10_000)
def _contacts(values: tuple[bytes, ...], default: int, outbound: bool) -> tuple[Wanted, ...] | None:
    """The contacts of header field values; `None` for `*`. Raises `SipError`."""
    contacts = parse_contacts(values)
    return None if contacts == "*" else tuple(_wanted(each, default, outbound) for each in contacts)


def _wanted(contact: NameAddr, default: int, outbound: bool) -> Wanted:
    parse_request_uri(contact.uri)  # it will be one: nothing that cannot stand in a request line
    if not contact.params.items:
        return Wanted(contact.uri, 1000, default)
    expires = contact.expires
    if expires is None:
        expires = default
    instance = contact.params.text(b"+sip.instance")
    if instance is None:
        return Wanted(contact.uri, contact.q, expires)
    urn = instance[1:-1]
    if instance[:1] != b"<" or instance[-1:] != b">" or not urn or len(urn) > _MAX_INSTANCE or not _printable(urn):
        raise SipError("+sip.instance is no URN in angle brackets", section="RFC 5626 §4.1")
    number = contact.params.get(b"reg-id")
    reg_id = 0
    if number is not None and outbound:  # without the option tag reg-id says nothing (RFC 5626 §6)
        reg_id = _number(number, b"reg-id", _MAX_REG_ID)
        if reg_id == 0:
            raise SipError("reg-id is 0", section="RFC 5626 §4.2")
    return Wanted(contact.uri, contact.q, expires, urn, reg_id)


def _printable(urn: bytes) -> bool:
    return all(0x21 <= octet <= 0x7E and octet not in b'<>"\\' for octet in urn)


def read_path(request: Request) -> tuple[bytes, ...]:
    """The Path values, top first, each a loose SIP route. Raises `SipError` for others, too many or too long ones."""
    values = [part for value in request.all(b"path") for part in split_commas(value)]
    if len(values) > _MAX_PATHS or sum(map(len, values)) > _MAX_PATH_OCTETS:
        raise SipError(f"more than {_MAX_PATHS} Path values, or longer than {_MAX_PATH_OCTETS} octets", status=400)
    for value in values:
        uri = uri_of(value)
        parse_request_uri(uri)
        if not is_loose(uri) or not value.startswith(b"<"):
            raise SipError("a Path value is no loose route", section="RFC 3327 §5.3")
    return tuple(values)


def option_tags(request: Request, name: bytes) -> frozenset[bytes]:
    """The option tags of Supported, Require or Proxy-Require, in lower case (RFC 3261 §20.37)."""
    found = NO_TAGS
    for value in request.all(name):
        tags = _TAGS.get(value)
        if tags is None:
            tags = frozenset(each.strip(b" \t").lower() for each in value.split(b",")) - {b""}
            if len(_TAGS) >= _CACHE:
                _TAGS.clear()
            if len(value) < 256:
                _TAGS[value] = tags
        found = found | tags if found else tags
    return found


def _number(text: bytes, name: bytes, maximum: int = _MAX_EXPIRES) -> int:
    try:
        return parse_digits(text, maximum=maximum)
    except WireError as error:
        raise SipError(f"{name.decode()}: {error.what}", section="RFC 3261 §20.19") from None
