"""TCP relays (RFC 6062; R3)."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.core.turn.io import (
    ClientKey,
    CloseClient,
    CloseConnection,
    ConnectToPeer,
    JoinConnections,
    SendToClient,
)
from seaway.wire.stun.address import Address, decode_xor_address, xor_peer_address
from seaway.wire.stun.allocation import connection_id, decode_connection_id, even_port, requested_transport
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.lifetime import lifetime
from seaway.wire.stun.message import Message, decode
from seaway.wire.stun.methods import Method

from .rig import PEER, Client, Rig, code, of, value


def ready(**changes: Any) -> tuple[Rig, Client]:
    rig = Rig(tcp_relay=True, **changes)
    client = Client(rig, transport="tcp")
    assert code(client.ask(Method.ALLOCATE, requested_transport(6))) == 0
    return rig, client


def connect(client: Client, peer: Address = PEER) -> list[Any]:
    transaction_id = client.transaction()
    data = client.raw(Method.CONNECT, xor_peer_address(peer, transaction_id), transaction_id=transaction_id)
    return client.rig.give(data, client.key_of)


def refusal(outputs: list[Any]) -> int:
    (sent,) = of(outputs, SendToClient)
    return code(decode(sent.data))


def connected(rig: Rig, client: Client) -> tuple[Any, int]:
    """The peer connection's key and its CONNECTION-ID."""
    (wanted,) = of(connect(client), ConnectToPeer)
    assert wanted.remote == PEER and wanted.relay == client.relay
    rig.server.peer_connected(wanted.connection, rig.now)
    (sent,) = of(rig.drain(), SendToClient)
    answer = decode(sent.data)
    assert code(answer) == 0 and answer.method == Method.CONNECT and answer.has_integrity(client.key)
    return wanted.connection, decode_connection_id(value(answer, AttributeType.CONNECTION_ID))


def bind(rig: Rig, number: int, user: str = "alice", transport: str = "tcp") -> tuple[Message, list[Any], ClientKey]:
    data = Client(rig, user, transport=transport)
    data.learn()
    outputs = rig.give(data.raw(Method.CONNECTION_BIND, connection_id(number)), data.key_of)
    (sent,) = of(outputs, SendToClient)
    return decode(sent.data), outputs, data.key_of


def test_r3_off_by_default() -> None:
    rig = Rig()
    client = Client(rig, transport="tcp")
    assert code(client.ask(Method.ALLOCATE, requested_transport(6))) == 442
    assert code(client.allocate()) == 0
    assert connect(client) == []
    assert not of(rig.events, ConnectToPeer)


def test_connect_and_join() -> None:
    rig, client = ready()
    key, number = connected(rig, client)
    answer, outputs, stream = bind(rig, number)
    assert code(answer) == 0
    assert outputs[-1] == JoinConnections(stream, key)
    rig.pass_time(100)
    assert not of(rig.events, CloseConnection)
    rig.server.peer_closed(key, rig.now)
    assert of(rig.drain(), CloseClient) == [CloseClient(stream, "peer closed")]
    rig.server.client_closed(stream, rig.now)
    assert rig.drain() == []
    connected(rig, client)  # the same peer again


def test_the_client_ends_it() -> None:
    rig, client = ready()
    key, number = connected(rig, client)
    _, _, stream = bind(rig, number)
    rig.server.client_closed(stream, rig.now)
    assert rig.drain() == [CloseConnection(key)]


def test_r3_connection_bind_once_in_time_by_the_same_user() -> None:
    rig, client = ready()
    _, number = connected(rig, client)
    assert code(bind(rig, number ^ 1)[0]) == 400
    assert code(bind(rig, number, "bob")[0]) == 441
    assert code(bind(rig, number, transport="udp")[0]) == 400
    assert code(bind(rig, number)[0]) == 0
    assert code(bind(rig, number)[0]) == 400
    client.ask(Method.REFRESH, lifetime(0))
    rig, client = ready()
    key, number = connected(rig, client)
    rig.pass_time(29.9)
    assert not of(rig.events, CloseConnection)
    assert of(rig.pass_time(0.2), CloseConnection) == [CloseConnection(key)]
    assert code(bind(rig, number)[0]) == 400


def test_r3_peers_and_ports() -> None:
    _rig, client = ready()
    assert refusal(connect(client, ("127.0.0.1", 8080))) == 403
    assert refusal(connect(client, ("4.4.4.4", 8080))) == 403
    assert refusal(connect(client, ("8.8.8.8", 1023))) == 403
    assert refusal(connect(client, ("8.8.8.8", 22))) == 403
    assert refusal(connect(client, ("2600::1", 8080))) == 443
    assert of(connect(client, ("8.8.8.8", 1024)), ConnectToPeer)
    assert refusal(connect(client, ("8.8.8.8", 1024))) == 446


