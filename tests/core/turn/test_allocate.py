"""Allocate: checks, shares, families, even ports, redirection (RFC 8656 §7.2; R9)."""

from __future__ import annotations

import pytest

from seaway.core.turn.io import AllocationExpired, AllocationRefused
from seaway.wire.stun.address import decode_address, decode_xor_address
from seaway.wire.stun.address_family import (
    additional_address_family,
    decode_address_error_code,
    requested_address_family,
)
from seaway.wire.stun.allocation import dont_fragment, even_port, requested_transport, reservation_token
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.error_code import decode_unknown_attributes
from seaway.wire.stun.lifetime import lifetime
from seaway.wire.stun.message import Message
from seaway.wire.stun.methods import Method

from .rig import Client, Rig, clients, code, of, value

BOTH = frozenset((4, 6))


def relayed(message: Message) -> list[tuple[str, int]]:
    return [
        decode_xor_address(each.value, message.transaction_id)
        for each in message.attributes
        if each.type == AttributeType.XOR_RELAYED_ADDRESS
    ]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ((), 400),
        ((Attribute(AttributeType.REQUESTED_TRANSPORT, b"\x11"),), 400),
        ((requested_transport(6),), 442),
        ((requested_transport(132),), 442),
        ((requested_transport(17), dont_fragment()), 420),
        ((requested_transport(17), Attribute(0x7777, b"")), 420),
        ((requested_transport(17), Attribute(0x8777, b"")), 0),
        ((requested_transport(17), Attribute(AttributeType.MOBILITY_TICKET, b"")), 0),
        ((requested_transport(17), Attribute(AttributeType.LIFETIME, b"\0")), 400),
        ((requested_transport(17), Attribute(AttributeType.EVEN_PORT, b"")), 400),
        ((requested_transport(17), requested_address_family(6)), 440),
        ((requested_transport(17), Attribute(AttributeType.REQUESTED_ADDRESS_FAMILY, b"\x03\0\0\0")), 440),
        ((requested_transport(17), requested_address_family(4), additional_address_family()), 400),
        ((requested_transport(17), additional_address_family(4)), 400),
        ((requested_transport(17), even_port(reserve_next=True), additional_address_family()), 400),
        ((requested_transport(17), reservation_token(bytes(8)), even_port(reserve_next=False)), 400),
        ((requested_transport(17), reservation_token(bytes(8)), requested_address_family(4)), 400),
        ((requested_transport(17), reservation_token(bytes(8))), 508),
        ((requested_transport(17), requested_address_family(4)), 0),
    ],
)
def test_checks(attributes: tuple[Attribute, ...], expected: int) -> None:
    rig = Rig()
    client = Client(rig)
    answer = client.ask(Method.ALLOCATE, *attributes)
    assert code(answer) == expected
    assert len(rig.ports.open_now) == (expected == 0)
    if expected:
        assert answer.has_integrity(client.key)
        if expected != 420 or attributes[-1].type == AttributeType.DONT_FRAGMENT:
            assert of(rig.events, AllocationRefused)[0].code == expected
    if expected == 420:
        assert decode_unknown_attributes(value(answer, AttributeType.UNKNOWN_ATTRIBUTES)) == (attributes[-1].type,)


def test_two_families() -> None:
    rig = Rig(families=BOTH)
    assert [host for host, _ in relayed(Client(rig).allocate())] == ["4.4.4.4"]
    assert [host for host, _ in relayed(Client(rig).allocate(requested_address_family(6)))] == ["2001:db8:9::1"]
    both = Client(rig).allocate(additional_address_family())
    assert [host for host, _ in relayed(both)] == ["4.4.4.4", "2001:db8:9::1"]
    assert both.first(AttributeType.ADDRESS_ERROR_CODE) is None


def test_one_of_two_families() -> None:
    # RFC 8656 §7.2: the success says why the other is missing
    answer = Client(Rig(families=frozenset((4,)))).allocate(additional_address_family())
    assert [host for host, _ in relayed(answer)] == ["4.4.4.4"]
    assert decode_address_error_code(value(answer, AttributeType.ADDRESS_ERROR_CODE))[:2] == (6, 440)
    answer = Client(Rig(families=frozenset((6,)))).allocate(additional_address_family())
    assert [host for host, _ in relayed(answer)] == ["2001:db8:9::1"]
    assert code(Client(Rig(families=frozenset((6,)))).allocate()) == 440


