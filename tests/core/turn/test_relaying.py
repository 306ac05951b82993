"""Data in both directions: what passes and what is dropped (RFC 8656 §11, §12); peers that are relays of ours."""

from __future__ import annotations

from seaway.core.turn.io import ChannelFlowAdded, SendToClient, SendToPeer
from seaway.wire.stun.address import decode_xor_address, xor_peer_address
from seaway.wire.stun.allocation import dont_fragment
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import decode_channel_data, encode_channel_data
from seaway.wire.stun.header import MessageClass
from seaway.wire.stun.icmp import Icmp, decode_icmp
from seaway.wire.stun.lifetime import lifetime
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.methods import Method

from .rig import PEER, Client, Rig, code, networks, of, value

PUBLIC = "4.4.4.4"


def ready(user: str = "alice", rig: Rig | None = None, transport: str = "udp") -> tuple[Rig, Client]:
    rig = rig or Rig()
    client = Client(rig, user, transport=transport)
    client.allocate()
    return rig, client


def test_what_is_no_proper_send_is_dropped() -> None:
    rig, client = ready()
    client.permit(PEER)
    assert client.send(b"x")
    assert not client.send(b"x", PEER, dont_fragment())
    assert not client.send(b"x", PEER, Attribute(0x7777, b""))
    assert client.send(b"x", PEER, Attribute(0x8777, b""))
    assert not client.send(b"x", (PEER[0], 0))
    for attributes in ([xor_peer_address(PEER, bytes(12))], [Attribute(0x13, b"x")], [Attribute(0x12, b"x")] * 2):
        data = encode(MessageClass.INDICATION, Method.SEND, bytes(12), attributes)
        assert rig.give(data, client.key_of) == []
    stranger = Client(rig)
    assert not stranger.send(b"x") and not stranger.channel(0x4000, b"x")


def test_r8_the_first_peer_is_checked_and_used() -> None:
    rig, client = ready()
    client.permit(PEER)
    transaction_id = bytes(12)
    good, bad = xor_peer_address(PEER, transaction_id), xor_peer_address(("8.8.4.4", 1), transaction_id)
    for peers, sent in (((good, bad), [PEER]), ((bad, good), [])):
        attributes = (*peers, Attribute(0x13, b"x"), Attribute(0x13, b"y"))
        data = encode(MessageClass.INDICATION, Method.SEND, transaction_id, attributes)
        found = of(rig.give(data, client.key_of), SendToPeer)
        assert [each.remote for each in found] == sent and all(each.data == b"x" for each in found)


def test_r8_the_first_peer_is_bound() -> None:
    _rig, client = ready()
    transaction_id = bytes(12)
    number = Attribute(AttributeType.CHANNEL_NUMBER, b"\x40\0\0\0")
    good, bad = xor_peer_address(PEER, transaction_id), xor_peer_address(("127.0.0.1", 1), transaction_id)
    assert code(client.ask(Method.CHANNEL_BIND, number, bad, good, transaction_id=transaction_id)) == 403
    assert code(client.ask(Method.CHANNEL_BIND, number, good, bad, transaction_id=transaction_id)) == 0
    assert client.channel(0x4000, b"x")[0].remote == PEER


def test_r10_nobody_else_moves_an_allocation() -> None:
    """Packets of other sources change no destination."""
    rig, client = ready()
    client.bind(0x4000)
    other = Client(rig, "bob")
    assert rig.give(encode_channel_data(0x4000, b"x"), other.key_of) == []
    assert rig.peer(client.relay, b"x", ("6.6.6.6", 1)) == []
    assert rig.peer(client.relay, b"x")[0].client == client.key_of  # type: ignore[union-attr]
    assert client.channel(0x4000, b"x")[0].remote == PEER


def test_streams_pad_channel_data() -> None:
    # RFC 8656 §12.5
    rig, client = ready(transport="tcp")
    client.bind(0x4000)
    assert of(rig.events, ChannelFlowAdded) == []  # no fast path for a stream
    (sent,) = of(rig.peer(client.relay, b"abcde"), SendToClient)
    assert len(sent.data) == 12 and decode_channel_data(sent.data) == (0x4000, b"abcde")
    assert client.channel(0x4000, b"abcde")[0].data == b"abcde"
    rig.server.client_closed(client.key_of, rig.now)
    assert not rig.server.allocations and not rig.ports.open_now


def test_a_gone_relay() -> None:
    rig, client = ready()
    client.permit(PEER)
    relay = client.relay
    client.ask(Method.REFRESH, lifetime(0))
    assert rig.peer(relay, b"x") == []


