"""CreatePermission and ChannelBind (RFC 8656 §10.2, §12.2), and what ends by itself."""

from __future__ import annotations

import pytest

from seaway.core.turn.io import ChannelFlowAdded, ChannelFlowRemoved, SendToPeer
from seaway.wire.stun.address import xor_peer_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import channel_number
from seaway.wire.stun.methods import Method

from .rig import PEER, PEER6, Client, Rig, code, config, networks, of


def ready(**changes: object) -> tuple[Rig, Client]:
    rig = Rig(**changes)
    client = Client(rig)
    client.allocate()
    return rig, client


def test_permission_of_five_minutes() -> None:
    rig, client = ready()
    client.permit(PEER)
    rig.pass_time(299.9)
    assert client.send(b"x") and rig.peer(client.relay, b"x")
    rig.pass_time(0.2)
    assert not client.send(b"x") and not rig.peer(client.relay, b"x")
    assert code(client.permit(PEER)) == 0
    assert client.send(b"x")


def test_several_peers_in_one_request() -> None:
    _rig, client = ready()
    assert code(client.permit(PEER, ("8.8.4.4", 1))) == 0
    assert client.send(b"x", ("8.8.4.4", 9)) and client.send(b"x")
    # all or none
    assert code(client.permit(("1.1.1.1", 1), ("127.0.0.1", 1))) == 403
    assert not client.send(b"x", ("1.1.1.1", 1))


def test_wrong_requests() -> None:
    _rig, client = ready()
    assert code(client.permit()) == 400
    assert code(client.ask(Method.CREATE_PERMISSION, Attribute(AttributeType.XOR_PEER_ADDRESS, b"\0\1"))) == 400
    assert code(client.permit(PEER6)) == 443
    assert code(client.bind(0x4000, PEER6)) == 443
    assert code(client.ask(Method.CHANNEL_BIND, channel_number(0x4000))) == 400
    assert code(client.ask(Method.CHANNEL_BIND, xor_peer_address(PEER, bytes(12)))) == 400
    assert code(client.bind(0x4000, (PEER[0], 0))) == 400


@pytest.mark.parametrize("number", [0, 0x3FFF, 0x8000, 0xFFFF])
def test_channel_numbers(number: int) -> None:
    _, client = ready()
    assert code(client.bind(number)) == 400
    assert code(client.bind(0x4000)) == 0


@pytest.mark.parametrize("number", [0x4000, 0x4FFF, 0x5000, 0x7FFF])
def test_channel_numbers_of_rfc5766_are_good(number: int) -> None:
    _, client = ready()
    assert code(client.bind(number)) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "10.9.0.1", "4.4.4.4", "10.8.0.1", "169.254.169.254", "0.0.0.0"])
def test_r2_forbidden_peers(host: str) -> None:
    _rig, client = ready(allow=networks("0.0.0.0/0", "10.0.0.0/8"))
    assert code(client.permit((host, 80))) == 403
    assert code(client.bind(0x4000, (host, 80))) == 403
    assert code(client.permit(("10.7.0.1", 80))) == 0


def test_r1_folded_peers() -> None:
    rig = Rig(families=frozenset((4, 6)))
    client = Client(rig)
    client.allocate(Attribute(AttributeType.ADDITIONAL_ADDRESS_FAMILY, b"\2\0\0\0"))
    for host in ("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2600::5efe:7f00:1", "::1"):
        assert code(client.permit((host, 80))) == 403, host
    assert code(client.permit(("64:ff9b::808:808", 80))) == 0


def test_channel_of_ten_minutes() -> None:
    rig, client = ready()
    assert code(client.bind(0x4000)) == 0
    rig.pass_time(250)
    client.permit(PEER)
    client.ask(Method.REFRESH)
    rig.pass_time(280)
    client.permit(PEER)
    rig.pass_time(69.9)
    assert client.channel(0x4000, b"x")
    assert of(rig.pass_time(0.2), ChannelFlowRemoved)
    assert not client.channel(0x4000, b"x")
    (data,) = rig.peer(client.relay, b"x")  # the permission is still there
    assert data.data[:2] == b"\0\x17"  # type: ignore[union-attr]


