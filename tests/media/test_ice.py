"""ICE-lite on a plain leg (RFC 8445 §2.5): who has the credential is a source, who nominates is where media goes."""

from __future__ import annotations

from itertools import count

import pytest

from seaway.core.traversal.probe_message import mapped_in_answer
from seaway.media.engine import SendPacket
from seaway.media.ice import MAX_PAIRS, IceLite
from seaway.media.protocol import Failed, Ice, Latched, Open, Opened, SetRemote, StreamRequest
from seaway.wire.stun.attribute import Attribute
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.text import username

from .cases import ALICE, BOB, BOB_RTCP, DEMUX, EVIL, PLAIN_INNER, PLAIN_OUTER, rtp
from .harness import FakePorts, make_engine

UFRAG, PASSWORD = "ufrg", "a-password-of-22-or-more"
TRANSACTIONS = count(1)
MAPPED = ("192.0.2.99", 3000)  # where Alice's NAT lets her out


def check(
    user: str = UFRAG + ":theirs", password: str = PASSWORD, *, nominate: bool = False, more: tuple[Attribute, ...] = ()
) -> bytes:
    attributes = [username(user), Attribute(0x0024, b"\x7e\xff\xff\xff"), Attribute(0x802A, bytes(8)), *more]
    if nominate:
        attributes.append(Attribute(0x0025, b""))
    transaction = next(TRANSACTIONS).to_bytes(12, "big")
    return encode(MessageClass.REQUEST, BINDING, transaction, tuple(attributes), key=password.encode())


class Bench:
    """Alice's leg has ICE, Bob's has none."""

    def __init__(self) -> None:
        self.ports = FakePorts()
        self.engine = make_engine(self.ports)
        opened = self.engine.command(Open(1, "s", "", (StreamRequest(PLAIN_OUTER, PLAIN_INNER),)), 0.0)
        assert isinstance(opened, Opened)
        (stream,) = opened.streams
        self.a, self.b = (self.ports.key_of(leg.rtp) for leg in (stream.a, stream.b))
        self.tell(Ice("s", 0, "a", UFRAG, PASSWORD))
        self.tell(SetRemote("s", 0, "a", ALICE, ("192.0.2.10", 40001), ("192.0.2.10",)))
        self.tell(SetRemote("s", 0, "b", BOB, BOB_RTCP, (BOB[0],)))
        self.put(self.b, BOB, rtp(1))

    def tell(self, command: Ice | SetRemote) -> None:
        assert self.engine.command(command, 0.1) is None

    def put(self, port: int, source: tuple[str, int], data: bytes) -> list[object]:
        self.engine.receive(data, port, source, 1.0)
        found = []
        while (output := self.engine.next_output()) is not None:
            found.append(output)
        return found

    def towards_alice(self) -> list[tuple[str, int]]:
        """Where Bob's packet goes."""
        return [each.remote for each in self.put(self.b, BOB, rtp(9)) if isinstance(each, SendPacket)]


def test_nothing_goes_anywhere_before_a_check() -> None:
    """R10: neither to the address in SDP, nor to who sends media from an allowed place."""
    bench = Bench()
    assert not bench.put(bench.a, ALICE, rtp(1)) and not bench.towards_alice()


def test_a_check_is_answered_and_opens_the_way() -> None:
    bench = Bench()
    asked = check(nominate=True)
    answer, latched = bench.put(bench.a, MAPPED, asked)
    assert isinstance(answer, SendPacket) and answer.remote == MAPPED
    assert mapped_in_answer(answer.data, PASSWORD.encode()) == (asked[8:20], MAPPED)
    assert isinstance(latched, Latched) and latched.source == MAPPED
    assert bench.towards_alice() == [MAPPED]
    (out,) = bench.put(bench.a, MAPPED, rtp(2))
    assert isinstance(out, SendPacket) and out.remote == BOB
    assert not bench.put(bench.a, ALICE, rtp(3)), "that one has proved nothing"


