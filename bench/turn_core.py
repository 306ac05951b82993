"""Requests a second of the TURN core alone, without sockets: `.venv/bin/python bench/turn_core.py [COUNT]`.

What a server with sockets does beside coturn is in `bench/dataplane/`; this tells how much of it is the core.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable

from seaway.catalog.ports import PortRange
from seaway.core.turn.config import TurnConfig, user_keys
from seaway.core.turn.io import Address, ClientKey, Family, RelayKey, RelayTransport, SendToClient
from seaway.core.turn.server import TurnServer
from seaway.wire.stun.address import xor_peer_address
from seaway.wire.stun.allocation import requested_transport
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import channel_number, encode_channel_data
from seaway.wire.stun.header import MessageClass
from seaway.wire.stun.lifetime import lifetime
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.methods import Method
from seaway.wire.stun.text import username

SERVER: Address = ("192.0.2.1", 3478)
PEER: Address = ("8.8.8.8", 40000)
REALM = "bench"
KEYS = user_keys("user", REALM, "password")


class NoPorts:
    """Every port opens, nothing is bound."""

    def open(self, family: Family, transport: RelayTransport, port: int) -> tuple[RelayKey, Address]:
        key = RelayKey(transport, ("192.0.2.1", port))
        return key, key.local

    def close(self, key: RelayKey) -> None:
        pass


Given = list[tuple[bytes, ClientKey]]


def measure(name: str, server: TurnServer, given: Given) -> None:
    start, wall, answered = time.perf_counter(), time.time(), 0
    for data, client in given:
        server.receive(data, client, 1.0, wall)
        while (output := server.next_output()) is not None:
            answered += isinstance(output, SendToClient)
    spent = time.perf_counter() - start
    print(f"{name:22} {len(given) / spent:10,.0f}/s {spent / len(given) * 1e6:8.1f} us  {answered} answers")


def request(method: int, nonce: bytes, attributes: Iterable[Attribute], transaction_id: bytes) -> bytes:
    login = (username("user"), Attribute(AttributeType.REALM, REALM.encode()), Attribute(AttributeType.NONCE, nonce))
    everything = (*attributes, *login)
    return encode(MessageClass.REQUEST, method, transaction_id, everything, key=KEYS.md5, fingerprint=False)


def run(count: int) -> None:
    config = TurnConfig(
        realm=REALM,
        relay_ports=PortRange(1024, 65535),
        nonce_secret=os.urandom(16),
        users={"user": KEYS},
        max_allocations=count,
        per_user=count,
        per_source=count,
    )
    server = TurnServer(config, NoPorts(), os.urandom, 1.0, time.time())
    clients = [ClientKey("udp", SERVER, ("8.8.4.4", 1024 + number)) for number in range(count)]
    bare = encode(MessageClass.REQUEST, Method.ALLOCATE, bytes(12), (requested_transport(17),), fingerprint=False)
    measure("Allocate, challenge", server, [(bare, client) for client in clients])
    server.receive(bare, clients[0], 1.0, time.time())
    output = server.next_output()
    assert isinstance(output, SendToClient)
    nonce = next(each.value for each in decode(output.data).attributes if each.type == AttributeType.NONCE)

    def all_of(method: int, *attributes: Attribute) -> Given:
        return [(request(method, nonce, attributes, os.urandom(12)), client) for client in clients]

    peer = xor_peer_address(PEER, bytes(12))
    measure("Allocate, proven", server, all_of(Method.ALLOCATE, requested_transport(17)))
    measure("Refresh", server, all_of(Method.REFRESH, lifetime(600)))
    measure("CreatePermission", server, all_of(Method.CREATE_PERMISSION, peer))
    measure("ChannelBind", server, all_of(Method.CHANNEL_BIND, channel_number(0x4000), peer))
    frame = encode_channel_data(0x4000, bytes(160))
    measure("ChannelData", server, [(frame, client) for client in clients])
    indication = (peer, Attribute(AttributeType.DATA, bytes(160)))
    send = encode(MessageClass.INDICATION, Method.SEND, bytes(12), indication, fingerprint=False)
    measure("Send", server, [(send, client) for client in clients])


if __name__ == "__main__":
    run(min(60000, max(1, [*map(int, sys.argv[1:]), 10000][0])))