def test_one_of_two_relays_can_go() -> None:
    # RFC 8656 §8.2
    rig = Rig(families=BOTH)
    client = Client(rig)
    client.allocate(additional_address_family())
    assert code(client.bind(0x4000, ("2600::8", 1))) == 0
    assert code(client.ask(Method.REFRESH, lifetime(0), requested_address_family(6))) == 0
    assert len(rig.ports.open_now) == 1 and rig.server.allocations == 1
    assert client.channel(0x4000, b"x") == []
    assert code(client.ask(Method.REFRESH, requested_address_family(6))) == 443
    assert code(client.permit(("2600::8", 1))) == 443
    assert code(client.ask(Method.REFRESH, lifetime(0), requested_address_family(4))) == 0
    assert not rig.server.allocations and not rig.ports.open_now


def test_ports_are_tried_until_one_is_free() -> None:
    rig = Rig()
    rig.ports.taken = set(range(24000, 30000)) - {24000, 24001}
    assert code(Client(rig).allocate()) in (0, 508)
    assert 1 <= len(rig.ports.tried) <= 8
    rig.ports.full = True
    before = len(rig.ports.tried)
    assert code(Client(rig).allocate()) == 508
    assert len(rig.ports.tried) == before + 1


def test_ports_are_in_no_order_and_rest() -> None:
    rig = Rig(per_user=1000)
    for client in clients(rig, 50):
        client.allocate()
    assert rig.ports.tried != sorted(rig.ports.tried) and len(set(rig.ports.tried)) == 50
    other = Rig(seed=2)
    Client(other).allocate()
    assert other.ports.tried[0] != rig.ports.tried[0]


def test_even_port_and_the_reserved_next() -> None:
    # RFC 8656 §7.2 on EVEN-PORT and RESERVATION-TOKEN
    rig = Rig()
    first = Client(rig)
    answer = first.allocate(even_port(reserve_next=True))
    ((_, port),) = relayed(answer)
    assert port % 2 == 0
    token = value(answer, AttributeType.RESERVATION_TOKEN)
    assert len(token) == 8 and len(rig.ports.open_now) == 2
    stranger = Client(rig, "bob")
    assert code(stranger.allocate(reservation_token(token))) == 508
    second = Client(rig)
    answer = second.allocate(reservation_token(token))
    assert [number for _, number in relayed(answer)] == [port + 1]
    assert code(Client(rig).allocate(reservation_token(token))) == 508  # once
    rig.pass_time(31)
    assert len(rig.ports.open_now) == 2


def test_even_port_without_reservation() -> None:
    rig = Rig(per_user=100)
    for client in clients(rig, 20):
        answer = client.allocate(even_port(reserve_next=False))
        assert relayed(answer)[0][1] % 2 == 0 and answer.first(AttributeType.RESERVATION_TOKEN) is None
    assert len(rig.ports.open_now) == 20


def test_a_reservation_lapses() -> None:
    rig = Rig()
    token = value(Client(rig).allocate(even_port(reserve_next=True)), AttributeType.RESERVATION_TOKEN)
    rig.pass_time(29.9)
    assert len(rig.ports.open_now) == 2
    rig.pass_time(0.2)
    assert len(rig.ports.open_now) == 1
    assert code(Client(rig).allocate(reservation_token(token))) == 508


def test_r9_shares_of_user_source_and_whole() -> None:
    rig = Rig(per_user=3, per_source=5, max_allocations=6)
    assert [code(each.allocate()) for each in clients(rig, 4)] == [0, 0, 0, 486]
    assert [code(each.allocate()) for each in clients(rig, 3, user="bob")] == [0, 0, 486]  # the source is full
    there = Client(rig, "bob", remote=("9.9.9.8", 1))
    assert code(there.allocate()) == 0
    assert code(Client(rig, "carol", remote=("9.9.9.8", 2)).allocate()) == 508
    assert code(there.ask(Method.REFRESH, lifetime(0))) == 0
    assert code(Client(rig, "carol", remote=("9.9.9.8", 2)).allocate()) == 0