def test_the_nominated_source_is_the_one() -> None:
    bench = Bench()
    bench.put(bench.a, MAPPED, check())
    bench.put(bench.a, ALICE, check())
    assert bench.towards_alice() == [MAPPED], "the first before a nomination"
    bench.put(bench.a, ALICE, check(nominate=True))
    assert bench.towards_alice() == [ALICE]
    bench.put(bench.a, MAPPED, check())
    bench.put(bench.a, MAPPED, rtp(2))
    assert bench.towards_alice() == [ALICE], "neither a check nor media moves what was nominated"
    bench.tell(SetRemote("s", 0, "a", EVIL, EVIL, (EVIL[0],)))
    assert bench.towards_alice() == [ALICE], "nor does an address in SDP"


@pytest.mark.parametrize(
    "data",
    [
        check("other:theirs"), check(UFRAG), check(password="wrong"), check()[:-1] + b"x", b"\x00\x01", check()[:40],
        encode(MessageClass.INDICATION, BINDING, b"transaction1", (), key=PASSWORD.encode()),
        encode(MessageClass.REQUEST, BINDING, b"transaction1", (username(UFRAG + ":x"),)),
    ],
)  # fmt: skip
def test_what_is_no_check_changes_nothing(data: bytes) -> None:
    bench = Bench()
    assert not bench.put(bench.a, EVIL, data) and not bench.towards_alice()


def test_an_attribute_that_has_to_be_understood() -> None:
    bench = Bench()
    (answer,) = bench.put(bench.a, MAPPED, check(more=(Attribute(0x7777, b"x"),)))
    assert isinstance(answer, SendPacket) and decode(answer.data).message_class is MessageClass.ERROR
    assert not bench.towards_alice()


def test_the_same_credential_goes_on_another_is_a_restart() -> None:
    bench = Bench()
    bench.put(bench.a, MAPPED, check(nominate=True))
    bench.tell(Ice("s", 0, "a", UFRAG, PASSWORD))
    assert bench.towards_alice() == [MAPPED]
    bench.tell(Ice("s", 0, "a", "anew", PASSWORD))
    assert bench.towards_alice() == [MAPPED] and bench.put(bench.a, MAPPED, rtp(2)), "media goes on meanwhile"
    bench.put(bench.a, ALICE, check("anew:theirs", nominate=True))
    assert bench.towards_alice() == [ALICE]
    bench.tell(Ice("s", 0, "a", "", ""))
    bench.tell(SetRemote("s", 0, "a", ALICE, ALICE, (ALICE[0],)))
    assert bench.put(bench.a, ALICE, rtp(3)), "latching again"


def test_sources_are_bounded() -> None:
    ice = IceLite(UFRAG, PASSWORD)
    ice.receive(check(nominate=True), MAPPED, 0.0)
    for port in range(1, 100):
        ice.receive(check(), ("192.0.2.1", port), port / 100)
    assert ice.admits(MAPPED, 1.0) and ice.admits(("192.0.2.1", 99), 1.0)
    assert not ice.admits(("192.0.2.1", 1), 1.0) and len(ice._pairs) <= MAX_PAIRS


def test_a_later_relay_process_knows_it() -> None:
    bench = Bench()
    bench.put(bench.a, MAPPED, check(nominate=True))
    kept = bench.engine.take_changed()["s"]
    again = Bench.__new__(Bench)
    again.ports, again.engine, again.a, again.b = bench.ports, make_engine(FakePorts()), bench.a, bench.b
    assert again.engine.restore(kept, 2.0) is None
    session = again.engine._table.sessions["s"]
    component = session.streams[0].a.rtp
    assert component.ice is not None and component.ice.admits(MAPPED, 2.0)
    assert component.remote == component.ice.selected == MAPPED


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (Ice("x", 0, "a", UFRAG, PASSWORD), "no-session"), (Ice("s", 3, "a", UFRAG, PASSWORD), "no-stream"),
        (Ice("s", 0, "a", "abc", PASSWORD), "bad-ice"), (Ice("s", 0, "a", UFRAG, "short"), "bad-ice"),
        (Ice("d", 0, "a", UFRAG, PASSWORD), "not-plain"),
    ],
)  # fmt: skip
def test_commands_that_fail(command: Ice, what: str) -> None:
    bench = Bench()
    bench.engine.command(Open(2, "d", "", (StreamRequest(DEMUX, PLAIN_OUTER),)), 0.0)
    failed = bench.engine.command(command, 1.0)
    assert isinstance(failed, Failed) and failed.what == what and PASSWORD not in repr(command)
