"""SRTP in the worker: the same packets as the Python oracle's, on real sockets (rules R13, R14)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import Transform, transform_of
from seaway.media.flows import Cipher, Flow, FlowError
from seaway.runtime.fastpath.worker import Owner, WorkerTable, start_worker
from tests.runtime.fastpath.worker_rig import RTCP, STUN, WAIT, Rig, at, flow, program, rig, rtp

_IDS = count(1)
SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        if made.table.ciphers is None:
            pytest.skip("the worker was built without libcrypto")
        yield made


def master(number: int, suite: str = SUITE, mki: bytes = b"") -> MasterKey:
    return MasterKey.joined(suite, bytes([number]) * (SUITES[suite].key + SUITES[suite].salt), mki)


def kept(worker: Rig, key: MasterKey, *, sends: bool = False, known: tuple[tuple[int, int, int], ...] = ()) -> int:
    cipher = Cipher(next(_IDS), key, sends, known)
    worker.table.keep(cipher)
    return cipher.id


class Ends:
    """A phone with SRTP, a far side with RTP, the worker between them."""

    def __init__(self, worker: Rig, suite: str = SUITE, mki: bytes = b"") -> None:
        self.phone, self.far = worker.udp("127.0.1.1"), worker.udp("127.0.1.2")
        self.near, self.out = worker.port(), worker.port()
        self.theirs, self.ours = master(1, suite, mki), master(2, suite, mki)
        self.opens, self.seals = kept(worker, self.theirs), kept(worker, self.ours, sends=True)
        self.there: Flow = replace(flow(self.near, self.phone, self.out, self.far), receive=self.opens)
        self.back: Flow = replace(flow(self.out, self.far, self.near, self.phone), send=self.seals)
        worker.table.add(self.there)
        worker.table.add(self.back)
        self.sealing: Transform = transform_of(self.theirs)
        self.opening: Transform = transform_of(self.ours)

    def heard(self, data: bytes) -> bytes:
        self.phone.sendto(data, at(self.near))
        return self.far.recv(9000)


@pytest.mark.parametrize("mki", [b"", b"\x01\x02\x03\x04"], ids=["", "mki"])
@pytest.mark.parametrize("suite", SUITES)
def test_rtp_and_rtcp_are_opened_and_sealed_as_by_the_oracle(worker: Rig, suite: str, mki: bytes) -> None:
    ends = Ends(worker, suite, mki)
    extended = b"\x92\x00\x00\x09" + rtp(9)[4:12] + bytes(8) + b"\xbe\xde\x00\x01abcd" + b"voice"  # 2 CSRCs, extension
    for packet in (rtp(7), rtp(8, b""), extended, rtp(10, b"v" * 1300)):
        index = packet[2] << 8 | packet[3]
        assert ends.heard(ends.sealing.seal_rtp(packet, index)) == packet
        ends.far.sendto(packet, at(ends.out))
        assert ends.phone.recv(9000) == ends.opening.seal_rtp(packet, index)
    report = RTCP + bytes(20)
    for index in (0, 1, 5):
        assert ends.heard(ends.sealing.seal_rtcp(report, index)) == report
    for index in (0, 1, 2):
        ends.far.sendto(report, at(ends.out))
        assert ends.phone.recv(9000) == ends.opening.seal_rtcp(report, index)
    counters = worker.table.read(ends.there.key)
    assert counters is not None and (counters.packets, counters.rtcp_packets, counters.unauthenticated) == (7, 3, 0)


def test_sealed_anew_between_two_suites(worker: Rig) -> None:
    phone, far, near, out = worker.udp("127.0.1.1"), worker.udp("127.0.1.2"), worker.port(), worker.port()
    one, two = master(1), master(3, "AEAD_AES_256_GCM")
    there = replace(flow(near, phone, out, far), receive=kept(worker, one), send=kept(worker, two, sends=True))
    worker.table.add(there)
    for index in (1, 2, 3):
        phone.sendto(transform_of(one).seal_rtp(rtp(index), index), at(near))
        assert far.recv(2000) == transform_of(two).seal_rtp(rtp(index), index)


def test_r13_what_does_not_authenticate_is_dropped_and_counts_nowhere_else(worker: Rig) -> None:
    ends = Ends(worker)
    good = ends.sealing.seal_rtp(rtp(1), 1)
    assert ends.heard(good) == rtp(1)
    before = worker.table.read(ends.there.key)
    assert before is not None
    bad = [good, rtp(2), rtp(2, b"x" * 60), ends.opening.seal_rtp(rtp(2), 2), good[:-1], RTCP, RTCP + bytes(30)]
    bad += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(2, len(good))]
    for data in bad:
        ends.phone.sendto(data, at(ends.near))
    assert ends.heard(ends.sealing.seal_rtp(rtp(3), 3)) == rtp(3)
    after = worker.table.read(ends.there.key)
    assert after is not None and after.unauthenticated == len(bad)
    assert (after.packets, after.lost, after.reordered) == (before.packets + 1, 1, 0)
    assert worker.table.receive() == []  # none came up: Python has nothing to do with them


def test_r14_very_many_bad_packets_change_nothing(worker: Rig) -> None:
    ends = Ends(worker, "AEAD_AES_128_GCM")
    bad = rtp(2, b"x" * 160)
    ends.phone.setsockopt(17, 103, len(bad))  # UDP_SEGMENT
    assert ends.heard(ends.sealing.seal_rtp(rtp(1, b"y" * 144), 1)) == rtp(1, b"y" * 144)
    for _ in range(500):
        ends.phone.sendto(bad * 60, at(ends.near))

    def counted() -> bool:
        counters = worker.table.read(ends.there.key)
        return counters is not None and counters.unauthenticated > 1000  # the rest did not fit the socket

    worker.until(counted)
    ends.phone.setsockopt(17, 103, 0)
    assert ends.heard(ends.sealing.seal_rtp(rtp(3), 3)) == rtp(3)


def test_packets_that_the_kernel_put_together_are_each_sealed(worker: Rig) -> None:
    """Sealed packets are longer than they came: they must not run into each other."""
    ends = Ends(worker)
    packets = [rtp(number, b"v" * 160) for number in range(1, 150)]
    ends.far.setsockopt(17, 103, len(packets[0]))
    for first in range(0, len(packets), 50):
        ends.far.sendto(b"".join(packets[first : first + 50]), at(ends.out))
    for number, packet in enumerate(packets, 1):
        assert ends.phone.recv(2000) == ends.opening.seal_rtp(packet, number)
    sealed = [ends.sealing.seal_rtp(packet, number) for number, packet in enumerate(packets, 1)]
    ends.phone.setsockopt(17, 103, len(sealed[0]))
    for first in range(0, len(sealed), 50):
        ends.phone.sendto(b"".join(sealed[first : first + 50]), at(ends.near))
    for packet in packets:
        assert ends.far.recv(2000) == packet


def test_to_verify_is_to_pass_authentic_packets_as_they_are(worker: Rig) -> None:
    for suite in SUITES:
        phone, far, near, out = worker.udp("127.0.1.1"), worker.udp("127.0.1.2"), worker.port(), worker.port()
        key = master(1, suite)
        made = replace(flow(near, phone, out, far), receive=kept(worker, key), verify=True)
        worker.table.add(made)
        sealing = transform_of(key)
        phone.sendto(rtp(1, b"x" * 40), at(near))
        for data in (sealing.seal_rtp(rtp(1), 1), sealing.seal_rtcp(RTCP, 3), sealing.seal_rtp(rtp(2), 2)):
            phone.sendto(data, at(near))
            assert far.recv(2000) == data
            phone.sendto(data, at(near))

        def all_counted(it: Flow = made) -> bool:
            counters = worker.table.read(it.key)
            return counters is not None and (counters.packets, counters.unauthenticated) == (3, 4)

        worker.until(all_counted)


def test_stun_and_what_is_too_long_goes_up(worker: Rig) -> None:
    ends = Ends(worker)
    for data in (STUN, ends.sealing.seal_rtp(rtp(1, b"v" * 3000), 1)):
        ends.phone.sendto(data, at(ends.near))
        assert worker.up() == [(at(ends.near), at(ends.phone), data)]
    sealed = ends.sealing.seal_rtp(rtp(1, b"v" * 3000), 1)
    assert worker.table.transform(ends.opens, sealed, rtcp=False) == rtp(1, b"v" * 3000)
    assert worker.table.transform(ends.opens, sealed, rtcp=False) is None


def test_indexes_are_common_to_flows_and_to_what_is_transformed(worker: Rig) -> None:
    ends = Ends(worker)
    assert ends.heard(ends.sealing.seal_rtp(rtp(5), 5)) == rtp(5)
    ends.far.sendto(RTCP, at(ends.out))
    ends.phone.recv(2000)
    ends.far.sendto(rtp(9), at(ends.out))
    ends.phone.recv(2000)
    assert worker.table.transform(ends.opens, ends.sealing.seal_rtp(rtp(5), 5), rtcp=False) is None
    assert worker.table.transform(ends.seals, rtp(9), rtcp=False) is None
    assert worker.table.transform(ends.seals, RTCP, rtcp=True) == ends.opening.seal_rtcp(RTCP, 1)
    assert worker.table.indexes(ends.opens) == ((7, 5, -1),)
    assert worker.table.indexes(ends.seals) == ((7, 9, 1),)


def test_what_is_known_goes_on_over_the_rollover(worker: Rig) -> None:
    key = master(1)
    opens = kept(worker, key, known=((7, 5 * 65536 + 65530, 77),))
    sealing = transform_of(key)
    for index, good in ((5 * 65536 + 65530, False), (6 * 65536 + 2, True), (5 * 65536 + 65535, True), (2, False)):
        packet = rtp(index & 0xFFFF)
        found = worker.table.transform(opens, sealing.seal_rtp(packet, index), rtcp=False)
        assert (found == packet) is good, index
    assert worker.table.transform(opens, sealing.seal_rtcp(RTCP, 77), rtcp=True) is None
    assert worker.table.transform(opens, sealing.seal_rtcp(RTCP, 78), rtcp=True) == RTCP
    fresh = kept(worker, key)
    assert worker.table.transform(fresh, sealing.seal_rtp(rtp(9), 3 * 65536 + 9), rtcp=False) == rtp(9)
    fresh = kept(worker, key)
    assert worker.table.transform(fresh, sealing.seal_rtp(rtp(9), 4 * 65536 + 9), rtcp=False) is None


def test_a_sender_forgets_no_source_and_a_receiver_the_first(worker: Rig) -> None:
    seals, opens = kept(worker, master(2), sends=True), kept(worker, master(1))
    for ssrc in range(64):
        assert worker.table.transform(seals, rtp(1, ssrc=ssrc), rtcp=False) is not None
        sealed = transform_of(master(1)).seal_rtp(rtp(1, ssrc=ssrc), 1)
        assert worker.table.transform(opens, sealed, rtcp=False) is not None
    assert worker.table.transform(seals, rtp(1, ssrc=99), rtcp=False) is None
    assert worker.table.transform(seals, rtp(2, ssrc=0), rtcp=False) is not None
    known = worker.table.indexes(opens)
    assert known is not None and len(known) == 16


def test_a_context_lives_as_long_as_its_flows_and_its_owner_wants(worker: Rig) -> None:
    ends = Ends(worker)
    ends.heard(ends.sealing.seal_rtp(rtp(5), 5))
    assert worker.table.leave(ends.opens) == ((7, 5, -1),)
    assert ends.heard(ends.sealing.seal_rtp(rtp(6), 6)) == rtp(6)  # its flow goes on
    worker.table.remove(ends.there.key)
    assert worker.table.leave(ends.opens) is None
    worker.table.remove(ends.back.key)
    assert worker.table.leave(ends.seals) == () and worker.table.indexes(ends.seals) is None


def test_the_next_process_of_an_owner_takes_contexts_over(worker: Rig) -> None:
    ends = Ends(worker)
    unused = kept(worker, master(9))
    ends.heard(ends.sealing.seal_rtp(rtp(5), 5))
    later = WorkerTable(worker.path, Owner.RELAY)
    try:
        assert later.indexes(unused) is None
        later.keep(Cipher(ends.opens, ends.theirs, False, ((7, 3, -1),)))
        assert later.indexes(ends.opens) == ((7, 5, -1),)
        assert ends.heard(ends.sealing.seal_rtp(rtp(6), 6)) == rtp(6)
        with pytest.raises(FlowError):
            later.keep(Cipher(ends.opens, master(8), False))
        other = WorkerTable(worker.path, Owner.TURN)
        assert other.indexes(ends.opens) is None
        other.close()
    finally:
        later.close()


def test_a_new_worker_gets_the_contexts_and_repeats_no_index(worker: Rig, tmp_path: Path) -> None:
    ends = Ends(worker)
    ends.heard(ends.sealing.seal_rtp(rtp(5), 5))
    ends.far.sendto(RTCP, at(ends.out))
    assert ends.phone.recv(2000) == ends.opening.seal_rtcp(RTCP, 0)
    for each in (ends.opens, ends.seals):
        worker.table.indexes(each)
    worker.process.kill()
    worker.process.wait(WAIT)
    worker.process = start_worker(worker.path, program=program())

    def back() -> bool:
        list(worker.table.receive())
        return worker.table.read(ends.there.key) is not None

    worker.until(back)
    assert ends.heard(ends.sealing.seal_rtp(rtp(6), 6)) == rtp(6)
    ends.phone.sendto(ends.sealing.seal_rtp(rtp(5), 5), at(ends.near))
    ends.far.sendto(RTCP, at(ends.out))
    found = ends.opening.open_rtcp(ends.phone.recv(2000))
    assert found is not None and found[0] > 4000


@pytest.mark.parametrize("wrong", ["unknown", "turned", "verify", "data"])
def test_a_flow_with_contexts_that_do_not_fit_is_refused(worker: Rig, wrong: str) -> None:
    from seaway.media.flows import FlowKind

    phone, far, near, out = worker.udp(), worker.udp(), worker.port(), worker.port()
    opens, seals = kept(worker, master(1)), kept(worker, master(2), sends=True)
    made = flow(near, phone, out, far, kind=FlowKind.DATA if wrong == "data" else FlowKind.MEDIA)
    made = {
        "unknown": replace(made, receive=4711),
        "turned": replace(made, receive=seals, send=opens),
        "verify": replace(made, receive=opens, send=seals, verify=True),
        "data": replace(made, receive=opens),
    }[wrong]
    with pytest.raises(FlowError):
        worker.table.add(made)
    assert worker.table.keys() == []


def test_an_mki_that_is_too_long_is_refused(worker: Rig) -> None:
    with pytest.raises(FlowError, match="MKI"):
        kept(worker, master(1, mki=bytes(17)))


def test_garbage_as_contexts_and_packets(worker: Rig) -> None:
    from seaway.runtime.fastpath.worker_protocol import Operation

    ends = Ends(worker)
    for body in (b"", bytes(8), os.urandom(1616), bytes(1616), b"\xff" * 1616, os.urandom(9000)):
        for operation in (Operation.CIPHER, Operation.UNCIPHER, Operation.INDEXES, Operation.TRANSFORM):
            worker.table._quietly(operation, body)
    for size in range(60):
        for rtcp in (False, True):
            data = os.urandom(size) if size % 2 else (RTCP if rtcp else rtp(1))[:size].ljust(size, b"\0")
            worker.table.transform(ends.opens, data, rtcp=rtcp)
            worker.table.transform(ends.seals, data, rtcp=rtcp)
    assert ends.heard(ends.sealing.seal_rtp(rtp(70), 70)) == rtp(70)


def test_one_packet_in_hand_is_not_lost_at_a_full_read(worker: Rig) -> None:
    """More packets than slots in one read."""
    ends = Ends(worker)
    ends.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    for number in range(1, 150):
        ends.phone.sendto(ends.sealing.seal_rtp(rtp(number), number), at(ends.near))
    assert [ends.far.recv(2000) for _ in range(149)] == [rtp(number) for number in range(1, 150)]
