"""DTLS records as far as a media port looks into them (RFC 6347 §4.1, §4.2): a ClientHello and its cookie, and flights
cut into datagrams. The handshake itself is the business of a library.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "MAX_HANDSHAKE",
    "ClientHello",
    "datagrams",
    "hello_verify_request",
    "parse_client_hello",
    "sane",
    "without_clear_alerts",
]

MAX_HANDSHAKE = 16 * 1024
"""Octets of the longest handshake message that a peer may send: a certificate and its chain (rule R19)."""

_ALERT, _HANDSHAKE = 21, 22
_CLIENT_HELLO, _HELLO_VERIFY_REQUEST = 1, 3
_RECORD, _MESSAGE = 13, 12  # octets of their headers
_DTLS_1_0 = b"\xfe\xff"
_MAX_COOKIE = 255


@dataclass(frozen=True, slots=True)
class ClientHello:
    """`unchanging` is what the second ClientHello repeats, and therefore what the cookie covers (RFC 6347 §4.2.1)."""

    record_sequence: bytes
    cookie: bytes
    unchanging: bytes


def parse_client_hello(data: bytes) -> ClientHello | None:
    """A datagram that is one whole ClientHello in clear; `None` for everything else, one in fragments included."""
    if len(data) < _RECORD + _MESSAGE + 35 or data[0] != _HANDSHAKE or data[3:5] != b"\0\0":
        return None
    length = int.from_bytes(data[11:13], "big")
    body = data[_RECORD : _RECORD + length]
    if len(body) != length or length < _MESSAGE or body[0] != _CLIENT_HELLO:
        return None
    size = body[1:4]
    if body[6:9] != b"\0\0\0" or body[9:12] != size or int.from_bytes(size, "big") != length - _MESSAGE:
        return None
    hello = body[_MESSAGE:]
    if len(hello) < 36:
        return None
    session_end = 35 + hello[34]
    if session_end >= len(hello):
        return None
    cookie_end = session_end + 1 + hello[session_end]
    if cookie_end > len(hello):
        return None
    return ClientHello(data[5:11], hello[session_end + 1 : cookie_end], hello[:session_end] + hello[cookie_end:])


def hello_verify_request(hello: ClientHello, cookie: bytes) -> bytes:
    """The stateless answer: same record sequence number, version DTLS 1.0 whatever comes next (RFC 6347 §4.2.1). It is
    shorter than what it answers."""
    body = _DTLS_1_0 + bytes([len(cookie)]) + cookie[:_MAX_COOKIE]
    size = len(body).to_bytes(3, "big")
    message = bytes([_HELLO_VERIFY_REQUEST]) + size + b"\0\0" + b"\0\0\0" + size + body
    return bytes([_HANDSHAKE]) + _DTLS_1_0 + b"\0\0" + hello.record_sequence + len(message).to_bytes(2, "big") + message


def sane(data: bytes) -> bool:
    """Whether all records lie within the datagram and no handshake message in clear says to be too long."""
    position = 0
    while position < len(data):
        if len(data) - position < _RECORD:
            return False
        end = position + _RECORD + int.from_bytes(data[position + 11 : position + 13], "big")
        if end > len(data):
            return False
        if data[position] == _HANDSHAKE and data[position + 3 : position + 5] == b"\0\0":
            body = data[position + _RECORD : end]
            if len(body) < _MESSAGE or int.from_bytes(body[1:4], "big") > MAX_HANDSHAKE:
                return False
        position = end
    return position > 0


def without_clear_alerts(data: bytes) -> bytes:
    """`sane` records but for alerts in clear: anybody who guesses the address could end a handshake with one, and a
    real one says no more than silence (RFC 6347 §4.1.2.7)."""
    kept, position = b"", 0
    while position < len(data):
        end = position + _RECORD + int.from_bytes(data[position + 11 : position + 13], "big")
        if data[position] != _ALERT or data[position + 3 : position + 5] != b"\0\0":
            kept += data[position:end]
        position = end
    return kept


def datagrams(flight: bytes, largest: int) -> list[bytes]:
    """Records as a library wrote them one after the other, put into datagrams of at most `largest` octets."""
    found: list[bytes] = []
    position = 0
    while position < len(flight):
        end = position + _RECORD + int.from_bytes(flight[position + 11 : position + 13], "big")
        record = flight[position:end]
        if found and len(found[-1]) + len(record) <= largest:
            found[-1] += record
        else:
            found.append(record)
        position = end
    return found
