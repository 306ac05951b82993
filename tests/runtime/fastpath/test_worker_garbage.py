"""Anything at the worker's two doors: datagrams on its ports, messages on its control socket. It must go on as before.

Run with SEAWAY_TEST_WORKER=dataplane/build/seaway-worker-asan (`make -C dataplane worker-asan`) for the sanitizers'
opinion; SEAWAY_TEST_GARBAGE is the number of datagrams.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.media.flows import FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.worker_protocol import Operation, encode_flow, encode_request
from seaway.runtime.ipc import dial_packets
from tests.runtime.fastpath.worker_rig import Rig, at, flow, rig, rtp

COUNT = int(os.environ.get("SEAWAY_TEST_GARBAGE", "4000"))


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def still_relays(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    worker.table.add(flow(port, phone, port, far))
    phone.sendto(rtp(1), at(port))
    assert far.recv(2000) == rtp(1)


def garbage(chance: random.Random) -> bytes:
    fronts = (b"", b"\x80", b"\x90\x00", b"\x80\xc8", b"\x40\x01", b"\x40\x01\x00\x10\x80", b"\0\0\0\x09\x90")
    size = chance.choice((0, 1, 3, 4, 7, 8, 11, 12, 13, 40, 172, 1400, 9000))
    return (chance.choice(fronts) + chance.randbytes(size))[: chance.choice((size, size + 4))]


def test_datagrams(worker: Rig) -> None:
    chance = random.Random(7)
    phone, far = worker.udp("127.0.1.1"), worker.udp("127.0.1.2")
    plain, channel, mux = worker.port(), worker.port(kind=PortKind.CHANNEL), worker.port(kind=PortKind.MUX)
    worker.table.add(flow(plain, phone, channel, far, add=Prefix(PortKind.CHANNEL, 0x4001)))
    worker.table.add(flow(channel, phone, plain, far, prefix=0x4001, kind=FlowKind.DATA))
    worker.table.add(flow(mux, phone, mux, far, prefix=9, add=Prefix(PortKind.MUX, 9)))
    for number in range(COUNT):
        to = at(chance.choice((plain, channel, mux)))
        if number % 8 == 0:  # many in one: UDP_SEGMENT
            data = chance.randbytes(chance.randrange(60, 1400))
            size = max(len(data) // chance.randrange(1, 30), 4)
            front = chance.choice((b"\x80\x00", b"\x40\x01\x00\x02", b"\0\0\0\x09\x80\x00"))
            phone.sendmsg([front + data], [(socket.IPPROTO_UDP, 103, size.to_bytes(2, "little"))], 0, to)
        else:
            phone.sendto(garbage(chance), to)
        if number % 256 == 0:
            list(worker.table.receive())
            assert worker.process.poll() is None
    totals = worker.table.totals()
    assert totals is not None and totals.passed > COUNT / 50 and totals.up > COUNT / 10
    still_relays(worker)


def test_messages(worker: Rig) -> None:
    chance = random.Random(8)
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    good = encode_request(Operation.ADD, encode_flow(flow(port, phone, port, far)))
    for _ in range(max(COUNT // 20, 50)):
        client = dial_packets(worker.path, timeout=3.0)
        with client:
            if chance.random() < 0.9:
                client.send(encode_request(Operation.HELLO, a=chance.randrange(0, 9), number=1))
            for _ in range(chance.randrange(1, 20)):
                talk(client, chance, good)
    worker.table.close()
    worker.table = type(worker.table)(worker.path, 1)
    still_relays(worker)


def talk(client: socket.socket, chance: random.Random, good: bytes) -> None:
    message = bytearray(good if chance.random() < 0.5 else chance.randbytes(chance.choice((1, 7, 8, 28, 56, 128, 300))))
    message[0] = chance.randrange(0, 12) if chance.random() < 0.9 else message[0]
    for _ in range(chance.choice((0, 1, 3))):
        message[chance.randrange(len(message))] = chance.randrange(256)
    try:
        if chance.random() < 0.3:
            with open("/dev/null", "rb") as other:
                descriptors = [other.fileno(), client.fileno(), 0][: chance.randrange(1, 4)]
                socket.send_fds(client, [bytes(message)], descriptors)
        else:
            client.send(bytes(message))
        if chance.random() < 0.5:
            for descriptor in socket.recv_fds(client, 70000, 4)[1]:
                os.close(descriptor)
    except (BrokenPipeError, ConnectionResetError):
        return  # it closed: what was sent was too long


def test_a_client_that_reads_no_answers(worker: Rig) -> None:
    """Answers that find no room stop the reading of more questions, and nothing else."""
    client = dial_packets(worker.path, timeout=0.2)
    client.send(encode_request(Operation.HELLO, a=3, number=1))
    with client, pytest.raises(TimeoutError):
        for _ in range(100000):
            client.send(encode_request(Operation.TOTALS))
    still_relays(worker)


def test_more_clients_than_there_is_room_for(worker: Rig) -> None:
    clients = [dial_packets(worker.path, timeout=3.0) for _ in range(40)]
    assert [each.recv(100) for each in clients[20:]] == [b""] * 20
    for each in clients:
        each.close()
    worker.until(lambda: worker.table.totals() is not None)
    dial_packets(worker.path, timeout=3.0).close()
    still_relays(worker)
