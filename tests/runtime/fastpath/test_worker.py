from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.media.flows import FlowCounters, FlowError, FlowKey, FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.worker import Owner, WorkerTable, start_worker
from tests.runtime.fastpath.worker_rig import ROOT, RTCP, STUN, Rig, at, flow, program, rig, rtp


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def test_both_ways(worker: Rig) -> None:
    phone, far = worker.udp("127.0.1.1"), worker.udp("127.0.1.2")
    near_port, far_port = worker.port(), worker.port()
    there, back = flow(near_port, phone, far_port, far), flow(far_port, far, near_port, phone)
    worker.table.add(there)
    worker.table.add(back)
    for number in range(20):
        phone.sendto(rtp(number), at(near_port))
        assert far.recvfrom(2000) == (rtp(number), at(far_port))
        far.sendto(rtp(number, b"back"), at(far_port))
        assert phone.recvfrom(2000) == (rtp(number, b"back"), at(near_port))
    phone.sendto(RTCP, at(near_port))
    assert far.recv(2000) == RTCP
    counters = worker.table.read(there.key)
    assert counters is not None and counters.last_seen is not None
    assert (counters.packets, counters.octets, counters.rtcp_packets) == (21, 20 * 17 + 8, 1)
    assert sorted(worker.table.keys()) == sorted([there.key, back.key])


def test_without_connected_siblings(tmp_path: Path) -> None:
    """As on a host without descriptors to spare."""
    with rig(tmp_path, "--no-siblings") as worker:
        phone, far, port, out = worker.udp(), worker.udp(), worker.port(), worker.port()
        worker.table.add(flow(port, phone, out, far))
        phone.sendto(rtp(1), at(port))
        assert far.recvfrom(2000) == (rtp(1), at(out))
        totals = worker.table.totals()
        assert totals is not None and totals.siblings == 0


@pytest.mark.parametrize(
    "data", [STUN, b"", b"x", rtp(1)[:11], bytes.fromhex("16fefd") + bytes(20), b"\x80\xc8\x00\xff" * 2]
)
def test_what_is_no_media_goes_up(worker: Rig, data: bytes) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    key = flow(port, phone, port, far)
    worker.table.add(key)
    phone.sendto(data, at(port))
    assert worker.up() == [(at(port), at(phone), data)]
    assert worker.table.read(key.key) == FlowCounters()


def test_a_stranger_goes_up_while_the_flow_goes_on(worker: Rig) -> None:
    phone, stranger, far, port = worker.udp("127.0.1.1"), worker.udp("127.0.1.9"), worker.udp(), worker.port()
    worker.table.add(flow(port, phone, port, far))
    stranger.sendto(rtp(5), at(port))
    phone.sendto(rtp(6), at(port))
    assert far.recv(2000) == rtp(6)
    assert worker.up() == [(at(port), at(stranger), rtp(5))]


def test_data_passes_whatever_it_is(worker: Rig) -> None:
    peer, far, port = worker.udp(), worker.udp(), worker.port()
    made = flow(port, peer, port, far, kind=FlowKind.DATA)
    worker.table.add(made)
    for data in (STUN, b"", b"x" * 1400, rtp(3), rtp(1)):
        peer.sendto(data, at(port))
        assert far.recv(2000) == data
    counters = worker.table.read(made.key)
    assert counters is not None
    assert (counters.packets, counters.octets, counters.reordered, counters.max_gap_ms) == (5, 1454, 0, 0.0)


@pytest.mark.parametrize("channel", [0x4FFF, 0x5000, 0x7FFF])
def test_all_channel_numbers_of_rfc5766(worker: Rig, channel: int) -> None:
    """The kernel's engines take them too, and the core: see wire/stun/channel_data.py."""
    client, peer = worker.udp("127.0.1.1"), worker.udp("127.0.1.2")
    server, relayed = worker.port(kind=PortKind.CHANNEL), worker.port()
    worker.table.add(flow(server, client, relayed, peer, prefix=channel, kind=FlowKind.DATA))
    add = Prefix(PortKind.CHANNEL, channel)
    worker.table.add(flow(relayed, peer, server, client, add=add, kind=FlowKind.DATA))
    front = channel.to_bytes(2, "big")
    client.sendto(front + b"\0\3abc", at(server))
    assert peer.recvfrom(2000) == (b"abc", at(relayed))
    peer.sendto(b"hello", at(relayed))
    assert client.recvfrom(2000) == (front + b"\0\5hello", at(server))


