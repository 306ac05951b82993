"""What crosses from one leg to the other: an allow list. All else stays where it came from (topology hiding)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from seaway.call.description import has_sdp as is_sdp
from seaway.wire.sip.message import Message
from seaway.wire.sip.nameaddr import parse_nameaddr
from seaway.wire.sip.params import NO_PARAMS
from seaway.wire.sip.uri import SipUri

__all__ = ["OUR_OPTIONS", "content_of", "drop_credentials", "hide_place", "is_sdp", "passed", "unreadable"]

Headers = tuple[tuple[bytes, bytes], ...]

OUR_OPTIONS = frozenset((b"100rel", b"timer", b"replaces", b"norefersub"))
"""Option tags that a request may require of us (RFC 3261 §8.2.2.3)."""

_REQUEST = frozenset(
    (
        b"subject", b"priority", b"accept", b"accept-language", b"accept-encoding", b"date", b"privacy", b"reason",
        b"info-package", b"recv-info", b"event", b"subscription-state", b"refer-sub", b"expires", b"session-id",
        b"user-to-user", b"authorization", b"proxy-authorization", b"mime-version", b"in-reply-to", b"answer-mode",
        b"priv-answer-mode",
    )
)  # fmt: skip
_RESPONSE = frozenset(
    (
        b"accept", b"accept-language", b"accept-encoding", b"date", b"retry-after", b"reason", b"recv-info",
        b"session-id", b"user-to-user", b"www-authenticate", b"proxy-authenticate", b"refer-sub", b"expires",
        b"privacy", b"answer-mode", b"mime-version",
    )
)  # fmt: skip
_CREDENTIALS = frozenset((b"authorization", b"proxy-authorization"))
_CONTENT = frozenset((b"content-type", b"content-disposition", b"content-encoding", b"content-language"))


def passed(message: Message, *, response: bool = False) -> Headers:
    """The header fields of `message` that may go out on the other leg, in order, without those of the body."""
    allowed = _RESPONSE if response else _REQUEST
    return tuple(
        (message.lines[index].partition(b":")[0].rstrip(b" \t"), message.value(index))
        for index, name in enumerate(message.names)
        if name in allowed
    )


def content_of(message: Message) -> Headers:
    """What describes the body."""
    return tuple(
        (message.lines[index].partition(b":")[0].rstrip(b" \t"), message.value(index))
        for index, name in enumerate(message.names)
        if name in _CONTENT
    )


def unreadable(message: Message) -> bool:
    """Whether there is a body without a description: nobody knows what media it would lead past the relay."""
    return bool(message.body) and not is_sdp(message)


def drop_credentials(message: Message, realm: bytes) -> None:
    """Take out the credentials for this node; `realm` is the parameter that names it. Those for others pass."""
    for index in reversed(range(len(message.names))):
        if message.names[index] in _CREDENTIALS and realm in message.lines[index]:
            del message.names[index], message.lines[index]


def hide_place(value: bytes, domain: bytes) -> bytes:
    """A From, To or P-Asserted-Identity value for the other side: no parameters, and `domain` where an IP address
    stood. Raises `SipError` (400)."""
    address = parse_nameaddr(value)
    uri = address.parsed_uri()
    if isinstance(uri, SipUri):
        try:
            ip_address(uri.address)
            host = domain
        except ValueError:
            host = uri.host
        phone = tuple(each for each in uri.params if each[0].lower() == b"user")
        uri = replace(uri, password=None, host=host, port=None, params=replace(NO_PARAMS, items=phone), headers=None)
    return replace(address, uri=uri.serialise(), params=NO_PARAMS, brackets=True).serialise()
