"""The packets of a benchmark: what generators and sink are given. `layout.h` says the same in C."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from dataplane.network import mac

__all__ = ["FLOWS", "SINK", "SINK_PORT", "SOURCE", "SOURCE_PORT", "Target", "Traffic"]

FLOWS = 1000
SOURCE, SOURCE_PORT = "10.77.1.2", 20000  # flow i comes from SOURCE_PORT + i
SINK, SINK_PORT = "10.77.2.2", 30000  # and must arrive at SINK_PORT + i
_VARIABLE = 34
_HEADERS = 14 + 20 + 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where the generator sends a flow. `channel`: TURN ChannelData with this number."""

    host: str
    port: int
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets of `size` octets of UDP payload, without the four of ChannelData, round robin over the targets."""

    targets: tuple[Target, ...]
    size: int

    @property
    def prefix(self) -> int:
        return 4 if self.targets[0].channel is not None else 0

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The files TEMPLATE and FLOWS of the generators."""
        template, flows = folder / "template", folder / "flows"
        template.write_bytes(self._frame())
        flows.write_bytes(b"".join(self._record(index, each) for index, each in enumerate(self.targets)))
        return template, flows

    def _payload(self, ssrc: int, channel: int | None) -> bytes:
        """RTP with all that changes from packet to packet at 0, and its complements accordingly."""
        head = struct.pack("!BBHIIQQIH", 0x80, 0, 0, 0, ssrc, 0, 2**64 - 1, 2**32 - 1, 2**16 - 1)
        media = head + bytes(each & 0xFF for each in range(_VARIABLE, self.size))
        return media if channel is None else struct.pack("!HH", channel, self.size) + media

    def _frame(self) -> bytes:
        payload = self._payload(1, self.targets[0].channel)
        length = len(payload) + 8
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, length + 20, 0, 0x4000, 64, 17, 0, _octets(SOURCE), _octets(self.targets[0].host)
        )
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        return mac("swra") + mac("swa0") + b"\x08\x00" + ip + struct.pack("!HHHH", 0, 0, length, 0) + payload

    def _record(self, index: int, target: Target) -> bytes:
        payload, source = self._payload(index + 1, target.channel), SOURCE_PORT + index
        udp = struct.pack("!HHHH", source, target.port, len(payload) + 8, 0) + payload
        pseudo = _octets(SOURCE) + _octets(target.host) + struct.pack("!HH", 17, len(udp))
        check = _checksum(pseudo + udp) or 0xFFFF
        ports = struct.pack("!HHHHI", source, target.port, check, target.channel or 0, index + 1)
        return ports + bytes(4)


def _octets(host: str) -> bytes:
    return bytes(int(each) for each in host.split("."))


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    words = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
