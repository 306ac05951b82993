"""A TURN server on a clock of its own, relay ports that are names only, and a client that speaks by the codecs."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, TypeVar

from seaway.catalog.ports import PortRange
from seaway.core.turn.config import TurnConfig, user_keys
from seaway.core.turn.io import (
    Address,
    ClientKey,
    Family,
    Output,
    PortRefused,
    RelayKey,
    RelayTransport,
    SendToClient,
    SendToPeer,
)
from seaway.core.turn.server import TurnServer
from seaway.wire.stun.address import xor_peer_address
from seaway.wire.stun.allocation import requested_transport
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import channel_number, encode_channel_data
from seaway.wire.stun.error_code import decode_error_code
from seaway.wire.stun.header import MessageClass
from seaway.wire.stun.message import Message, decode, encode
from seaway.wire.stun.methods import Method
from seaway.wire.stun.text import username

REALM = "TANDBERG"
NIC = {4: "10.9.0.1", 6: "2001:db8:9::1"}
SERVER: Address = ("10.9.0.1", 3478)
PEER: Address = ("8.8.8.8", 40000)
PEER6: Address = ("2600::8", 40000)
T = TypeVar("T", bound=tuple[Any, ...])


def config(**changes: Any) -> TurnConfig:
    values: dict[str, Any] = {
        "realm": REALM,
        "relay_ports": PortRange(24000, 29999),
        "nonce_secret": b"n" * 16,
        "users": {name: user_keys(name, REALM, f"pw-{name}") for name in ("alice", "bob", "carol")},
        "public": {"10.9.0.1": "4.4.4.4"},
        "own": ("10.9.0.1", "10.8.0.1"),
    }
    return TurnConfig(**(values | changes))


class FakePorts:
    """Relay ports in a set; `taken` are in use by somebody else."""

    def __init__(self) -> None:
        self.open_now: set[RelayKey] = set()
        self.taken: set[int] = set()
        self.tried: list[int] = []
        self.full = False

    def open(self, family: Family, transport: RelayTransport, port: int) -> tuple[RelayKey, Address]:
        self.tried.append(port)
        if self.full or port in self.taken:
            raise PortRefused(in_use=not self.full)
        key = RelayKey(transport, (NIC[family], port))
        assert key not in self.open_now
        self.open_now.add(key)
        return key, key.local

    def close(self, key: RelayKey) -> None:
        self.open_now.remove(key)


class Rig:
    """`now` is the monotonic clock, `wall` follows it."""

    def __init__(self, seed: int = 1, **changes: Any) -> None:
        self.random = random.Random(seed)
        self.ports = FakePorts()
        self.now = 1000.0
        self.epoch = 1_800_000_000.0
        self.config = config(**changes)
        self.server = TurnServer(self.config, self.ports, self.random.randbytes, self.now, self.wall)
        self.events: list[Output] = []

    @property
    def wall(self) -> float:
        return self.epoch + self.now

    def give(self, data: bytes, client: ClientKey) -> list[Output]:
        self.server.receive(data, client, self.now, self.wall)
        return self.drain()

    def drain(self) -> list[Output]:
        found = list(iter(self.server.next_output, None))
        self.events += found
        return found

    def answer(self, data: bytes, client: ClientKey) -> bytes | None:
        """The one datagram to the client, if any."""
        sent = of(self.give(data, client), SendToClient)
        assert len(sent) <= 1 and all(each.client == client for each in sent)
        return sent[0].data if sent else None

    def pass_time(self, seconds: float) -> list[Output]:
        """All timers on the way fire at their time."""
        end, found = self.now + seconds, []
        while (deadline := self.server.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.server.handle_timeout(self.now)
            found += self.drain()
        self.now = end
        self.server.handle_timeout(end)
        return found + self.drain()

    def peer(self, relay: RelayKey, data: bytes, source: Address = PEER) -> list[Output]:
        self.server.peer_data(relay, source, data, self.now)
        return self.drain()


def of(outputs: list[Output], kind: type[T]) -> list[T]:
    return [each for each in outputs if isinstance(each, kind)]


class Client:
    """A client that learns realm and nonce from the challenge, and checks the integrity of what it gets."""

    _ports = iter(range(50000, 65000))

    def __init__(
        self, rig: Rig, user: str = "alice", password: str | None = None, *,
        transport: Any = "udp", remote: Address | None = None, sha256: bool = False,
    ) -> None:  # fmt: skip
        self.rig = rig
        self.user = user
        text = f"{user}:{REALM}:{password or 'pw-' + user}".encode()
        self.key = hashlib.md5(text).digest()
        self.sha256 = sha256
        self.nonce = b""
        self.key_of = ClientKey(transport, SERVER, remote or ("9.9.9.9", next(Client._ports)))

    def transaction(self) -> bytes:
        return self.rig.random.randbytes(12)

    def raw(self, method: int, *attributes: Attribute, **options: Any) -> bytes:
        """A request with the credentials known so far."""
        transaction_id = options.pop("transaction_id", None) or self.transaction()
        login = [
            username(self.user),
            Attribute(AttributeType.REALM, REALM.encode()),
            Attribute(AttributeType.NONCE, self.nonce),
        ]
        options.setdefault("key", self.key)
        options.setdefault("fingerprint", False)
        options.setdefault("sha256", self.sha256)
        return encode(MessageClass.REQUEST, method, transaction_id, (*attributes, *login), **options)

    def bare(self, method: int, *attributes: Attribute) -> bytes:
        return encode(MessageClass.REQUEST, method, self.transaction(), attributes, fingerprint=False)

    def learn(self) -> None:
        challenge = self.rig.answer(self.bare(Method.ALLOCATE, requested_transport(17)), self.key_of)
        assert challenge is not None
        self.nonce = value(decode(challenge), AttributeType.NONCE)

    def ask(self, method: int, *attributes: Attribute, **options: Any) -> Message:
        """The answer to a signed request; a success must be signed with our key."""
        if not self.nonce:
            self.learn()
        data = self.rig.answer(self.raw(method, *attributes, **options), self.key_of)
        assert data is not None
        message = decode(data)
        if message.message_class is MessageClass.SUCCESS:
            assert message.has_integrity(options.get("key", self.key))
        return message

    def allocate(self, *attributes: Attribute) -> Message:
        return self.ask(Method.ALLOCATE, requested_transport(17), *attributes)

    def permit(self, *peers: Address) -> Message:
        transaction_id = self.transaction()
        asked = [xor_peer_address(peer, transaction_id) for peer in peers]
        return self.ask(Method.CREATE_PERMISSION, *asked, transaction_id=transaction_id)

    def bind(self, number: int, peer: Address = PEER) -> Message:
        transaction_id = self.transaction()
        asked = (channel_number(number), xor_peer_address(peer, transaction_id))
        return self.ask(Method.CHANNEL_BIND, *asked, transaction_id=transaction_id)

    def send(self, data: bytes, peer: Address = PEER, *more: Attribute) -> list[SendToPeer]:
        transaction_id = self.transaction()
        attributes = (xor_peer_address(peer, transaction_id), Attribute(AttributeType.DATA, data), *more)
        indication = encode(MessageClass.INDICATION, Method.SEND, transaction_id, attributes, fingerprint=False)
        return of(self.rig.give(indication, self.key_of), SendToPeer)

    def channel(self, number: int, data: bytes) -> list[SendToPeer]:
        frame = encode_channel_data(number, data, stream=self.key_of.transport != "udp")
        return of(self.rig.give(frame, self.key_of), SendToPeer)

    @property
    def relay(self) -> RelayKey:
        """Of the one relay of this client."""
        (relay,) = self.rig.server._by_client[self.key_of].relays.values()
        return relay.key


def value(message: Message, kind: int) -> bytes:
    attribute = message.first(kind)
    assert attribute is not None, f"no {kind:#06x} in {message.attributes}"
    return attribute.value


def code(message: Message) -> int:
    """0 for a success."""
    if message.message_class is MessageClass.SUCCESS:
        return 0
    return decode_error_code(value(message, AttributeType.ERROR_CODE)).code


def clients(rig: Rig, number: int, **options: Any) -> Iterator[Client]:
    for _ in range(number):
        yield Client(rig, **options)


def networks(*texts: str) -> tuple[Any, ...]:
    return tuple(ip_network(text) for text in texts)