def test_channel_data_both_ways(worker: Rig) -> None:
    client, peer = worker.udp("127.0.1.1"), worker.udp("127.0.1.2")
    server, relayed = worker.port(kind=PortKind.CHANNEL), worker.port()
    worker.table.add(flow(server, client, relayed, peer, prefix=0x4001, kind=FlowKind.DATA))
    add = Prefix(PortKind.CHANNEL, 0x4001)
    worker.table.add(flow(relayed, peer, server, client, add=add, kind=FlowKind.DATA))
    client.sendto(bytes.fromhex("40010003") + b"abc", at(server))
    assert peer.recvfrom(2000) == (b"abc", at(relayed))
    client.sendto(bytes.fromhex("40010003") + b"abc\0", at(server))  # padded, which UDP allows
    assert peer.recv(2000) == b"abc"
    client.sendto(bytes.fromhex("40010000"), at(server))
    assert peer.recv(2000) == b""
    peer.sendto(b"hello", at(relayed))
    assert client.recvfrom(2000) == (bytes.fromhex("40010005") + b"hello", at(server))


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("40020003") + b"abc",
        bytes.fromhex("40010004") + b"abc",
        b"\x40\x01\x00",
        STUN,
        bytes.fromhex("80010000"),
    ],
)
def test_other_channel_data_goes_up(worker: Rig, data: bytes) -> None:
    """Another channel, a length beyond the packet, cut short, STUN, no channel number."""
    client, peer, server = worker.udp(), worker.udp(), worker.port(kind=PortKind.CHANNEL)
    worker.table.add(flow(server, client, server, peer, prefix=0x4001, kind=FlowKind.DATA))
    client.sendto(data, at(server))
    assert worker.up() == [(at(server), at(client), data)]


def test_more_clients_of_a_port_than_it_has_siblings(worker: Rig) -> None:
    clients = [worker.udp(f"127.0.3.{number}") for number in range(1, 41)]
    server, relayed, peer = worker.port(kind=PortKind.CHANNEL), worker.port(), worker.udp()
    for number, client in enumerate(clients):
        channel = 0x4000 + number
        worker.table.add(flow(server, client, relayed, peer, prefix=channel, add=Prefix(PortKind.MUX, number)))
    phones = [worker.udp(f"127.0.4.{number}") for number in range(1, 41)]
    for number, (client, phone) in enumerate(zip(clients, phones, strict=True)):
        worker.table.add(flow(relayed, phone, server, client, add=Prefix(PortKind.CHANNEL, 0x4000 + number)))
    totals = worker.table.totals()
    assert totals is not None and totals.siblings == 16 + 16
    for number, (client, phone) in enumerate(zip(clients, phones, strict=True)):
        front = (0x4000 + number).to_bytes(2, "big") + len(rtp(number)).to_bytes(2, "big")
        client.sendto(front + rtp(number), at(server))
        assert peer.recvfrom(2000) == (number.to_bytes(4, "big") + rtp(number), at(relayed))
        phone.sendto(rtp(number), at(relayed))
        assert client.recvfrom(2000) == (front + rtp(number), at(server))


def test_multiplex_ids(worker: Rig) -> None:
    core, phones = worker.udp("127.0.1.1"), [worker.udp(f"127.0.2.{n}") for n in range(1, 4)]
    shared, port = worker.port(kind=PortKind.MUX), worker.port()
    for number, phone in enumerate(phones):
        worker.table.add(flow(shared, core, port, phone, prefix=0xFFFFFF00 + number))
        worker.table.add(flow(port, phone, shared, core, add=Prefix(PortKind.MUX, 0xFFFFFF00 + number)))
    for number, phone in enumerate(phones):
        prefix = (0xFFFFFF00 + number).to_bytes(4, "big")
        core.sendto(prefix + rtp(number), at(shared))
        assert phone.recvfrom(2000) == (rtp(number), at(port))
        phone.sendto(rtp(number, b"up"), at(port))
        assert core.recvfrom(2000) == (prefix + rtp(number, b"up"), at(shared))
    core.sendto(b"\0\0\0\1" + rtp(9), at(shared))
    core.sendto(bytes.fromhex("ffffff00") + STUN, at(shared))
    assert [each.data for each in worker.up(2)] == [b"\0\0\0\1" + rtp(9), bytes.fromhex("ffffff00") + STUN]


