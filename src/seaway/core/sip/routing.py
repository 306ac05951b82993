"""Route processing of a proxy: removing our own Route values, and editing a request to send it on (RFC 3261 §16).

Works on the raw lines of `Request`: what is not ours is not touched.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import split_commas, uri_of

__all__ = [
    "first_route",
    "is_loose",
    "max_forwards",
    "pop_own_routes",
    "restore_strict",
    "uri_has",
    "uri_host_port",
    "uri_user",
]


def uri_host_port(uri: bytes) -> bytes:
    """The `host[:port]` part of a SIP URI, lower case, IPv6 as in RFC 5952, without user, parameters and headers.

    b"" for other schemes.
    """
    scheme, colon, rest = uri.partition(b":")
    if not colon or scheme.lower() not in (b"sip", b"sips"):
        return b""
    at = rest.rfind(b"@")
    if at >= 0:
        rest = rest[at + 1 :]
    for end in (b";", b"?"):
        cut = rest.find(end)
        if cut >= 0:
            rest = rest[:cut]
    return _plain_ipv6(rest) if rest[:1] == b"[" else rest.lower()


@lru_cache(maxsize=10_000)
def _plain_ipv6(place: bytes) -> bytes:
    """`[IPv6][:port]` with the address in the one form of RFC 5952 §4, in which our own stand; else as it is."""
    host, bracket, port = place[1:].partition(b"]")
    try:
        return b"[%b%b%b" % (str(IPv6Address(host.decode("ascii"))).encode(), bracket, port)
    except ValueError:
        return place.lower()


def uri_user(uri: bytes) -> bytes:
    """The raw user part of a SIP URI (without password), b"" when there is none."""
    rest = uri.partition(b":")[2]
    at = rest.rfind(b"@")
    if at < 0:
        return b""
    return rest[:at].partition(b":")[0]


def is_loose(uri: bytes) -> bool:
    """Whether a Route URI has the `lr` parameter."""
    return uri_has(uri, b"lr")


def uri_has(uri: bytes, name: bytes) -> bool:
    """Whether a SIP URI has the parameter `name` (in lower case), with or without a value."""
    if b";" not in uri:
        return False
    params = uri.rpartition(b"@")[2].partition(b";")[2].partition(b"?")[0].lower().split(b";")
    return any(param.partition(b"=")[0] == name for param in params)


def first_route(request: Request) -> bytes | None:
    """URI of the first Route value, or `None`; makes sure that it stands on a line of its own."""
    try:
        index = request.names.index(b"route")
    except ValueError:
        return None
    line = request.lines[index]
    if b"," in line:
        values = split_commas(request.value(index))
        request.lines[index] = b"Route: " + values[0]
        for offset, value in enumerate(values[1:], 1):
            request.insert(index + offset, b"route", b"Route: " + value)
        line = request.lines[index]
    return uri_of(line.partition(b":")[2].strip(b" \t"))


def pop_own_routes(request: Request, own: frozenset[bytes]) -> bytes | None:
    """Remove the leading Route values that name us (RFC 3261 §16.4) and return the user part of the last one.

    `own` holds our `host:port` spellings. `None` when the first Route is not ours or there is none.
    """
    user: bytes | None = None
    names, lines = request.names, request.lines
    while b"route" in names:
        uri = first_route(request)
        assert uri is not None
        # The short way for what we write ourselves: sip:TOKEN@host:port;parameters
        name, at, rest = uri[4:].partition(b"@")
        if not (at and uri.startswith(b"sip:") and rest.partition(b";")[0] in own):
            if uri_host_port(uri) not in own:
                return user
            name = uri_user(uri)
        user = name
        index = names.index(b"route")
        del names[index], lines[index]
    return user


def restore_strict(request: Request, own: frozenset[bytes]) -> bytes | None:
    """Undo strict routing of an upstream element (RFC 3261 §16.4): when the Request-URI is a Record-Route value of
    ours, the last Route value is the real Request-URI. Returns the user part of our value, or `None`."""
    if not is_loose(request.uri) or uri_host_port(request.uri) not in own:
        return None
    first_route(request)
    indices = [i for i, name in enumerate(request.names) if name == b"route"]
    if not indices:
        return None
    last = indices[-1]
    values = split_commas(request.value(last))
    user = uri_user(request.uri)
    request.uri = uri_of(values.pop())
    if values:
        request.lines[last] = b"Route: " + b", ".join(values)
    else:
        del request.names[last], request.lines[last]
    return user


_FEWER = {b"%d" % left: (left - 1, b"Max-Forwards: %d" % (left - 1)) for left in range(1, 256)}


def max_forwards(request: Request) -> int:
    """Decrement Max-Forwards in place and return the new value; adds 70 when it is missing (RFC 3261 §16.6 step 3).

    Returns -1 when it was 0: the request must not be forwarded (§16.3 step 3). Raises `SipError`.
    """
    try:
        index = request.names.index(b"max-forwards")
    except ValueError:
        request.insert(len(request.names), b"max-forwards", b"Max-Forwards: 70")
        return 70
    fewer = _FEWER.get(request.lines[index].partition(b":")[2].strip(b" \t"))
    if fewer is not None:
        left, request.lines[index] = fewer
        return left
    try:
        left = parse_digits(request.value(index), maximum=255) - 1
    except WireError as error:
        raise SipError(f"Max-Forwards: {error.what}", section="RFC 3261 §20.22") from None
    if left >= 0:
        request.lines[index] = b"Max-Forwards: %d" % left
    return left
