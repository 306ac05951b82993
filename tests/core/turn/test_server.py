"""The UDP path from challenge to expiry, as one client sees it."""

from __future__ import annotations

import pytest

from seaway.core.turn.io import (
    AllocationCreated,
    AllocationDeleted,
    AllocationExpired,
    ChannelFlowAdded,
    ChannelFlowRemoved,
    SendToClient,
    SendToPeer,
)
from seaway.wire.stun.address import decode_xor_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import decode_channel_data
from seaway.wire.stun.header import MessageClass
from seaway.wire.stun.lifetime import decode_lifetime, lifetime
from seaway.wire.stun.message import decode
from seaway.wire.stun.methods import Method

from .rig import PEER, Client, Rig, code, of, value


def test_from_challenge_to_allocation() -> None:
    rig = Rig()
    client = Client(rig)
    answer = client.allocate()
    assert code(answer) == 0
    relayed = decode_xor_address(value(answer, AttributeType.XOR_RELAYED_ADDRESS), answer.transaction_id)
    mapped = decode_xor_address(value(answer, AttributeType.XOR_MAPPED_ADDRESS), answer.transaction_id)
    assert relayed == ("4.4.4.4", client.relay.local[1]) and 24000 <= relayed[1] <= 29999
    assert mapped == client.key_of.remote
    assert decode_lifetime(value(answer, AttributeType.LIFETIME)) == 600
    (created,) = of(rig.events, AllocationCreated)
    assert created == (client.key_of, "alice", (relayed,), "udp", 600)
    assert rig.ports.open_now == {client.relay}


def test_data_both_ways_by_indications() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    assert client.send(b"too early") == []
    assert rig.peer(client.relay, b"too early") == []
    assert code(client.permit(PEER)) == 0
    assert client.send(b"hello") == [SendToPeer(client.relay, PEER, b"hello")]
    assert client.send(b"") == [SendToPeer(client.relay, PEER, b"")]
    (sent,) = of(rig.peer(client.relay, b"back!", (PEER[0], 7)), SendToClient)
    message = decode(sent.data)
    assert (message.message_class, message.method) == (MessageClass.INDICATION, Method.DATA)
    assert decode_xor_address(value(message, AttributeType.XOR_PEER_ADDRESS), message.transaction_id) == (PEER[0], 7)
    assert value(message, AttributeType.DATA) == b"back!"
    assert rig.peer(client.relay, b"x", ("8.8.4.4", 1)) == []


def test_data_both_ways_by_channel() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    assert client.channel(0x4001, b"not bound") == []
    assert code(client.bind(0x4001)) == 0
    added = of(rig.events, ChannelFlowAdded)
    assert added == [(client.key_of, 0x4001, client.relay, client.relay.local, PEER, False)]
    assert client.channel(0x4001, b"abc") == [SendToPeer(client.relay, PEER, b"abc")]
    assert client.channel(0x4002, b"abc") == []
    (sent,) = of(rig.peer(client.relay, b"xyz"), SendToClient)
    assert decode_channel_data(sent.data) == (0x4001, b"xyz") and len(sent.data) == 7
    # another port of the same host has no channel
    (sent,) = of(rig.peer(client.relay, b"xyz", (PEER[0], 1)), SendToClient)
    assert decode(sent.data).method == Method.DATA


def test_refresh_and_expiry() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    rig.pass_time(500)
    assert decode_lifetime(value(client.ask(Method.REFRESH), AttributeType.LIFETIME)) == 600
    assert rig.pass_time(599.9) == []
    expired = rig.pass_time(0.2)
    assert len(of(expired, AllocationExpired)) == 1
    assert not rig.ports.open_now and not rig.server.allocations
    assert code(client_again(client)) == 437


def client_again(client: Client) -> object:
    client.nonce = b""
    return client.ask(Method.REFRESH)


@pytest.mark.parametrize(("wanted", "given"), [(0xFFFFFFFF, 3600), (3600, 3600), (1000, 1000), (1, 600), (None, 600)])
def test_lifetimes(wanted: int | None, given: int) -> None:
    client = Client(Rig())
    asked = () if wanted is None else (lifetime(wanted),)
    assert decode_lifetime(value(client.allocate(*asked), AttributeType.LIFETIME)) == given
    assert decode_lifetime(value(client.ask(Method.REFRESH, *asked), AttributeType.LIFETIME)) == given


def test_refresh_of_zero_deletes() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    client.bind(0x4000)
    answer = client.ask(Method.REFRESH, lifetime(0))
    assert decode_lifetime(value(answer, AttributeType.LIFETIME)) == 0
    assert not rig.ports.open_now
    assert len(of(rig.events, ChannelFlowRemoved)) == 1
    assert of(rig.events, AllocationDeleted)[0].reason == "refresh"
    assert code(client.ask(Method.REFRESH, lifetime(0))) == 437
    assert rig.server.next_output() is None


def test_a_retransmitted_allocate_gets_the_same_answer() -> None:
    # RFC 8489 §6.3.1
    rig = Rig()
    client = Client(rig)
    client.learn()
    data = client.raw(Method.ALLOCATE, Attribute(AttributeType.REQUESTED_TRANSPORT, bytes((17, 0, 0, 0))))
    first = rig.answer(data, client.key_of)
    rig.now += 5
    assert first is not None and rig.answer(data, client.key_of) == first
    assert len(rig.ports.open_now) == 1
    assert code(client.allocate()) == 437  # another transaction
