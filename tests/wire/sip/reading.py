"""Reads every field of a message that a proxy or a registrar reads: the outcome that RFC 4475 speaks of."""

from __future__ import annotations

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.cseq import parse_cseq
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import (
    STAR,
    parse_contacts,
    parse_nameaddr,
    parse_nameaddrs,
    split_commas,
    tag_of,
    uri_of,
)
from seaway.wire.sip.uri import parse_request_uri, parse_uri
from seaway.wire.sip.via import branch_of, parse_via


def read_all(data: bytes) -> Request | Response:
    """Parse `data` and every field of it. Raises `SipError` only."""
    message = parse(data)
    if isinstance(message, Request):
        parse_request_uri(message.uri)
    for line in message.all(b"via"):
        branch_of(line)
        for value in split_commas(line):
            parse_via(value)
    for name in (b"from", b"to"):
        value = message.require(name)
        tag_of(value)
        parse_uri(uri_of(value))
        parse_nameaddr(value).parsed_uri()
    for name in (b"route", b"record-route", b"path", b"p-asserted-identity"):
        for address in parse_nameaddrs(message.all(name)):
            address.parsed_uri()
    contacts = parse_contacts(message.all(b"contact"))
    for address in [] if contacts == STAR else contacts:
        assert not isinstance(address, str)
        address.parsed_uri()
        assert address.expires is None or address.expires >= 0
        assert 0 <= address.q <= 1000
    parse_cseq(message.require(b"cseq"))
    for name in (b"authorization", b"proxy-authorization"):
        for value in message.all(name):
            digest_parameters(value)
    for name in (b"www-authenticate", b"proxy-authenticate"):
        for value in message.all(name):
            digest_parameters(value)
    max_forwards = message.get(b"max-forwards")
    if max_forwards is not None:
        try:
            parse_digits(max_forwards, maximum=255)
        except WireError as error:
            raise SipError(f"Max-Forwards: {error.what}", section="RFC 3261 §20.22") from None
    return message
