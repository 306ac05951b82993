"""Route tokens: the user part of our Record-Route URIs.

A token says where an in-dialog request that comes back with it has to leave, and proves that we made it for this call:
`<payload>.<mac>`. So a phone behind a NAT is reached on its own flow, whatever address its Contact claims (RFC 5626
§5.3), and a request that carries a valid token is part of a dialog that was admitted before. Payloads:

* `n`: nothing fixed, follow Route and Request-URI
* `z<name>`: the traversal link or neighbour zone of that name
* `f<hex id>`: a stream of this process
* `u<listener>-<port>-<hex address>`: a UDP source seen by the listener with that index

A token in a Path value (RFC 5626 §5.1) is of no call: it is made once for a registration, and its MAC is of another
kind, so that neither can stand for the other.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["RouteTokens"]


class RouteTokens:
    """Makes and checks tokens. `secret` is the node's, 16 to 64 octets."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        if not 16 <= len(secret) <= 64:
            raise ValueError("the node secret must have 16 to 64 octets")
        self._key = secret

    def make(self, payload: bytes, call_id: bytes) -> bytes:
        """The token for `payload` in the call `call_id`."""
        return b"%b.%b" % (payload, self._mac(payload, call_id))

    def check(self, token: bytes, call_id: bytes) -> bytes | None:
        """The payload of `token`, or `None` when we did not make it for this call."""
        payload, dot, mac = token.rpartition(b".")
        # 64 bits of a keyed hash, compared in full; a timing side channel would need one message per guess.
        if not dot or mac != self._mac(payload, call_id):
            return None
        return payload

    def make_path(self, payload: bytes) -> bytes:
        """The token for a Path value."""
        return b"%b.%b" % (payload, self._path_mac(payload))

    def check_path(self, token: bytes) -> bytes | None:
        """The payload of a Path token, or `None` when we did not make it."""
        payload, dot, mac = token.rpartition(b".")
        return payload if dot and mac == self._path_mac(payload) else None

    def _path_mac(self, payload: bytes) -> bytes:
        return blake2b(payload, digest_size=12, key=self._key, person=b"path").hexdigest().encode()

    def _mac(self, payload: bytes, call_id: bytes) -> bytes:
        return blake2b(payload + b"\0" + call_id, digest_size=8, key=self._key).hexdigest().encode()