def test_between_address_families(worker: Rig) -> None:
    six, four = worker.udp("::1"), worker.udp("127.0.1.1")
    port6, port4 = worker.port("::1"), worker.port("127.0.0.1")
    worker.table.add(flow(port6, six, port4, four))
    worker.table.add(flow(port4, four, port6, six))
    six.sendto(rtp(1), at(port6))
    assert four.recvfrom(2000) == (rtp(1), at(port4))
    four.sendto(rtp(2), at(port4))
    assert six.recvfrom(2000)[0] == rtp(2)
    assert {each.local for each in list(worker.table.keys())} == {at(port6), at(port4)}
    stranger = worker.udp("::1")
    stranger.sendto(b"who", at(port6))
    assert worker.up() == [(at(port6), at(stranger), b"who")]


def in_segments(sender: socket.socket, to: tuple[str, int], packets: list[bytes]) -> None:
    """One datagram of the kernel that is segmented as late as possible (UDP_SEGMENT)."""
    size = len(packets[0]).to_bytes(2, sys.byteorder)
    sender.sendmsg([b"".join(packets)], [(socket.IPPROTO_UDP, 103, size)], 0, to)


@pytest.mark.parametrize("prefix", [None, 0x4005])
def test_segments_of_one_datagram(worker: Rig, prefix: int | None) -> None:
    phone, far, port = worker.udp("127.0.1.1"), worker.udp("127.0.1.2"), worker.port()
    add = None if prefix is None else Prefix(PortKind.CHANNEL, prefix)
    made = flow(port, phone, port, far, add=add)
    worker.table.add(made)
    packets = [rtp(number, bytes(100)) for number in range(30)] + [rtp(30, b"short")]
    in_segments(phone, at(port), packets)
    for packet in packets:
        front = b"" if prefix is None else bytes.fromhex("4005") + len(packet).to_bytes(2, "big")
        assert far.recv(2000) == front + packet
    counters = worker.table.remove(made.key)
    assert counters is not None and (counters.packets, counters.lost) == (31, 0)


def test_a_stranger_and_stun_in_segments(worker: Rig) -> None:
    """What cannot pass goes up by itself; its neighbours pass."""
    phone, far, port = worker.udp("127.0.1.1"), worker.udp("127.0.1.2"), worker.port()
    worker.table.add(flow(port, phone, port, far))
    in_segments(phone, at(port), [rtp(1, bytes(8)), STUN, rtp(2, bytes(8)), rtp(3, b"")])
    assert [far.recv(2000) for _ in range(3)] == [rtp(1, bytes(8)), rtp(2, bytes(8)), rtp(3, b"")]
    assert worker.up() == [(at(port), at(phone), STUN)]


