"""Long-term credentials: challenge, algorithms, nonces, time-limited users (RFC 8489 §9.2; R6, R7, R11)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import tracemalloc

import pytest

from seaway.core.turn.config import UserKeys, user_keys
from seaway.core.turn.io import AllocationExpired, AuthenticationFailed, ClientKey
from seaway.wire.stun.allocation import requested_transport
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.channel_data import channel_number
from seaway.wire.stun.header import MessageClass
from seaway.wire.stun.lifetime import decode_lifetime
from seaway.wire.stun.message import Message, decode, encode
from seaway.wire.stun.methods import Method
from seaway.wire.stun.password_algorithm import (
    nonce_features,
    password_algorithm,
    password_algorithms,
    userhash,
)
from seaway.wire.stun.text import software, username

from .rig import REALM, SERVER, Client, Rig, code, of, value

SHA256 = (password_algorithms([2, 1]), password_algorithm(2))
LONG = software("x" * 60)  # makes room for a whole challenge


def challenge(client: Client, *attributes: Attribute) -> Message:
    answer = client.rig.answer(client.bare(Method.ALLOCATE, *attributes), client.key_of)
    assert answer is not None
    return decode(answer)


def sha256_client(rig: Rig, user: str = "alice") -> Client:
    """One that got the algorithms offered, and uses SHA-256 for password and integrity."""
    client = Client(rig, user, sha256=True)
    client.nonce = value(challenge(client, LONG), AttributeType.NONCE)
    client.key = hashlib.sha256(f"{user}:{REALM}:pw-{user}".encode()).digest()
    return client


def test_challenge() -> None:
    client = Client(Rig())
    message = challenge(client, LONG)
    assert code(message) == 401
    assert value(message, AttributeType.REALM) == REALM.encode()
    assert value(message, AttributeType.PASSWORD_ALGORITHMS) == password_algorithms([2, 1]).value
    assert nonce_features(value(message, AttributeType.NONCE)) == (True, True)
    assert value(message, AttributeType.SOFTWARE) == b"Seaway"
    assert message.first(AttributeType.MESSAGE_INTEGRITY) is None


def test_md5_without_algorithms_is_the_old_client() -> None:
    assert code(Client(Rig()).allocate()) == 0


def test_sha256() -> None:
    client = sha256_client(Rig())
    assert code(client.allocate(*SHA256)) == 0
    answer = client.ask(Method.REFRESH, *SHA256)
    assert code(answer) == 0 and answer.first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None


def test_the_answer_is_signed_by_the_algorithm_of_the_request() -> None:
    # RFC 8489 §9.2.4: SHA-256, unless the request named no algorithm
    rig = Rig()
    client = Client(rig)
    client.allocate()
    for sha256 in (False, True):
        answer = client.ask(Method.REFRESH, sha256=sha256)
        assert answer.first(AttributeType.MESSAGE_INTEGRITY) is not None
    client = sha256_client(rig)
    client.key = client_md5 = Client(rig).key
    answer = client.allocate(password_algorithms([2, 1]), password_algorithm(1))
    assert answer.first(AttributeType.MESSAGE_INTEGRITY) is None and answer.has_integrity(client_md5)


def test_bidding_down_is_refused() -> None:
    # RFC 8489 §9.2.4: the list must be ours, the choice in it, and neither without the other
    for bad in (
        (password_algorithms([1]), password_algorithm(1)),
        (password_algorithms([1, 2]), password_algorithm(2)),
        (password_algorithms([2, 1]), password_algorithm(9)),
        (password_algorithms([2, 1]),),
        (password_algorithm(2),),
        (password_algorithms([2, 1]), Attribute(AttributeType.PASSWORD_ALGORITHM, b"")),
    ):
        client = sha256_client(Rig())
        assert code(client.allocate(*bad)) == 400
    client = sha256_client(Rig())
    assert code(client.allocate(*SHA256)) == 0


def test_the_features_of_a_nonce_cannot_be_changed() -> None:
    client = Client(Rig())
    nonce = value(challenge(client, LONG), AttributeType.NONCE)
    client.nonce = nonce[13:]
    assert code(client.allocate()) == 438
    client.nonce = b"obMatJos2AAAA" + nonce[13:]
    assert code(client.allocate()) == 438
    client.nonce = nonce
    assert code(client.allocate()) == 0


def test_an_algorithm_that_is_off() -> None:
    rig = Rig(md5=False)
    client = Client(rig)
    client.nonce = value(challenge(client, LONG), AttributeType.NONCE)
    assert code(client.allocate()) == 400
    rig = Rig(sha256=False)
    client = Client(rig)
    answer = challenge(client, LONG)
    assert answer.first(AttributeType.PASSWORD_ALGORITHMS) is None
    assert nonce_features(value(answer, AttributeType.NONCE)) is None
    assert code(client.allocate()) == 0
    rig = Rig(users={"alice": UserKeys(md5=user_keys("alice", REALM, "pw-alice").md5)})
    assert code(sha256_client(rig).allocate(*SHA256)) == 401
    assert code(Client(rig).allocate()) == 0


def test_userhash() -> None:
    rig = Rig()
    client = Client(rig)
    client.learn()

    def asked(user: str) -> Message:
        attributes = (
            requested_transport(17),
            Attribute(AttributeType.USERHASH, userhash(user, REALM)),
            Attribute(AttributeType.REALM, REALM.encode()),
            Attribute(AttributeType.NONCE, client.nonce),
        )
        data = encode(MessageClass.REQUEST, Method.ALLOCATE, client.transaction(), attributes, key=client.key)
        answer = rig.answer(data, client.key_of)
        assert answer is not None
        return decode(answer)

    assert code(asked("nobody")) == 401
    assert code(asked("alice")) == 0


def test_what_is_missing_is_400() -> None:
    client = Client(Rig())
    client.learn()
    whole = [
        username("alice"),
        Attribute(AttributeType.REALM, REALM.encode()),
        Attribute(AttributeType.NONCE, client.nonce),
    ]
    for index in range(3):
        some = [requested_transport(17), *whole[:index], *whole[index + 1 :]]
        data = encode(MessageClass.REQUEST, Method.ALLOCATE, client.transaction(), some, key=client.key)
        answer = client.rig.answer(data, client.key_of)
        assert answer is not None and code(decode(answer)) == 400
    assert not client.rig.server.allocations


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "x"), ("", "x")])
def test_wrong_user_or_password(user: str, password: str) -> None:
    rig = Rig()
    client = Client(rig, user, password)
    answer = client.allocate()
    assert code(answer) == 401
    assert value(answer, AttributeType.NONCE) and answer.first(AttributeType.MESSAGE_INTEGRITY) is None
    (failed,) = of(rig.events, AuthenticationFailed)
    assert failed.user == user and failed.method == Method.ALLOCATE
    assert not rig.ports.tried


def test_a_known_client_with_a_wrong_key_is_refused() -> None:
    client = Client(Rig())
    client.allocate()
    good, client.key = client.key, b"x" * 16
    assert code(client.ask(Method.REFRESH)) == 401
    client.key = good
    assert code(client.ask(Method.REFRESH)) == 0


def test_wrong_realm() -> None:
    client = Client(Rig())
    client.learn()
    attributes = (username("alice"), Attribute(AttributeType.REALM, b"other"), Attribute(0x15, client.nonce))
    data = encode(MessageClass.REQUEST, Method.ALLOCATE, client.transaction(), attributes, key=client.key)
    answer = client.rig.answer(data, client.key_of)
    assert answer is not None and code(decode(answer)) == 401


def test_r6_a_nonce_is_for_its_time_and_its_source() -> None:
    rig = Rig(nonce_lifetime=100.0)
    client = Client(rig)
    client.allocate()
    rig.pass_time(99)
    assert code(client.ask(Method.REFRESH)) == 0
    rig.pass_time(2)
    stale = client.ask(Method.REFRESH)
    assert code(stale) == 438
    client.nonce = value(stale, AttributeType.NONCE)
    assert code(client.ask(Method.REFRESH)) == 0
    other = Client(rig, remote=("9.9.9.8", 5000))
    other.nonce = client.nonce
    assert code(other.allocate()) == 438
    same_host = Client(rig, remote=("9.9.9.9", 5001))
    same_host.nonce = client.nonce
    assert code(same_host.allocate()) == 0


def test_r7_integrity_comes_before_every_other_attribute() -> None:
    """What is asked for may be as wrong as it likes: somebody unproven hears about the proof only."""
    rig = Rig()
    client = Client(rig, password="wrong")
    client.learn()
    wrong = [
        (Method.ALLOCATE, requested_transport(99)),
        (Method.ALLOCATE, Attribute(AttributeType.EVEN_PORT, b"too long")),
        (Method.REFRESH, Attribute(AttributeType.LIFETIME, b"")),
        (Method.CHANNEL_BIND, channel_number(1)),
        (Method.CREATE_PERMISSION, Attribute(0x7777, b"unknown")),
    ]
    for method, attribute in wrong:
        answer = rig.answer(client.raw(method, attribute), client.key_of)
        assert answer is not None and code(decode(answer)) == 401
    assert not rig.ports.tried and not rig.server.allocations


def test_r7_a_flood_of_strangers_leaves_nothing() -> None:
    rig = Rig()
    datagrams = []
    for number in range(20_000):
        data = encode(MessageClass.REQUEST, Method.ALLOCATE, number.to_bytes(12, "big"), (requested_transport(17),))
        host = f"{number % 223 + 1}.{number >> 8 & 255}.{number & 255}.7"
        datagrams.append((data, ClientKey("udp", SERVER, (host, number % 60000 + 1))))
    forged = Client(rig, "mallory", "guess")
    forged.learn()
    signed = forged.raw(Method.ALLOCATE, requested_transport(17))
    answer_to(rig, datagrams[:100], signed)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    answered = answer_to(rig, datagrams, signed)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert answered == 40_000
    assert grown < 1_000_000, grown
    assert not rig.ports.tried and rig.server.next_deadline() is None


def answer_to(rig: Rig, datagrams: list[tuple[bytes, ClientKey]], signed: bytes) -> int:
    """Each answer is no longer than three times its request."""
    answered = 0
    for data, client in datagrams:
        for each in (data, signed):
            rig.server.receive(each, client, rig.now, rig.wall)
            while (output := rig.server.next_output()) is not None:
                if isinstance(output, AuthenticationFailed):
                    continue
                assert len(output.data) <= 3.0 * len(each)  # type: ignore[union-attr]
                answered += 1
    return answered


@pytest.mark.parametrize("realm", ["r", REALM, "r" * 28])
@pytest.mark.parametrize("fingerprint", [True, False])
@pytest.mark.parametrize("octets", [0, 8, 12, 20, 40, 100])
def test_answers_to_strangers_are_small(realm: str, fingerprint: bool, octets: int) -> None:
    rig = Rig(realm=realm, users={})
    client = ClientKey("udp", SERVER, ("9.9.9.9", 5000))
    padding = () if octets == 0 else (Attribute(0x8077, bytes(octets - 4)),)
    for method in (Method.BINDING, Method.ALLOCATE, Method.REFRESH):
        data = encode(MessageClass.REQUEST, method, bytes(12), padding, fingerprint=fingerprint)
        answer = rig.answer(data, client)
        if len(data) - 8 * fingerprint >= 28:  # what browsers begin with
            assert answer is not None and value(decode(answer), AttributeType.NONCE)
        if answer is not None:
            assert len(answer) <= 3 * len(data)


def test_streams_get_the_whole_challenge() -> None:
    client = Client(Rig(), transport="tcp")
    message = challenge(client)
    assert value(message, AttributeType.SOFTWARE) == b"Seaway"
    assert value(message, AttributeType.PASSWORD_ALGORITHMS)


def test_fingerprint_as_in_the_request() -> None:
    client = Client(Rig())
    client.learn()
    data = client.raw(Method.ALLOCATE, requested_transport(17), fingerprint=True)
    answer = client.rig.answer(data, client.key_of)
    assert answer is not None and decode(answer).fingerprint_ok() is True
    assert decode(answer).has_integrity(client.key)


# Time-limited users


def timed(rig: Rig, name: str, secret: bytes = b"shared") -> Client:
    password = base64.b64encode(hmac.digest(secret, name.encode(), "sha1")).decode()
    return Client(rig, name, password)


def test_time_limited_user() -> None:
    rig = Rig(secrets=(b"shared", b"old"))
    ends = round(rig.wall) + 100
    assert code(timed(rig, f"{ends}:dora").allocate()) == 0
    assert code(timed(rig, f"{ends}").allocate()) == 0
    assert code(timed(rig, f"{ends}:dora", b"old").allocate()) == 0
    assert code(timed(rig, f"{ends}:dora", b"other").allocate()) == 401
    assert code(timed(rig, f"{round(rig.wall) - 1}:dora").allocate()) == 401
    for odd in (f"+{ends}:x", f" {ends}:x", f"{ends}_0:x", ":x", "x", "9" * 30 + ":x", "\u0661\u0662:x"):
        assert code(timed(rig, odd).allocate()) == 401
    assert {each.reason for each in of(rig.events, AuthenticationFailed)} == {
        "wrong password", "expired", "unknown user",
    }  # fmt: skip


def test_r11_a_credential_ends_with_its_time() -> None:
    rig = Rig(secrets=(b"shared",))
    ends = round(rig.wall) + 100
    client = timed(rig, f"{ends}:dora")
    answer = client.allocate(Attribute(AttributeType.LIFETIME, (3600).to_bytes(4, "big")))
    assert decode_lifetime(value(answer, AttributeType.LIFETIME)) == 700  # its end and one lifetime
    rig.pass_time(99)
    assert code(client.ask(Method.REFRESH)) == 0
    rig.pass_time(2)
    late = timed(rig, f"{ends}:dora")
    assert code(late.allocate()) == 401  # nothing new
    answer = client.ask(Method.REFRESH)  # what there is goes on
    assert code(answer) == 0
    assert decode_lifetime(value(answer, AttributeType.LIFETIME)) == 599
    assert code(client.permit(("8.8.8.8", 1))) == 0
    rig.pass_time(598)
    client.nonce = value(challenge(client, LONG), AttributeType.NONCE)
    assert code(client.ask(Method.REFRESH)) == 0
    assert len(of(rig.pass_time(3), AllocationExpired)) == 1
    assert code(client.ask(Method.REFRESH)) == 401


def test_r11_no_secret_in_events_or_settings() -> None:
    rig = Rig(secrets=(b"topsecret",))
    client = Client(rig)
    client.allocate()
    Client(rig, password="guess").allocate()
    text = repr(rig.events) + repr(rig.config) + repr(rig.config.users) + str(rig.server.__dict__)
    keys = rig.config.users["alice"]
    for secret in ("topsecret", "pw-alice", "guess", repr(keys.md5), repr(keys.sha256)):
        assert secret not in text.replace(repr(rig.config.secrets), "")
