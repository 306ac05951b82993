"""The kernel engines relay packets as told, and leave the rest to the sockets. In network namespaces, as root."""

from __future__ import annotations

import socket

import pytest

from seaway.media.flows import Flow, FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.kernel import KernelFastPath, KernelTable
from tests.runtime.fastpath.kernel_fixtures import MakePath, loaded, network, path, table, unfinished_in_generic
from tests.runtime.fastpath.kernel_rig import B4, MTU_B, Network, Path, rtp

__all__ = ["loaded", "network", "path", "table"]  # fixtures

pytestmark = pytest.mark.interop

CHANNEL = 0x4123
MUX = 0x89ABCDEF
SIZES = (0, 1, 57, 160, 1163)


def wrapped(kind: PortKind | None, value: int, data: bytes) -> bytes:
    if kind is PortKind.CHANNEL:
        return value.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
    return value.to_bytes(4, "big") + data if kind is PortKind.MUX else data


VALUES = {PortKind.PLAIN: None, PortKind.CHANNEL: CHANNEL, PortKind.MUX: MUX}
ADDS = (None, Prefix(PortKind.CHANNEL, 0x7FFF), Prefix(PortKind.MUX, 7))


@pytest.mark.parametrize("add", ADDS, ids=["", "add-channel", "add-mux"])
@pytest.mark.parametrize("kind", list(PortKind), ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_payload_arrives_with_its_prefix_changed(
    loaded: KernelFastPath, table: KernelTable, path: MakePath, v6: bool, kind: PortKind, add: Prefix | None
) -> None:
    way = path(v6, kind)
    prefix = VALUES[kind]
    table.add(way.flow(prefix, add))
    for size in SIZES:
        data = bytes((size + number) & 0xFF for number in range(size))
        sent = wrapped(kind, prefix or 0, data)
        way.send(sent)
        if unfinished_in_generic(loaded):
            assert way.went_up() == sent
        else:
            assert way.passed() == wrapped(add.kind if add else None, add.value if add else 0, data)
    if not unfinished_in_generic(loaded):
        counters = table.read(way.key(prefix))
        assert counters is not None
        assert (counters.packets, counters.octets) == (len(SIZES), sum(SIZES))


def went_up(way: Path, data: bytes) -> bool:
    way.send(data)
    return way.went_up() == data


def test_what_is_no_media_goes_up(table: KernelTable, path: MakePath) -> None:
    way = path()
    table.add(way.flow(kind=FlowKind.MEDIA))
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    beyond = bytes([0x90]) + rtp(1)[1:12] + b"\xbe\xde\x01\x00" + bytes(8)  # extension of 256 words
    csrcs = bytes([0x8F]) + rtp(1)[1:20]
    report = bytes([0x80, 200, 0, 9]) + bytes(20)  # RTCP of 40 octets, it says
    for data in (stun, beyond, csrcs, report, b"", b"\x80", rtp(1)[:11], b"\x16\xfe\xfd" + bytes(40)):
        assert went_up(way, data)
    counters = table.read(way.key())
    assert counters is not None and counters.packets == 0


def test_media_with_all_parts_passes(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    if unfinished_in_generic(loaded):
        return
    way = path()
    table.add(way.flow(kind=FlowKind.MEDIA))
    extended = bytes([0x92]) + rtp(1)[1:12] + bytes(8) + b"\xbe\xde\x00\x02" + bytes(8) + b"voice"
    for data in (rtp(2), extended, rtp(3, size=0), bytes([0x81, 201, 0, 1]) + bytes(4), bytes([0x80, 223, 0, 1]) * 2):
        way.send(data)
        assert way.passed() == data
    counters = table.read(way.key())
    assert counters is not None
    assert (counters.packets, counters.rtcp_packets) == (5, 2)


def test_another_source_or_prefix_goes_up(network: Network, table: KernelTable, path: MakePath) -> None:
    way = path(kind=PortKind.CHANNEL)
    table.add(way.flow(CHANNEL))
    good = wrapped(PortKind.CHANNEL, CHANNEL, b"relay me")
    stranger = network.udp("a", way.a.getsockname()[0])
    stranger.sendto(good, way.in_port.getsockname())
    assert way.went_up() == good
    stranger.close()
    other = wrapped(PortKind.CHANNEL, CHANNEL + 1, b"other channel")
    padded = good + bytes(3)
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    for data in (other, padded, good[:-1], stun, b"\x41", b"", b"\x50\x00\x00\x00"):
        assert went_up(way, data)


def test_used_up_ttl_and_options_and_fragments_go_up(table: KernelTable, path: MakePath) -> None:
    way = path()
    table.add(way.flow())
    way.a.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    assert went_up(way, b"last hop")
    way.a.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
    assert went_up(way, bytes(3000))  # two or more fragments
    way.a.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01\x01\x01\x00")
    assert went_up(way, b"with options")


def test_too_long_for_the_way_out_goes_up(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    way = path()
    table.add(way.flow(add=Prefix(PortKind.MUX, 1)))
    most = MTU_B - 20 - 8 - 4
    if not unfinished_in_generic(loaded):
        way.send(bytes(most))
        assert len(way.passed()) == most + 4
    assert went_up(way, bytes(most + 1))


def test_unknown_neighbour_goes_up(table: KernelTable, path: MakePath) -> None:
    way = path()
    flow = way.flow()
    table.add(Flow(flow.key, flow.out_local, (B4.rpartition(".")[0] + ".99", 9)))
    assert went_up(way, b"nobody is there")


def test_out_by_the_interface_it_came_from(
    loaded: KernelFastPath, network: Network, table: KernelTable, path: MakePath
) -> None:
    if unfinished_in_generic(loaded):
        return
    way = path()
    other = network.udp("a", way.a.getsockname()[0])
    table.add(Flow(way.key(), way.in_port.getsockname(), other.getsockname(), kind=FlowKind.DATA))
    way.in_port.sendto(b"neighbour, please", other.getsockname())
    assert other.recv(100) == b"neighbour, please"
    way.send(b"back to the same host")
    assert other.recvfrom(100) == (b"back to the same host", way.in_port.getsockname())
    other.close()


def test_header_fields(loaded: KernelFastPath, network: Network, table: KernelTable, path: MakePath) -> None:
    if unfinished_in_generic(loaded):
        return
    way = path()
    table.add(way.flow())
    way.a.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
    way.a.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 33)
    seen = network.capture("b", "kb")
    way.send(b"expedited")
    assert way.passed() == b"expedited"
    frame = seen.recv(2000)
    seen.close()
    assert (frame[15], frame[22], frame[20] & 0x40) == (46 << 2, 64, 0x40)  # DSCP kept, fresh TTL, DF
    assert sum(int.from_bytes(frame[at : at + 2], "big") for at in range(14, 34, 2)) % 0xFFFF == 0


def test_packets_without_checksum_stay_so(
    loaded: KernelFastPath, network: Network, table: KernelTable, path: MakePath
) -> None:
    way = path(kind=PortKind.MUX)
    table.add(way.flow(MUX))
    way.a.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    seen = network.capture("b", "kb")
    way.send(wrapped(PortKind.MUX, MUX, b"unchecked"))
    assert way.passed() == b"unchecked"
    frame = seen.recv(2000)
    seen.close()
    assert frame[40:42] == b"\0\0"


def test_every_checksum_value(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    """Sums that come out as 0 are sent as 0xFFFF (RFC 768): among these 400 payloads some come near it."""
    if unfinished_in_generic(loaded):
        return
    way = path()
    table.add(way.flow())
    for start in range(0, 65536, 163):
        data = start.to_bytes(2, "big")
        way.send(data)
        assert way.passed() == data


def test_removed_flow_goes_up(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    way = path()
    table.add(way.flow())
    if not unfinished_in_generic(loaded):
        way.send(b"one")
        assert way.passed() == b"one"
        last = table.remove(way.key())
        assert last is not None and (last.packets, last.octets) == (1, 3)
        assert last.last_seen is not None
    table.remove(way.key())
    assert table.remove(way.key()) is None and table.read(way.key()) is None
    assert went_up(way, b"two")


def test_replaced_action_keeps_counters(
    loaded: KernelFastPath, network: Network, table: KernelTable, path: MakePath
) -> None:
    if unfinished_in_generic(loaded):
        return
    way = path()
    table.add(way.flow(kind=FlowKind.MEDIA))
    way.send(rtp(1))
    assert way.passed() == rtp(1)
    table.add(way.flow(add=Prefix(PortKind.MUX, 5), kind=FlowKind.MEDIA))
    way.send(rtp(3))
    assert way.passed() == wrapped(PortKind.MUX, 5, rtp(3))
    counters = table.read(way.key())
    assert counters is not None and (counters.packets, counters.lost) == (2, 1)


def test_detached_port_goes_up(table: KernelTable, path: MakePath) -> None:
    way = path()
    table.add(way.flow())
    table.detach(way.in_port.getsockname())
    assert went_up(way, b"not ours now")


def test_global_counters(loaded: KernelFastPath, table: KernelTable, path: MakePath) -> None:
    way = path()
    before = table.global_counters()
    assert went_up(way, b"no flow")
    table.add(way.flow(kind=FlowKind.MEDIA))
    assert went_up(way, b"no media")
    way.send(rtp(1))
    if unfinished_in_generic(loaded):
        way.went_up()
    else:
        way.passed()
    after = table.global_counters()
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown == {"no_flow": 1, "not_media": 1, "checksum" if unfinished_in_generic(loaded) else "fast": 1}
