"""A request on its way through the server, and how its answer is written."""

from __future__ import annotations

from functools import lru_cache

from seaway.core.turn.allocation import Allocation
from seaway.core.turn.io import Address, ClientKey
from seaway.core.turn.login import Login
from seaway.wire.stun.address import xor_mapped_address
from seaway.wire.stun.attribute import Attribute, AttributeType, encode_attribute
from seaway.wire.stun.error_code import error_code
from seaway.wire.stun.methods import ERROR, SUCCESS
from seaway.wire.stun.signer import seal_fingerprint
from seaway.wire.stun.view import View

__all__ = ["Request", "encoded", "failure", "mapped", "plain", "success"]

_ALGORITHM = AttributeType.PASSWORD_ALGORITHM.value
REASONS = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthenticated",
    403: "Forbidden",
    405: "Method Not Allowed",
    420: "Unknown Attribute",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    443: "Peer Address Family Mismatch",
    446: "Connection Already Exists",
    447: "Connection Timeout or Failure",
    486: "Allocation Quota Reached",
    500: "Server Error",
    508: "Insufficient Capacity",
}
"""RFC 8489 §14.8, RFC 8656 §19, RFC 6062 §6.3."""


class Request:
    """`allocation`: that of the client, if it has one. `login` is set once the request is proven."""

    __slots__ = ("allocation", "client", "login", "message", "now", "wall")

    def __init__(
        self, message: View, client: ClientKey, allocation: Allocation | None, now: float, wall: float
    ) -> None:
        self.message = message
        self.client = client
        self.allocation = allocation
        self.now = now
        self.wall = wall
        self.login: Login | None = None


def success(request: Request, body: bytes = b"") -> bytes:
    """`body`: encoded attributes. Fingerprint as in the request."""
    return _sealed(request, request.message.type | SUCCESS, body)


def failure(request: Request, code: int, body: bytes = b"") -> bytes:
    return _sealed(request, request.message.type | ERROR, encoded_error(code) + body)


def plain(message: View, kind: int, body: bytes) -> bytes:
    """An answer without integrity."""
    head = (kind << 16 | len(body)).to_bytes(4, "big")
    text = head + b"\x21\x12\xa4\x42" + message.transaction_id + body
    return seal_fingerprint(text) if message.fingerprint else text


def encoded(*attributes: Attribute) -> bytes:
    return b"".join(map(encode_attribute, attributes))


@lru_cache(64)
def encoded_error(code: int, phrase: bool = True) -> bytes:
    return encode_attribute(error_code(code, REASONS[code] if phrase else ""))


def mapped(client: ClientKey, transaction_id: bytes) -> bytes:
    """XOR-MAPPED-ADDRESS, encoded."""
    remote = client.remote
    return encode_attribute(xor_mapped_address(remote, transaction_id)) if ":" in remote[0] else _mapped4(remote)


@lru_cache(4096)
def _mapped4(remote: Address) -> bytes:
    return encode_attribute(xor_mapped_address(remote, bytes(12)))


def _sealed(request: Request, kind: int, body: bytes) -> bytes:
    message, login = request.message, request.login
    if login is None:
        return plain(message, kind, body)
    sha256 = _ALGORITHM in message.values  # RFC 8489 §9.2.4: SHA-1 is for clients that named no algorithm
    sealed = login.signer.seal(kind, message.transaction_id, body, sha256=sha256)
    return seal_fingerprint(sealed) if message.fingerprint else sealed