@pytest.mark.parametrize("takes_segments", [True, False])
def test_what_came_in_one_read_leaves_as_it_came(tmp_path: Path, takes_segments: bool) -> None:
    """Packets of one read leave in runs; where the kernel refuses those (here: without checksums), one by one."""
    with rig(tmp_path, "--no-siblings") as worker:
        phones, far = [worker.udp("127.0.1.1"), worker.udp("127.0.1.2")], worker.udp("127.0.1.3")
        port, out = worker.port(), worker.port()
        if not takes_segments:
            out.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        for phone in phones:
            worker.table.add(flow(port, phone, out, far))
        worker.process.send_signal(signal.SIGSTOP)
        sizes = (20, 20, 20, 8, 20, 40, 40, 20) * 8  # more than one read takes
        packets = [(number // 20 % 2, rtp(number, bytes(size))) for number, size in enumerate(sizes)]
        for sender, packet in packets:
            phones[sender].sendto(packet, at(port))
        worker.process.send_signal(signal.SIGCONT)
        assert [far.recv(2000) for _ in packets] == [packet for _, packet in packets]
        totals = worker.table.totals()
        assert totals is not None and totals.send_failed == 0 and totals.reads < len(packets) / 4


def test_a_far_side_that_is_gone_costs_no_packet_of_its_successor(worker: Rig) -> None:
    """A connected socket gets the ICMP error of an earlier packet when it sends the next one."""
    phone, far, port = worker.udp("127.0.1.1"), worker.udp("127.0.1.2"), worker.port()
    worker.table.add(flow(port, phone, port, far))
    place = at(far)
    far.close()
    for number in range(5):
        phone.sendto(rtp(number), at(port))
    worker.until(lambda: (worker.table.read(FlowKey(at(port), at(phone))) or FlowCounters()).packets == 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(place)
        again.settimeout(3)
        phone.sendto(rtp(9), at(port))
        assert again.recv(2000) == rtp(9)


def test_replacing_keeps_the_counters(worker: Rig) -> None:
    phone, one, two, port = worker.udp(), worker.udp(), worker.udp(), worker.port()
    first = flow(port, phone, port, one)
    worker.table.add(first)
    phone.sendto(rtp(1), at(port))
    assert one.recv(2000) == rtp(1)
    worker.table.add(flow(port, phone, port, two))
    phone.sendto(rtp(2), at(port))
    assert two.recv(2000) == rtp(2)
    counters = worker.table.read(first.key)
    assert counters is not None and counters.packets == 2
    totals = worker.table.totals()
    assert totals is not None and (totals.flows, totals.siblings) == (1, 2)


def test_removing_gives_the_last_counters(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    made = flow(port, phone, port, far)
    assert worker.table.remove(made.key) is None
    worker.table.add(made)
    phone.sendto(rtp(1), at(port))
    assert far.recv(2000) == rtp(1)
    counters = worker.table.remove(made.key)
    assert counters is not None and counters.packets == 1
    assert worker.table.read(made.key) is None and worker.table.keys() == []
    phone.sendto(rtp(2), at(port))
    assert worker.up() == [(at(port), at(phone), rtp(2))]


def test_detaching_removes_flows_and_gives_the_socket_back(worker: Rig) -> None:
    phone, far, port, out = worker.udp(), worker.udp(), worker.port(), worker.port()
    worker.table.add(flow(port, phone, out, far))
    worker.table.add(flow(out, far, port, phone))
    worker.table.detach(at(out))
    assert worker.table.keys() == []
    in_segments(phone, at(out), [b"mine", b"each"])
    assert [out.recv(2000), out.recv(2000)] == [b"mine", b"each"]
    worker.table.detach(at(out))  # again: nothing to do
    totals = worker.table.totals()
    assert totals is not None and (totals.ports, totals.flows, totals.siblings) == (1, 0, 0)


def test_a_port_is_not_shared_with_others(worker: Rig) -> None:
    """Siblings need SO_REUSEADDR for a moment; nobody else may bind the port with it afterwards."""
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    worker.table.add(flow(port, phone, port, far))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            thief.bind(at(port))


def test_python_may_send_from_an_attached_socket(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    worker.table.add(flow(port, phone, port, far))
    port.sendto(b"answer", at(phone))
    assert phone.recvfrom(2000) == (b"answer", at(port))


def test_refusals_are_one_line(worker: Rig) -> None:
    phone, far, port, loose = worker.udp(), worker.udp(), worker.port(), worker.udp()
    server = worker.port(kind=PortKind.CHANNEL)
    for bad, text in (
        (flow(loose, phone, port, far), "local address is not attached"),
        (flow(port, phone, loose, far), "outgoing address is not attached"),
        (flow(port, phone, port, far, prefix=1), "plain port has no prefix"),
        (flow(server, phone, port, far), "needs a prefix"),
        (flow(server, phone, port, far, prefix=0x8000), "0x4000 to 0x7fff"),
        (flow(port, phone, port, far, add=Prefix(PortKind.CHANNEL, 1)), "0x4000 to 0x7fff"),
        (flow(port, phone, port, far, clocks=((0, 0),)), "clock"),
    ):
        with pytest.raises(FlowError, match=text):
            worker.table.add(bad)
    with pytest.raises(FlowError, match="mixes"):
        worker.table.add(flow(port, worker.udp("::1"), port, far))
    with pytest.raises(FlowError, match="another socket"):
        worker.table.attach(port, PortKind.MUX)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        stream.bind(("127.0.0.1", 0))
        with pytest.raises(FlowError, match="no UDP socket"):
            worker.table.attach(stream, PortKind.PLAIN)
    loose.connect(at(far))
    with pytest.raises(FlowError, match="connected"):
        worker.table.attach(loose, PortKind.PLAIN)
    worker.table.attach(port, PortKind.PLAIN)  # the same again
    assert worker.table.keys() == []


def test_limits(tmp_path: Path) -> None:
    with rig(tmp_path, "--max-flows", "3", "--max-sockets", "2") as worker:
        phones, far = [worker.udp() for _ in range(4)], worker.udp()
        port, _ = worker.port(), worker.port()
        with pytest.raises(FlowError, match="all 2 sockets"):
            worker.port()
        for phone in phones[:3]:
            worker.table.add(flow(port, phone, port, far))
        with pytest.raises(FlowError, match="all 3 flows"):
            worker.table.add(flow(port, phones[3], port, far))
        worker.table.add(flow(port, phones[0], port, far))  # known: may be replaced
        worker.table.remove(FlowKey(at(port), at(phones[0])))
        worker.table.add(flow(port, phones[3], port, far))


def test_many_flows_are_told_in_pages(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port(kind=PortKind.MUX)
    for number in range(1000):
        worker.table.add(flow(port, phone, port, far, prefix=number))
    assert [each.prefix for each in list(worker.table.keys())] == list(range(1000))
    for number in range(0, 1000, 2):
        assert worker.table.remove(FlowKey(at(port), at(phone), number)) is not None
    assert sorted(each.prefix or 0 for each in list(worker.table.keys())) == list(range(1, 1000, 2))


def test_who_does_not_read_loses_packets_and_holds_nobody_up(worker: Rig) -> None:
    phone, stranger, far, port = worker.udp(), worker.udp(), worker.udp(), worker.port()
    made = flow(port, phone, port, far)
    worker.table.add(made)
    for number in range(4000):
        stranger.sendto(b"x" * 1000, at(port))
        if number % 40 == 0:
            phone.sendto(rtp(number // 40), at(port))
            assert far.recv(2000) == rtp(number // 40)
    totals = worker.table.totals()  # answered although datagrams wait
    assert totals is not None and totals.up_dropped > 0 and totals.up + totals.up_dropped > 3000
    assert len(worker.up(100)) >= 100
    assert worker.table.read(made.key) is not None


# -- owners, and clients that die


def test_owners_do_not_see_each_other(worker: Rig) -> None:
    phone, far, port = worker.udp(), worker.udp(), worker.port()
    worker.table.add(flow(port, phone, port, far))
    turn = WorkerTable(worker.path, Owner.TURN)
    assert turn.keys() == [] and turn.adopted() == []
    assert turn.remove(FlowKey(at(port), at(phone))) is None
    with pytest.raises(FlowError, match="not attached"):
        turn.add(flow(port, phone, port, far))
    turn.close()
    assert len(worker.table.keys()) == 1


DYING = """
import os, signal, sys
from tests.runtime.fastpath.worker_rig import *
table = WorkerTable(Path(sys.argv[1]), Owner.RELAY)
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("127.0.0.1", 0))
table.attach(port, PortKind.PLAIN)
phone, far = ("127.0.1.1", int(sys.argv[2])), ("127.0.1.2", int(sys.argv[3]))
table.add(Flow(FlowKey(at(port), phone), at(port), far))
print(at(port)[1], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_media_goes_on_after_kill_9_and_is_adopted(worker: Rig) -> None:
    worker.table.close()
    phone, stranger, far = worker.udp("127.0.1.1"), worker.udp("127.0.1.3"), worker.udp("127.0.1.2")
    arguments = [sys.executable, "-c", DYING, str(worker.path), str(at(phone)[1]), str(at(far)[1])]
    died = subprocess.run(arguments, stdout=subprocess.PIPE, cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    port = ("127.0.0.1", int(died.stdout))
    for number in range(50):
        phone.sendto(rtp(number), port)
        assert far.recvfrom(2000) == (rtp(number), port)
    stranger.sendto(b"nobody is there", port)
    phone.sendto(rtp(50), port)
    assert far.recv(2000) == rtp(50)

    worker.table = WorkerTable(worker.path, Owner.RELAY)
    assert worker.table.keys() == [FlowKey(port, at(phone))]
    (local, kind, descriptor), *more = worker.table.adopted()
    assert (local, kind, more) == (port, PortKind.PLAIN, [])
    with socket.socket(fileno=descriptor) as adopted:
        assert adopted.getsockname() == port
        worker.table.attach(adopted, PortKind.PLAIN)
        adopted.sendto(b"I am back", at(stranger))
        assert stranger.recvfrom(2000) == (b"I am back", port)
    totals = worker.table.totals()
    assert totals is not None and totals.unowned == 1
    counters = worker.table.read(FlowKey(port, at(phone)))
    assert counters is not None and counters.packets == 51
    stranger.sendto(b"now", port)
    assert worker.up() == [(port, at(stranger), b"now")]


def test_a_new_client_of_an_owner_takes_over(worker: Rig) -> None:
    phone, port = worker.udp(), worker.port()
    old, worker.table = worker.table, WorkerTable(worker.path, Owner.RELAY)
    phone.sendto(b"hello", at(port))
    assert worker.up() == [(at(port), at(phone), b"hello")]
    assert list(old.receive()) == [] and not old.alive
    with pytest.raises(FlowError, match="gone"):
        old.add(flow(port, phone, port, phone))
    old.close()


def test_when_the_worker_dies_the_next_gets_sockets_and_flows(worker: Rig) -> None:
    phone, far, port, closed = worker.udp(), worker.udp(), worker.port(), worker.port()
    made = flow(port, phone, port, far)
    worker.table.add(made)
    worker.table.add(flow(closed, phone, port, far))
    worker.process.kill()
    worker.process.wait()
    number = worker.table.fileno()
    assert list(worker.table.receive()) == [] and not worker.table.alive
    assert worker.table.read(made.key) is None and worker.table.keys() == []
    with pytest.raises(FlowError, match="gone"):
        worker.table.add(made)
    in_segments(phone, at(port), [b"mine", b"each"])
    assert [port.recv(2000), port.recv(2000)] == [b"mine", b"each"]
    late = worker.port()
    closed.close()

    worker.process = start_worker(worker.path, program=program())  # over the socket left behind
    worker.until(lambda: worker.table.read(made.key) == FlowCounters())
    assert worker.table.alive and worker.table.fileno() == number
    assert worker.table.keys() == [made.key]
    phone.sendto(rtp(1), at(port))
    assert far.recv(2000) == rtp(1)
    phone.sendto(b"hello", at(late))
    assert worker.up() == [(at(late), at(phone), b"hello")]


def test_the_worker_ends_with_its_parent(tmp_path: Path) -> None:
    text = "import sys; from tests.runtime.fastpath.worker_rig import *\n"
    text += "print(start_worker(Path(sys.argv[1]), program=program()).pid)"
    started = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path / "w")], stdout=subprocess.PIPE, cwd=ROOT, check=True
    )
    with pytest.raises(FlowError):
        for _ in range(1000):
            WorkerTable(tmp_path / "w", Owner.RELAY).close()
            os.sched_yield()
    assert not Path(f"/proc/{int(started.stdout)}/fd/0").exists()


def test_the_path_is_private_and_served_once(worker: Rig) -> None:
    assert worker.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FlowError, match="another process serves it"):
        start_worker(worker.path, program=program())


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="is the process that serves it running"):
        WorkerTable(tmp_path / "none", Owner.RELAY)


STRANGE = """
import os, socket, sys
os.setuid(65534)
made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
made.connect(sys.argv[1])
try:
    made.send(bytes([1, 1, 0, 0, 1, 0, 0, 0]))
    print("answer" if made.recv(100) else "closed")
except OSError:
    print("closed")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_as_a_user_without_rights(tmp_path: Path) -> None:
    """The sockets are root's, the worker is nobody's."""
    with rig(tmp_path, uid=65534) as worker:
        status = Path(f"/proc/{worker.process.pid}/status")
        worker.until(lambda: "Uid:\t65534\t65534" in status.read_text())
        phone, far, port, out = worker.udp(), worker.udp(), worker.port(), worker.port()
        worker.table.add(flow(port, phone, out, far))
        phone.sendto(rtp(1), at(port))
        assert far.recvfrom(2000) == (rtp(1), at(out))
        totals = worker.table.totals()
        assert totals is not None and totals.siblings == 2
        assert "CapEff:\t0000000000000000" in status.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_another_user_is_turned_away() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name, rig(Path(name)) as worker:
        os.chmod(name, 0o755)
        worker.path.chmod(0o666)
        said = subprocess.run(["python3", "-c", STRANGE, str(worker.path)], stdout=subprocess.PIPE, check=True)
        assert said.stdout == b"closed\n"
        assert worker.table.totals() is not None
