"""Frames down to ports, and captures that end in the middle."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from seaway.lab.pcap import packets_of, parse_frame

_ETHERNET = bytes(12)


def ipv4(payload: bytes, protocol: int, *, options: bytes = b"", fragment: int = 0) -> bytes:
    """An IPv4 packet from 10.0.1.10 to 10.0.2.20 in an Ethernet frame."""
    head = bytes([0x45 + len(options) // 4, 0]) + struct.pack(
        ">HHHBBH", 20 + len(options) + len(payload), 1, fragment, 64, protocol, 0
    )
    return _ETHERNET + b"\x08\x00" + head + bytes([10, 0, 1, 10, 10, 0, 2, 20]) + options + payload


def tcp(source: int, destination: int, flags: int) -> bytes:
    return struct.pack(">HHIIBBHHH", source, destination, 1, 0, 0x50, flags, 65535, 0, 0)


def udp(source: int, destination: int, data: bytes = b"x") -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(data), 0) + data


def pcap(*frames: bytes, order: str = "<", link: int = 1) -> bytes:
    out = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        out += struct.pack(order + "IIII", 5, 250_000, len(frame), len(frame)) + frame
    return out


def test_tcp_over_ipv4() -> None:
    packet = parse_frame(ipv4(tcp(25000, 7001, 0x02), 6))
    assert packet is not None
    assert (packet.source, packet.source_port) == ("10.0.1.10", 25000)
    assert (packet.destination, packet.destination_port) == ("10.0.2.20", 7001)
    assert packet.transport == "tcp" and packet.opens


@pytest.mark.parametrize(("flags", "opens"), [(0x02, True), (0x12, False), (0x10, False), (0x04, False)])
def test_only_a_syn_alone_opens(flags: int, opens: bool) -> None:
    packet = parse_frame(ipv4(tcp(1, 2, flags), 6))
    assert packet is not None and packet.opens is opens


def test_ports_come_after_ip_options() -> None:
    packet = parse_frame(ipv4(udp(36000, 2776), 17, options=b"\x01\x01\x01\x00"))
    assert packet is not None and (packet.source_port, packet.destination_port) == (36000, 2776)


def test_a_later_fragment_has_no_ports() -> None:
    packet = parse_frame(ipv4(udp(36000, 2776), 17, fragment=185))
    assert packet is not None and packet.transport == "udp" and packet.source_port == 0


def test_one_vlan_tag_is_skipped() -> None:
    frame = ipv4(udp(53, 1234), 17)
    packet = parse_frame(frame[:12] + b"\x81\x00\x00\x05" + frame[12:])
    assert packet is not None and packet.source_port == 53


def test_ipv6_and_its_extension_headers() -> None:
    hop_by_hop = bytes([17, 0]) + bytes(6)
    payload = hop_by_hop + udp(5060, 5061)
    addresses = bytes(15) + b"\x01" + bytes(15) + b"\x02"
    head = b"\x60\0\0\0" + struct.pack(">HBB", len(payload), 0, 64) + addresses
    packet = parse_frame(_ETHERNET + b"\x86\xdd" + head + payload)
    assert packet is not None
    assert (packet.source, packet.destination) == ("::1", "::2")
    assert (packet.transport, packet.source_port, packet.destination_port) == ("udp", 5060, 5061)


def test_an_icmp_error_says_what_it_is_about() -> None:
    inner = ipv4(udp(36000, 2776), 17)[14:]
    packet = parse_frame(ipv4(b"\x03\x03" + bytes(6) + inner, 1))
    assert packet is not None and packet.transport == "icmp" and packet.icmp_type == 3
    assert packet.about is not None and packet.about.destination_port == 2776


def test_an_echo_is_about_nothing() -> None:
    packet = parse_frame(ipv4(b"\x08\x00" + bytes(6) + b"data", 1))
    assert packet is not None and packet.icmp_type == 8 and packet.about is None


@pytest.mark.parametrize("frame", [b"", bytes(13), _ETHERNET + b"\x08\x06" + bytes(28), _ETHERNET + b"\x08\x00\x45"])
def test_what_is_no_ip_packet(frame: bytes) -> None:
    assert parse_frame(frame) is None


def test_every_cut_of_a_frame_is_harmless() -> None:
    frame = ipv4(tcp(25000, 7001, 0x02), 6)
    for end in range(len(frame)):
        parse_frame(frame[:end])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_file_in_both_byte_orders(tmp_path: Path, order: str) -> None:
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap(ipv4(udp(1, 2), 17), ipv4(udp(3, 4), 17), order=order))
    found = list(packets_of(path))
    assert [each.source_port for each in found] == [1, 3]
    assert found[0].time == pytest.approx(5.25)


def test_a_file_that_still_grows(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    whole = pcap(ipv4(udp(1, 2), 17), ipv4(udp(3, 4), 17))
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert len(list(packets_of(path))) <= 1
    path.write_bytes(whole)
    assert len(list(packets_of(path))) == 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    path.write_bytes(b"not a capture, but long enough for a header")
    with pytest.raises(ValueError, match="no pcap"):
        list(packets_of(path))
    path.write_bytes(pcap(link=113))
    with pytest.raises(ValueError, match="not Ethernet"):
        list(packets_of(path))
