"""Read captures: pcap files of Ethernet frames, down to addresses and ports. Only what the witness needs.

The format is that of `man 5 pcap-savefile`; a file that still grows may end inside a record, which ends the reading.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

__all__ = ["Packet", "packets_of", "parse_frame"]

_ETHERNET = 1
_NAMES = {6: "tcp", 17: "udp"}
_EXTENSIONS = {0, 43, 44, 60, 135}  # IPv6 headers that another header follows (RFC 8200 §4.1)


@dataclass(frozen=True, slots=True)
class Packet:
    """One IP packet. `transport` is "tcp", "udp", "icmp" or "ip/NUMBER"; `flags` the TCP flags, 0 otherwise.
    `about` is the packet inside an ICMP error. Fragments after the first have ports 0."""

    time: float
    source: str
    destination: str
    transport: str
    source_port: int = 0
    destination_port: int = 0
    flags: int = 0
    icmp_type: int | None = None
    about: Packet | None = None

    @property
    def opens(self) -> bool:
        """A TCP segment that opens a connection: SYN without ACK."""
        return self.transport == "tcp" and self.flags & 0x12 == 0x02

    def __str__(self) -> str:
        return f"{self.transport} {self.source}:{self.source_port} > {self.destination}:{self.destination_port}"


def packets_of(path: Path) -> Iterator[Packet]:
    """The IP packets of a capture. Raises ValueError for a file that is no pcap of Ethernet frames."""
    data = path.read_bytes()
    if len(data) < 24:
        return
    magic = data[:4]
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(magic)
    if order is None:
        raise ValueError(f"{path}: no pcap file with microseconds")
    (link,) = struct.unpack_from(order + "I", data, 20)
    if link & 0xFFFF != _ETHERNET:
        raise ValueError(f"{path}: link type {link} is not Ethernet")
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        if len(frame) < length:
            return
        at += 16 + length
        packet = parse_frame(frame, seconds + micros / 1e6)
        if packet is not None:
            yield packet


def parse_frame(frame: bytes, time: float = 0.0) -> Packet | None:
    """The IP packet in an Ethernet frame; None for anything else (ARP)."""
    if len(frame) < 14:
        return None
    kind, start = int.from_bytes(frame[12:14], "big"), 14
    if kind == 0x8100 and len(frame) >= 18:  # one VLAN tag (IEEE 802.1Q)
        kind, start = int.from_bytes(frame[16:18], "big"), 18
    if kind not in (0x0800, 0x86DD):
        return None
    return _ip(frame[start:], time)


def _ip(data: bytes, time: float) -> Packet | None:
    if len(data) >= 20 and data[0] >> 4 == 4:
        length, protocol = (data[0] & 15) * 4, data[9]
        first = int.from_bytes(data[6:8], "big") & 0x1FFF == 0
        source, destination = str(ip_address(data[12:16])), str(ip_address(data[16:20]))
        return _transport(data[length:] if first else b"", protocol, source, destination, time)
    if len(data) >= 40 and data[0] >> 4 == 6:
        protocol, rest = data[6], data[40:]
        while protocol in _EXTENSIONS and len(rest) >= 8:
            size = 8 if protocol == 44 else (rest[1] + 1) * 8
            if protocol == 44 and int.from_bytes(rest[2:4], "big") & 0xFFF8:
                rest = rest[:1]  # a later fragment: no ports here
                protocol = data[40]
                break
            protocol, rest = rest[0], rest[size:]
        source, destination = str(ip_address(data[8:24])), str(ip_address(data[24:40]))
        return _transport(rest, protocol, source, destination, time)
    return None


def _transport(data: bytes, protocol: int, source: str, destination: str, time: float) -> Packet:
    if protocol in (1, 58):
        kind = data[0] if data else None
        error = kind is not None and (kind in (3, 11, 12) if protocol == 1 else kind < 128)
        about = _ip(data[8:], time) if error else None
        return Packet(time, source, destination, "icmp", icmp_type=kind, about=about)
    name = _NAMES.get(protocol, f"ip/{protocol}")
    if protocol not in _NAMES or len(data) < 4:
        return Packet(time, source, destination, name)
    flags = data[13] if protocol == 6 and len(data) >= 14 else 0
    ports = struct.unpack_from(">HH", data)
    return Packet(time, source, destination, name, ports[0], ports[1], flags)