def test_icmp() -> None:
    # RFC 8656 §11.5
    rig, client = ready()
    error = Icmp(3, 3)
    rig.server.peer_unreachable(client.relay, PEER, error, rig.now)
    assert rig.drain() == []
    client.permit(PEER)
    rig.server.peer_unreachable(client.relay, PEER, error, rig.now)
    (sent,) = of(rig.drain(), SendToClient)
    message = decode(sent.data)
    assert decode_icmp(value(message, AttributeType.ICMP)) == error
    assert decode_xor_address(value(message, AttributeType.XOR_PEER_ADDRESS), message.transaction_id) == PEER
    assert message.first(AttributeType.DATA) is None


def test_the_longest_datagram() -> None:
    rig, client = ready()
    client.permit(PEER)
    data = bytes(65507)
    (sent,) = of(rig.peer(client.relay, data), SendToClient)
    assert value(decode(sent.data), AttributeType.DATA) == data


# Relay to relay through our own public address, without any router that turns packets back


def pair() -> tuple[Rig, Client, Client]:
    rig, alice = ready()
    _, bob = ready("bob", rig)
    return rig, alice, bob


def public(client: Client) -> tuple[str, int]:
    return PUBLIC, client.relay.local[1]


def test_relay_to_relay() -> None:
    rig, alice, bob = pair()
    assert code(alice.permit(public(bob))) == 0
    assert code(bob.permit(public(alice))) == 0
    (sent,) = alice.send(b"hello", public(bob))
    assert sent == (alice.relay, bob.relay.local, b"hello")
    # the packet arrives from alice's NIC address, and bob sees her public one
    (got,) = of(rig.peer(bob.relay, b"hello", alice.relay.local), SendToClient)
    message = decode(got.data)
    assert got.client == bob.key_of
    source = decode_xor_address(value(message, AttributeType.XOR_PEER_ADDRESS), message.transaction_id)
    assert source == public(alice)


def test_relay_to_relay_by_channel() -> None:
    rig, alice, bob = pair()
    assert code(alice.bind(0x4000, public(bob))) == 0
    assert code(bob.bind(0x4001, public(alice))) == 0
    assert all(flow.own for flow in of(rig.events, ChannelFlowAdded))
    (sent,) = alice.channel(0x4000, b"hello")
    assert sent.remote == bob.relay.local
    (got,) = of(rig.peer(bob.relay, b"hello", alice.relay.local), SendToClient)
    assert decode_channel_data(got.data) == (0x4001, b"hello")
    # when bob is gone nothing goes to his old port
    bob.ask(Method.REFRESH, lifetime(0))
    assert alice.channel(0x4000, b"hello") == []
    assert alice.send(b"hello", public(alice)) != alice.send(b"hello", (PUBLIC, 22))


def test_r2_only_live_relay_ports_of_our_own_address() -> None:
    rig, alice, bob = pair()
    assert code(alice.permit((PUBLIC, 22))) == 403
    assert code(alice.permit((PUBLIC, 3478))) == 403
    assert code(alice.permit((PUBLIC, bob.relay.local[1] ^ 1))) == 403
    assert code(alice.permit(bob.relay.local)) == 403  # by its NIC address
    assert code(alice.permit(public(bob))) == 0
    # a permission is for the host, but each packet is looked at
    assert alice.send(b"x", (PUBLIC, 22)) == []
    assert alice.send(b"x", public(bob))
    assert code(alice.bind(0x4000, (PUBLIC, 22))) == 403
    assert rig.peer(alice.relay, b"x", ("10.9.0.1", 22)) == []


def test_relays_without_translation_meet_too() -> None:
    rig = Rig(public={})
    _, alice = ready("alice", rig)
    _, bob = ready("bob", rig)
    assert code(alice.permit(bob.relay.local)) == 0
    assert code(alice.permit(("10.9.0.1", 22))) == 403
    assert alice.send(b"x", bob.relay.local)[0].remote == bob.relay.local
    assert alice.send(b"x", ("10.9.0.1", 22)) == []
    assert rig.peer(alice.relay, b"x", bob.relay.local) != []
    assert rig.peer(alice.relay, b"x", ("10.9.0.1", 22)) == []


def test_r2_the_relay_nic_is_own_without_being_named() -> None:
    rig = Rig(public={}, own=(), allow=networks("10.0.0.0/8"))
    _, alice = ready("alice", rig)
    _, bob = ready("bob", rig)
    assert code(alice.permit(("10.9.0.1", 22))) == 403
    assert code(alice.bind(0x4000, ("10.9.0.1", 3478))) == 403
    assert code(alice.permit(bob.relay.local, ("10.9.0.2", 22))) == 0