def test_a_flow_needs_the_permission_too() -> None:
    rig, client = ready()
    client.bind(0x4000)
    assert len(of(rig.events, ChannelFlowAdded)) == 1
    gone = of(rig.pass_time(300.1), ChannelFlowRemoved)
    assert gone == [(client.key_of, 0x4000, client.relay, client.relay.local, PEER, False)]
    assert client.channel(0x4000, b"x") == [SendToPeer(client.relay, PEER, b"x")]
    assert rig.peer(client.relay, b"x") == []
    client.permit(PEER)
    assert len(of(rig.events, ChannelFlowAdded)) == 2
    client.bind(0x4000)  # a refresh tells nothing new
    assert len(of(rig.events, ChannelFlowAdded)) == 2


def test_one_number_one_peer() -> None:
    # RFC 8656 §12.2
    _, client = ready()
    assert code(client.bind(0x4000)) == 0
    assert code(client.bind(0x4000)) == 0
    assert code(client.bind(0x4000, ("8.8.4.4", 1))) == 400
    assert code(client.bind(0x4001)) == 400
    assert code(client.bind(0x4001, (PEER[0], 1))) == 0


def test_a_number_and_a_peer_rest_for_five_minutes() -> None:
    # RFC 8656 §12: a late packet must not be taken for one of the new binding
    rig, client = ready()
    client.bind(0x4000)

    def later(seconds: float) -> None:
        while seconds > 0:
            client.ask(Method.REFRESH)
            rig.pass_time(min(seconds, 400))
            client.nonce = b""
            seconds -= 400

    later(600.1)
    assert not client.channel(0x4000, b"x")
    assert code(client.bind(0x4000, ("8.8.4.4", 1))) == 400
    assert code(client.bind(0x4001)) == 400
    assert code(client.bind(0x4000)) == 0  # the same pair is good at any time
    later(899)
    assert code(client.bind(0x4001)) == 400
    later(2)
    assert code(client.bind(0x4001)) == 0
    assert code(client.bind(0x4000, ("8.8.4.4", 1))) == 0


def test_r9_caps_of_an_allocation() -> None:
    rig, client = ready()
    for number in range(64):
        assert code(client.bind(0x4000 + number, ("8.8.8.8", 1 + number))) == 0
    assert code(client.bind(0x4100, ("8.8.8.8", 100))) == 508
    assert code(client.bind(0x4000, ("8.8.8.8", 1))) == 0
    for number in range(63):
        assert code(client.permit((f"8.8.9.{number}", 1))) == 0
    assert code(client.permit(("8.8.10.1", 1))) == 508
    assert code(client.permit(("8.8.9.1", 1))) == 0
    rig.pass_time(301)
    assert code(client.permit(("8.8.10.1", 1))) == 0


def test_timers_do_not_pile_up() -> None:
    rig, client = ready()
    for _ in range(500):
        client.permit(PEER)
        client.bind(0x4000)
        client.ask(Method.REFRESH)
        rig.now += 1
    assert len(rig.server._timers._heap) < 10


def test_new_settings_take_back_what_they_forbid() -> None:
    rig, client = ready(allow=networks("10.7.0.0/16"))
    other = Client(rig, "bob")
    other.allocate()
    relay = ("4.4.4.4", other.relay.local[1])
    for number, peer in enumerate([("10.7.0.1", 9), PEER, relay]):
        assert code(client.bind(0x4000 + number, peer)) == 0
    rig.server.update(config(users={"alice": rig.config.users["alice"]}))
    assert [each.peer for each in of(rig.drain(), ChannelFlowRemoved)] == [("10.7.0.1", 9)]
    assert not client.channel(0x4000, b"x") and not client.send(b"x", ("10.7.0.1", 9))
    assert client.channel(0x4001, b"x") and client.channel(0x4002, b"x")
    assert code(client.bind(0x4003, ("10.7.0.1", 9))) == 403
    assert code(client.ask(Method.REFRESH)) == 0
    assert code(other.ask(Method.REFRESH)) == 401  # no longer a user
