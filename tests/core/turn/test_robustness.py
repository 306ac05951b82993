"""Octets of no good will: lengths, padding, garbage, every cut and every flipped bit (R4, R5)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.core.turn.io import CloseClient, SendToClient
from seaway.wire.stun.address import xor_peer_address
from seaway.wire.stun.allocation import requested_transport
from seaway.wire.stun.attribute import Attribute, AttributeType, decode_attributes
from seaway.wire.stun.channel_data import channel_number
from seaway.wire.stun.methods import Method

from .rig import PEER, Client, Rig, code, of

RIG = Rig()


def padding_is_zero(data: bytes) -> None:
    for attribute in decode_attributes(data, 20):
        end = attribute.offset + 4 + len(attribute.value)
        assert not any(data[end : end + -len(attribute.value) % 4])


@pytest.mark.parametrize("change", ["short", "long", "odd", "wrap", "more"])
def test_r4_a_length_that_does_not_agree(change: str) -> None:
    for transport in ("udp", "tcp"):
        rig = Rig()
        client = Client(rig, transport=transport)
        client.learn()
        good = client.raw(Method.ALLOCATE, requested_transport(17))
        length = len(good) - 20
        bad = {
            "short": good[:2] + (length - 4).to_bytes(2, "big") + good[4:],
            "long": good[:2] + (length + 4).to_bytes(2, "big") + good[4:],
            "odd": good[:2] + (length + 1).to_bytes(2, "big") + good[4:] + b"\0",
            "wrap": good[:20] + b"\x80\x77\xff\xff" + good[24:],
            "more": good + bytes(4),
        }[change]
        outputs = rig.give(bad, client.key_of)
        assert outputs == ([] if transport == "udp" else [CloseClient(client.key_of, "malformed message")])
        assert code(client.allocate()) == 0


def test_r4_channel_data_that_does_not_agree() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    client.bind(0x4000)
    for bad in ("40", "400000", "4000000141", "4000ffff41", "400000014141414141"):
        outputs = rig.give(bytes.fromhex(bad), client.key_of)
        assert len(outputs) == (bad == "4000000141")
    stream = Client(rig, transport="tls")
    assert of(rig.give(bytes.fromhex("4000ffff41"), stream.key_of), CloseClient)


def test_r5_padding_of_answers_is_zero() -> None:
    rig = Rig(realm="odd")
    client = Client(rig)
    randomly = random.Random(5)
    kinds = [*AttributeType, 0x7777, 0x8777]
    answered = 0
    for _ in range(10_000):
        attributes = [
            Attribute(randomly.choice(kinds), randomly.randbytes(randomly.randrange(9)))
            for _ in range(randomly.randrange(5))
        ]
        data = client.bare(randomly.choice([1, 3, 4, 8, 9]), *attributes)
        dirty = bytearray(data)
        for attribute in decode_attributes(data, 20):
            end = attribute.offset + 4 + len(attribute.value)
            dirty[end : end + -len(attribute.value) % 4] = b"\xff" * (-len(attribute.value) % 4)
        for sent in of(rig.give(bytes(dirty), client.key_of), SendToClient):
            padding_is_zero(sent.data)
            answered += 1
    assert answered > 1000


def test_r5_padding_of_data_is_zero() -> None:
    rig = Rig()
    client = Client(rig, transport="tcp")
    client.allocate()
    client.permit(PEER)
    for size in range(9):
        (sent,) = of(rig.peer(client.relay, b"\xff" * size), SendToClient)
        padding_is_zero(sent.data)
    client.bind(0x4000)
    for size in range(9):
        (sent,) = of(rig.peer(client.relay, b"\xff" * size), SendToClient)
        assert not any(sent.data[4 + size :]) and len(sent.data) % 4 == 0


@settings(max_examples=300)
@given(st.binary(max_size=150))
def test_garbage_does_nothing(data: bytes) -> None:
    client = Client(RIG)
    RIG.give(data, client.key_of)
    head = bytes((0, data[0] % 12 if data else 3)) + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12)
    RIG.give(head + data, client.key_of)
    assert not RIG.server.allocations


@settings(max_examples=300)
@given(
    st.sampled_from([1, 3, 4, 8, 9, 10, 11, 0x16]),
    st.lists(
        st.builds(Attribute, st.sampled_from([kind.value for kind in AttributeType]), st.binary(max_size=24)),
        max_size=6,
    ),
)
def test_a_proven_user_may_ask_anything(method: int, attributes: list[Attribute]) -> None:
    rig = Rig(tcp_relay=True, families=frozenset((4, 6)))
    client = Client(rig, transport="tcp")
    client.allocate()
    skip = {AttributeType.MESSAGE_INTEGRITY, AttributeType.MESSAGE_INTEGRITY_SHA256, AttributeType.FINGERPRINT}
    data = client.raw(method, *(each for each in attributes if each.type not in skip))
    rig.give(data, client.key_of)
    rig.pass_time(10_000)
    assert not rig.ports.open_now


def test_every_cut_and_every_flipped_bit() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    transaction_id = client.transaction()
    attributes = (channel_number(0x4000), xor_peer_address(PEER, transaction_id))
    good = client.raw(Method.CHANNEL_BIND, *attributes, transaction_id=transaction_id)
    for cut in range(len(good)):
        rig.give(good[:cut], client.key_of)
    for position in range(len(good) * 8):
        changed = bytearray(good)
        changed[position // 8] ^= 1 << position % 8
        rig.give(bytes(changed), client.key_of)
    assert not rig.server._by_client[client.key_of].channels
    rig.give(good, client.key_of)
    assert rig.server._by_client[client.key_of].channels


def test_answers_and_unknown_methods_are_dropped() -> None:
    rig = Rig()
    client = Client(rig)
    client.learn()
    for method in (0x002, 0x005, 0x00A, 0x0FF, 0x7FF):
        assert rig.give(client.raw(method), client.key_of) == []
    answer = rig.answer(client.raw(Method.ALLOCATE, requested_transport(17)), client.key_of)
    assert answer is not None
    assert rig.give(answer, client.key_of) == []
