"""A TURN client that asks for relayed addresses of both families (RFC 8656 §7.2), out of aioice's STUN messages.

aioice's own client does not ask for two, and coturn's sends the attribute under the number of a draft (0x8032).
"""

from __future__ import annotations

import hashlib
import socket
from struct import unpack_from

from aioice import stun

_ADDITIONAL = "ADDITIONAL-ADDRESS-FAMILY"
_RELAYED = 0x0016

if _ADDITIONAL not in stun.ATTRIBUTES_BY_NAME:
    entry = (0x8000, _ADDITIONAL, stun.pack_unsigned, stun.unpack_unsigned)
    stun.ATTRIBUTES_BY_NAME[_ADDITIONAL] = stun.ATTRIBUTES_BY_TYPE[0x8000] = entry

Address = tuple[str, int]


class DualClient:
    """Over UDP, on a socket connected to the server."""

    def __init__(self, sock: socket.socket, user: str, password: str) -> None:
        self._socket = sock
        self._socket.settimeout(2.0)
        self._user, self._password = user, password
        self._login: dict[str, object] = {}
        self._key = b""

    def _ask(self, method: stun.Method, attributes: dict[str, object]) -> tuple[stun.Message, bytes]:
        message = stun.Message(method, stun.Class.REQUEST, attributes={**attributes, **self._login})
        if self._key:
            message.add_message_integrity(self._key)
        self._socket.send(bytes(message))
        while True:
            data = self._socket.recv(2048)
            if data[0] & 0xC0:
                continue  # channel data
            reply = stun.parse_message(data)
            if reply.transaction_id == message.transaction_id:
                return reply, data

    def allocate(self) -> list[Address]:
        """The relayed addresses. Raises `ValueError` when the server refuses."""
        wish: dict[str, object] = {"REQUESTED-TRANSPORT": 17 << 24, _ADDITIONAL: 2 << 24}
        challenge, _ = self._ask(stun.Method.ALLOCATE, wish)
        realm = challenge.attributes["REALM"]
        self._login = {"USERNAME": self._user, "REALM": realm, "NONCE": challenge.attributes["NONCE"]}
        self._key = hashlib.md5(f"{self._user}:{realm}:{self._password}".encode()).digest()
        reply, data = self._ask(stun.Method.ALLOCATE, wish)
        if reply.message_class is not stun.Class.RESPONSE:
            raise ValueError(str(reply.attributes.get("ERROR-CODE")))
        assert reply.check_message_integrity(self._key)
        found, at = [], stun.HEADER_LENGTH
        while at < len(data):  # aioice keeps one attribute of a kind
            kind, length = unpack_from("!HH", data, at)
            if kind == _RELAYED:
                found.append(stun.unpack_xor_address(data[at + 4 : at + 4 + length], reply.transaction_id))
            at += 4 + length + -length % 4
        return found

    def bind(self, channel: int, peer: Address) -> int:
        """The error code, 0 when there is none."""
        reply, _ = self._ask(stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": channel, "XOR-PEER-ADDRESS": peer})
        return reply.error_code or 0

    def refresh(self, lifetime: int) -> int:
        reply, _ = self._ask(stun.Method.REFRESH, {"LIFETIME": lifetime})
        return reply.error_code or 0

    def echoed(self, channel: int, data: bytes) -> bool:
        """Whether `data` comes back on `channel`."""
        packet = channel.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
        self._socket.send(packet)
        return self._socket.recv(2048) == packet

    def close(self) -> None:
        self._socket.close()