def test_r9_freed_on_expiry_within_a_second() -> None:
    rig = Rig(per_user=1)
    assert code(Client(rig).allocate()) == 0
    assert code(Client(rig).allocate()) == 486
    assert len(of(rig.pass_time(600.5), AllocationExpired)) == 1
    assert code(Client(rig).allocate()) == 0


def test_r9_names_of_time_limited_users_share() -> None:
    from .test_auth import timed

    rig = Rig(secrets=(b"shared",), per_user=2)
    ends = round(rig.wall) + 1000
    answers = [code(timed(rig, f"{ends + number}:dora").allocate()) for number in range(3)]
    assert answers == [0, 0, 486]
    assert code(timed(rig, f"{ends}:emil").allocate()) == 0


def test_ipv6_sources_count_by_64() -> None:
    rig = Rig(per_source=1)
    assert code(Client(rig, remote=("2600:1:2:3::1", 1)).allocate()) == 0
    assert code(Client(rig, remote=("2600:1:2:3:ffff::2", 1)).allocate()) == 486
    assert code(Client(rig, remote=("2600:1:2:4::1", 1)).allocate()) == 0


def test_a_full_server_names_another() -> None:
    rig = Rig(max_allocations=1)
    rig.server.set_alternate(lambda family: ("4.4.4.5", 3478) if family == 4 else None)
    assert code(Client(rig).allocate()) == 0
    client = Client(rig, "bob")
    answer = client.allocate()
    assert code(answer) == 300
    assert decode_address(value(answer, AttributeType.ALTERNATE_SERVER)) == ("4.4.4.5", 3478)
    assert answer.has_integrity(client.key)  # only somebody proven is sent away, and knows by whom


def test_a_loaded_server_names_another_at_once() -> None:
    rig = Rig()
    rig.server.set_alternate(lambda family: ("4.4.4.5", 3478), always=True)
    assert code(Client(rig).allocate()) == 300
    rig.server.set_alternate(lambda family: None, always=True)
    assert code(Client(rig).allocate()) == 0


def test_another_user_on_the_same_5_tuple() -> None:
    rig = Rig()
    client = Client(rig)
    client.allocate()
    other = Client(rig, "bob")
    other.key_of = client.key_of
    assert code(other.allocate()) == 437
    assert code(other.ask(Method.REFRESH)) == 441
    assert code(other.permit(("8.8.8.8", 1))) == 441
    assert code(other.bind(0x4000)) == 441
    assert code(client.ask(Method.REFRESH)) == 0


def test_no_allocation_no_anything() -> None:
    client = Client(Rig())
    assert code(client.ask(Method.REFRESH)) == 437
    assert code(client.permit(("8.8.8.8", 1))) == 437
    assert code(client.bind(0x4000)) == 437


def test_binding() -> None:
    rig = Rig()
    client = Client(rig)
    assert code(client.ask(Method.BINDING)) == 0
    refused = rig.answer(client.bare(Method.BINDING), client.key_of)
    assert refused is not None and len(refused) <= 60
    open_rig = Rig(unauthenticated_binding=True)
    client = Client(open_rig)
    from seaway.wire.stun.message import decode

    answer = open_rig.answer(client.bare(Method.BINDING), client.key_of)
    assert answer is not None
    message = decode(answer)
    assert decode_xor_address(value(message, AttributeType.XOR_MAPPED_ADDRESS), message.transaction_id) == (
        client.key_of.remote
    )
    answer = open_rig.answer(client.bare(Method.BINDING, Attribute(0x7777, b"")), client.key_of)
    assert answer is not None and code(decode(answer)) == 420


def test_r9_reserved_ports_count() -> None:
    rig = Rig(per_user=4)
    answers = []
    for client in clients(rig, 6):
        answers.append(code(client.allocate(even_port(reserve_next=True))))
        client.ask(Method.REFRESH, lifetime(0))
    assert answers == [0, 0, 0, 0, 486, 486]
    rig.pass_time(31)
    assert code(Client(rig).allocate()) == 0


def test_a_retransmission_is_of_the_same_user() -> None:
    rig = Rig()
    client, other = Client(rig), Client(rig, "bob")
    other.key_of = client.key_of
    transaction_id = client.transaction()
    assert code(client.ask(Method.ALLOCATE, requested_transport(17), transaction_id=transaction_id)) == 0
    assert code(other.ask(Method.ALLOCATE, requested_transport(17), transaction_id=transaction_id)) == 437
