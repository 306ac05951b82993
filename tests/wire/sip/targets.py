"""What is fuzzed: each parser alone (R30), with good input to start from and the errors it may raise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import parse_sdp
from seaway.wire.sip.auth import digest_parameters, parse_auth_params
from seaway.wire.sip.cseq import parse_cseq
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.framing import StreamFramer
from seaway.wire.sip.multipart import parse_multipart
from seaway.wire.sip.nameaddr import NameAddr, parse_contacts, parse_nameaddr, split_commas, tag_of, uri_of
from seaway.wire.sip.params import parse_header_params, parse_uri_params
from seaway.wire.sip.uri import SipUri, parse_uri, same_uri
from seaway.wire.sip.via import branch_of, parse_via

from ..sdp.samples import MIXED, RFC8866
from .reading import read_all
from .torture import CASES


@dataclass(frozen=True)
class Target:
    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    allowed: tuple[type[Exception], ...] = (SipError,)


def _uri(data: bytes) -> None:
    uri = parse_uri(data)
    again = parse_uri(uri.serialise())
    assert same_uri(uri, again)
    if isinstance(uri, SipUri):
        assert isinstance(again, SipUri) and again.aor() == uri.aor()
        _ = (uri.address, uri.transport, uri.header_items())


def _nameaddr(data: bytes) -> None:
    address = parse_nameaddr(data)
    assert uri_of(data) == address.uri
    assert parse_nameaddr(address.serialise()).params == address.params
    _ = (address.expires, address.q)
    assert tag_of(data) == address.tag


def _contacts(data: bytes) -> None:
    for each in parse_contacts([data]):
        assert each == "*" or isinstance(each, NameAddr)


def _via(data: bytes) -> None:
    branch = branch_of(data)
    via = parse_via(split_commas(data)[0])
    assert branch == via.branch
    assert parse_via(via.serialise()) == via
    _ = (via.rport, via.ttl, via.received, via.address, via.sent_by)


def _digest(data: bytes) -> None:
    found = digest_parameters(data)
    assert found is None or all(name == name.lower() for name in found)


def _stream(data: bytes) -> None:
    framer = StreamFramer()
    for begin in range(0, len(data), 11):
        framer.feed(data[begin : begin + 11])


def _sdp(data: bytes) -> None:
    session = parse_sdp(data)
    assert session.serialise() == data
    for index, media in enumerate(session.media):
        session.connection_of(index)
        media.rtpmaps()
        _ = media.rtcp


TARGETS = (
    Target("digits", lambda data: parse_digits(data, maximum=2**31), (b"0", b"2147483648", b"007"), (WireError,)),
    Target(
        "uri", _uri, (b"sip:al%69ce;x=1:pw@[2001:db8::1]:5070;lr;transport=tcp?a=b&c=%41", b"sips:h", b"tel:+1;a=b")
    ),
    Target("header params", parse_header_params, (b';a=1;b="x\\"y;";c', b" ; rport")),
    Target("uri params", parse_uri_params, (b"a=%41;lr;transport=udp",)),
    Target(
        "name-addr", _nameaddr, (b'"A \\" <" <sip:a@b;x=1>;tag=1;q=0.5;expires=60', b"sip:a@b;tag=x", b"A b <tel:1>")
    ),
    Target("contacts", _contacts, (b'"x, y" <sip:a@b>;q=0.1, <sip:c@d>;expires=0', b"*")),
    Target(
        "via",
        _via,
        (
            b"SIP/2.0/UDP 192.0.2.1:5060;rport=1;branch=z9hG4bKa;ttl=1, SIP/2.0/TCP [::1]",
            b"SIP / 2.0\t/ TLS h : 1 ; received=::1",
        ),
    ),
    Target("cseq", parse_cseq, (b"314159 INVITE", b"0009\r\n X")),
    Target(
        "challenge",
        _digest,
        (
            b'Digest realm="a, b", nonce="c\\"", qop="auth,auth-int", algorithm=SHA-256, stale=true, x="y"',
            b"Basic abc=",
        ),
    ),
    Target(
        "credentials",
        _digest,
        (
            b'Digest username="a",realm="b",nonce="c",uri="sip:d",response="0aF9",cnonce="x",'
            b'nc=0000001A,qop=auth,opaque="z"',
        ),
    ),
    Target("auth params", parse_auth_params, (b'a=1, b="x, \\"y"',)),
    Target("message", read_all, tuple(case.data for case in CASES)),
    Target("stream", _stream, (*(case.data for case in CASES if case.stream), b"\r\n\r\n\r\n")),
    Target(
        "multipart",
        lambda data: parse_multipart(b"multipart/mixed;boundary=b", data),
        (
            b"--b\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
            b'--b\r\nContent-Type: multipart/mixed;boundary="c d"\r\n\r\n--c d\r\nA: b\r\n\r\nx\r\n--c d--\r\n--b--',
        ),
    ),
    Target("sdp", _sdp, (RFC8866, MIXED), (SdpError,)),
)

# Octets that mean something somewhere.
_SPECIAL = (
    [bytes((octet,)) for octet in b' \t\r\n,;:=<>"\\/@?&%[]*+-_0\x00\x7f\x80\xff']
    + [b"\r\n", b"\r\n ", b"\r\n\r\n", b"%00", b"%zz", b"%4", b'\\"', b"\\", b"2147483648", b"4294967296", b"9" * 100]
    + [b"branch=", b";tag=", b"sip:", b"l: 1\r\n", b"\xd9\xa1", b"SIP/2.0", b"m=", b"c=IN IP4 "]
)


def mutate(random_: random.Random, data: bytes) -> bytes:
    """One to four small changes: octets exchanged, taken out, doubled, special ones put in."""
    out = bytearray(data)
    for _ in range(random_.randint(1, 4)):
        begin = random_.randint(0, len(out))
        end = min(len(out), begin + random_.choice((0, 0, 1, 1, 2, 5, 20)))
        kind = random_.randrange(4)
        if kind == 0:
            out[begin:end] = random_.choice(_SPECIAL)
        elif kind == 1:
            out[begin:end] = random_.randbytes(end - begin)
        elif kind == 2:
            del out[begin:end]
        else:
            out[begin:begin] = out[begin:end] * random_.randint(1, 3)
    return bytes(out)


def attempt(target: Target, data: bytes) -> bool:
    """Run once; whether it was read. Anything but an allowed error goes up."""
    try:
        target.run(data)
    except target.allowed:
        return False
    return True
