"""From, To, Contact, Route, Record-Route, P-Asserted-Identity: an address with parameters (RFC 3261 §20.10).

`parse_nameaddr` reads a whole value. `tag_of` and `uri_of` answer one question about a value without building
anything; for every value that `parse_nameaddr` accepts they give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import LWS, TOKEN, is_token, quoted_end, split_outside
from seaway.wire.sip.params import NO_PARAMS, Params, parse_header_params
from seaway.wire.sip.uri import Uri, parse_uri

__all__ = [
    "STAR", "NameAddr", "parse_contacts", "parse_nameaddr", "parse_nameaddrs", "split_commas", "split_first",
    "tag_of", "uri_of",
]  # fmt: skip

STAR: Final = "*"
"""`Contact: *` (RFC 3261 §10.2.2)."""

_MALFORMED_EXPIRES = 3600  # RFC 3261 §20.10: a malformed value counts as 3600
_MAX_EXPIRES = 2**32 - 1
_MAX_VALUES = 64  # of one header line; none of a call needs more, and each costs a parse
_DISPLAY = TOKEN + LWS


@dataclass(frozen=True, slots=True)
class NameAddr:
    """One address. `uri` is raw; `display` is raw too (quotes kept), `None` when there is none.

    `brackets` is false for the addr-spec form, in which everything after the first `;` belongs to the header field.
    """

    uri: bytes
    params: Params = NO_PARAMS
    display: bytes | None = None
    brackets: bool = True

    def parsed_uri(self) -> Uri:
        """The URI as a value. Raises `SipError` (400)."""
        return parse_uri(self.uri)

    @property
    def tag(self) -> bytes | None:
        return self.params.get(b"tag")

    @property
    def expires(self) -> int | None:
        """The `expires` parameter in seconds; `None` when absent; 3600 when malformed (RFC 3261 §20.10)."""
        if b"expires" not in self.params:
            return None
        try:
            return parse_digits(self.params.text(b"expires") or b"", maximum=_MAX_EXPIRES)
        except WireError:
            return _MALFORMED_EXPIRES

    @property
    def q(self) -> int:
        """The `q` parameter in thousandths, 1000 when absent. Raises `SipError` (400) when it is not 0 to 1."""
        value = self.params.get(b"q")
        return 1000 if value is None else _parse_q(value)

    def serialise(self) -> bytes:
        """The value in name-addr form; the addr-spec form is kept when it was read so."""
        if not self.brackets and self.display is None:
            return self.uri + self.params.serialise()
        start = b"<" if self.display is None else self.display + b" <"
        return start + self.uri + b">" + self.params.serialise()


def _parse_q(value: bytes) -> int:
    """RFC 3261 §25.1 qvalue, as thousandths."""
    whole, _, fraction = value.partition(b".")
    if whole in (b"0", b"1", b"") and len(fraction) <= 3 and (whole or fraction):
        try:
            thousandths = parse_digits((fraction + b"000")[:3], maximum=999)
        except WireError:
            thousandths = -1
        if whole == b"1" and thousandths == 0:
            return 1000
        if whole != b"1" and thousandths >= 0:
            return thousandths
    raise SipError("q is not a number from 0 to 1 with three decimals", section="RFC 3261 §25.1 qvalue")


def parse_nameaddr(value: bytes) -> NameAddr:
    """One name-addr or addr-spec with its parameters; a comma outside quotes and brackets is an error.

    The URI itself is not checked: `parsed_uri()` does that. Raises `SipError` (400).
    """
    value = value.strip(LWS)
    display: bytes | None = None
    if value.startswith(b'"'):
        end = quoted_end(value, 0)
        display, rest = value[:end], value[end:].lstrip(LWS)
        if not rest.startswith(b"<"):
            raise SipError("a quoted display name is not followed by <", section="RFC 3261 §25.1 name-addr")
    else:
        begin = value.find(b"<")
        if begin < 0:
            return _parse_addr_spec(value)
        name, rest = value[:begin].rstrip(LWS), value[begin:]
        if name:
            if name.translate(None, _DISPLAY):
                raise SipError("a display name that is no token is not quoted", section="RFC 3261 §25.1 display-name")
            display = name
    close = rest.find(b">")
    if close < 0:
        raise SipError("a < has no matching >", section="RFC 3261 §25.1 name-addr")
    uri = rest[1:close]
    if not uri:
        raise SipError("an address between < and > is empty", section="RFC 3261 §25.1 name-addr")
    tail = rest[close + 1 :]
    return NameAddr(uri, parse_header_params(tail) if tail else NO_PARAMS, display)


def _parse_addr_spec(value: bytes) -> NameAddr:
    uri, semicolon, rest = value.partition(b";")
    uri = uri.rstrip(LWS)
    # RFC 3261 §20: a URI with comma, question mark or semicolon must be in brackets; RFC 4475 §3.1.2.14.
    if not uri or b"?" in uri or b"," in uri or b">" in uri or uri.translate(None, LWS) != uri:
        raise SipError("an address without < and > is malformed", section="RFC 3261 §20.10")
    return NameAddr(uri, parse_header_params(b";" + rest) if semicolon else NO_PARAMS, None, False)


def split_commas(value: bytes) -> list[bytes]:
    """The elements of a comma-separated value; commas in quotes and brackets do not count.

    Raises `SipError` (400) for an empty element, more than 64 of them, or a quote or bracket open across a comma.
    """
    parts = split_outside(value, b",", brackets=True)
    if len(parts) > _MAX_VALUES:
        raise SipError(f"more than {_MAX_VALUES} values in one header field", section="RFC 3261 §7.3.1")
    if b"" in parts:
        raise SipError("an element of a list is empty", section="RFC 3261 §7.3.1")
    return parts


def split_first(value: bytes) -> tuple[bytes, bytes]:
    """The first element of a comma-separated value, and the rest (`b""` when there is none)."""
    parts = split_outside(value, b",", brackets=True, first=True)
    return (parts[0], parts[1]) if len(parts) == 2 else (parts[0], b"")


def parse_nameaddrs(values: Iterable[bytes]) -> list[NameAddr]:
    """All addresses of the lines of one header field, in order (`message.all(b"route")`). Raises `SipError`."""
    return [parse_nameaddr(part) for value in values for part in split_commas(value)]


def parse_contacts(values: Iterable[bytes]) -> list[NameAddr] | Literal["*"]:
    """All contacts of a message, or `STAR`, which must stand alone (RFC 3261 §10.3 step 6). Raises `SipError`."""
    parts = [part for value in values for part in split_commas(value)]
    if b"*" in parts:
        if len(parts) > 1:
            raise SipError("Contact: * stands beside another contact", section="RFC 3261 §10.3")
        return STAR
    contacts = [parse_nameaddr(part) for part in parts]
    if any(contact.uri == b"*" for contact in contacts):
        raise SipError("Contact: * has parameters or brackets", section="RFC 3261 §25.1 Contact")
    return contacts


def uri_of(value: bytes) -> bytes:
    """The raw URI of one name-addr or addr-spec. Raises `SipError` (400) when it has none."""
    value = value.strip(LWS)
    quoted = quoted_end(value, 0) if value.startswith(b'"') else 0
    begin = value.find(b"<", quoted)
    if begin < 0:
        return parse_nameaddr(value).uri
    close = value.find(b">", begin)
    if close <= begin + 1:
        raise SipError("a < has no matching >, or nothing between", section="RFC 3261 §25.1 name-addr")
    return value[begin + 1 : close]


def tag_of(value: bytes) -> bytes | None:
    """The tag of a From or To value, `None` when it has none. Raises `SipError` (400) when it is no token."""
    # In a well-formed value the last ">" ends the URI, or a quote follows it: then the slow way decides.
    params = value[value.rfind(b">") + 1 :]
    if not params and value:
        return None
    if params.startswith(b";tag="):  # nearly every message: the tag first, then nothing
        first = params[5:].partition(b";")[0]
        if first and not first.translate(None, TOKEN):
            return first
    tag = parse_nameaddr(value).tag
    if tag is not None and not is_token(tag):
        raise SipError("a tag is no token", section="RFC 3261 §25.1 tag-param")
    return tag