def test_failure_and_lateness_are_447() -> None:
    rig, client = ready()
    (wanted,) = of(connect(client), ConnectToPeer)
    rig.server.peer_connection_failed(wanted.connection, rig.now)
    assert refusal(rig.drain()) == 447
    (wanted,) = of(connect(client), ConnectToPeer)
    late = rig.pass_time(30.1)
    assert refusal(late) == 447 and of(late, CloseConnection) == [CloseConnection(wanted.connection)]
    rig.server.peer_connected(wanted.connection, rig.now)  # too late, but the socket must go
    assert rig.drain() == [CloseConnection(wanted.connection)]
    (wanted,) = of(connect(client), ConnectToPeer)
    rig.server.peer_closed(wanted.connection, rig.now)
    assert refusal(rig.drain()) == 447


def test_a_peer_connects() -> None:
    rig, client = ready()
    rig.server.peer_connection_accepted(client.relay, ("in", 1), PEER, rig.now)
    assert rig.drain() == [CloseConnection(("in", 1))]  # no permission
    client.permit(PEER)
    rig.server.peer_connection_accepted(client.relay, ("in", 2), PEER, rig.now)
    (sent,) = of(rig.drain(), SendToClient)
    message = decode(sent.data)
    assert message.method == Method.CONNECTION_ATTEMPT and sent.client == client.key_of
    assert decode_xor_address(value(message, AttributeType.XOR_PEER_ADDRESS), message.transaction_id) == PEER
    answer, outputs, stream = bind(rig, decode_connection_id(value(message, AttributeType.CONNECTION_ID)))
    assert code(answer) == 0 and outputs[-1] == JoinConnections(stream, ("in", 2))


@pytest.mark.parametrize("how", ["refresh", "closed", "expired"])
def test_all_ends_with_the_allocation(how: str) -> None:
    rig, client = ready()
    joined, number = connected(rig, client)
    _, _, stream = bind(rig, number)
    (pending,) = of(connect(client, ("8.8.4.4", 5000)), ConnectToPeer)
    if how == "refresh":
        client.ask(Method.REFRESH, lifetime(0))
    elif how == "closed":
        rig.server.client_closed(client.key_of, rig.now)
    else:
        rig.pass_time(601)
    rig.drain()
    assert {each.connection for each in of(rig.events, CloseConnection)} == {joined, pending.connection}
    assert of(rig.events, CloseClient) == [CloseClient(stream, "allocation ended")]
    assert not rig.ports.open_now
    streams = rig.server._streams
    assert not (streams._connections or streams._by_id or streams._by_peer or streams._by_client or streams._counts)


def test_what_does_not_go_together() -> None:
    rig = Rig(tcp_relay=True)
    assert code(Client(rig).ask(Method.ALLOCATE, requested_transport(6))) == 400  # over UDP
    client = Client(rig, transport="tls")
    assert code(client.ask(Method.ALLOCATE, requested_transport(6), even_port(reserve_next=False))) == 400
    assert refusal(connect(client)) == 437
    assert code(client.ask(Method.ALLOCATE, requested_transport(6))) == 0
    assert code(client.bind(0x4000)) == 400  # RFC 6062 §5: no channels
    client.permit(PEER)
    assert client.send(b"x") == []
    assert code(client.ask(Method.CONNECTION_BIND, connection_id(1))) == 400
    udp = Client(rig, transport="tcp")
    udp.allocate()
    assert refusal(connect(udp)) == 400


def test_a_bounded_number_of_connections() -> None:
    _rig, client = ready()
    for number in range(64):
        assert of(connect(client, ("8.8.8.8", 2000 + number)), ConnectToPeer)
    assert refusal(connect(client, ("8.8.8.8", 3000))) == 508


def test_relay_to_relay() -> None:
    rig, alice = ready()
    bob = Client(rig, "bob", transport="tcp")
    bob.ask(Method.ALLOCATE, requested_transport(6))
    (wanted,) = of(connect(alice, ("4.4.4.4", bob.relay.local[1])), ConnectToPeer)
    assert wanted.remote == bob.relay.local
    bob.permit(("4.4.4.4", alice.relay.local[1]))
    rig.server.peer_connection_accepted(bob.relay, ("in", 1), alice.relay.local, rig.now)
    (sent,) = of(rig.drain(), SendToClient)
    message = decode(sent.data)
    source = decode_xor_address(value(message, AttributeType.XOR_PEER_ADDRESS), message.transaction_id)
    assert source == ("4.4.4.4", alice.relay.local[1])
