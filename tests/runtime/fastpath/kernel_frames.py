"""Ethernet frames made octet by octet, and programs run on them without any network."""

from __future__ import annotations

import ctypes
import socket
from struct import pack, unpack_from

from seaway.runtime.fastpath import bpf_syscall as bpf

MACS = bytes(6) + b"\x02\x00\x00\x00\x00\x01"  # to the interface that the kernel runs programs on
_TEST_RUN = 10


def residue(data: bytes) -> int:
    """Sum of 16-bit words, folded; 0xFFFF for data with its right checksum in it."""
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def address(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def frame(source: tuple[str, int], target: tuple[str, int], data: bytes, checksum: int | None = None) -> bytes:
    """`checksum`: of UDP; the right one unless given. Identification and TTL are those that the relay sends."""
    ends = address(source[0]) + address(target[0])
    udp = pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    if checksum is None:
        checksum = 0xFFFF - residue(ends + pack("!HH", 17, len(udp)) + udp) or 0xFFFF
    udp = udp[:6] + checksum.to_bytes(2, "big") + udp[8:]
    if ":" in source[0]:
        return MACS + b"\x86\xdd" + pack("!IHBB", 6 << 28, len(udp), 17, 64) + ends + udp
    ip = pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + ends
    ip = ip[:10] + (0xFFFF - residue(ip)).to_bytes(2, "big") + ip[12:]
    return MACS + b"\x08\x00" + ip + udp


def udp_residue(whole: bytes) -> int:
    """0xFFFF when the UDP checksum is right."""
    if whole[12:14] == b"\x08\x00":
        start, ends, length = 34, whole[26:34], unpack_from("!H", whole, 16)[0] - 20
    else:
        start, ends, length = 54, whole[22:54], unpack_from("!H", whole, 18)[0]
    return residue(ends + pack("!HH", 17, length) + whole[start : start + length])


def run_program(program: int, whole: bytes) -> tuple[int, bytes]:
    """The verdict, and the frame as it is then."""
    data, out = ctypes.create_string_buffer(whole, len(whole)), ctypes.create_string_buffer(10000)
    attributes = pack(
        "=IIIIQQIIIIQQIII4x", program, 0, len(whole), len(out), ctypes.addressof(data), ctypes.addressof(out), 1, 0,
        0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    _, said = bpf._bpf(_TEST_RUN, attributes, "run")
    verdict, size = unpack_from("=I", said, 4)[0], unpack_from("=I", said, 12)[0]
    return verdict, out.raw[:size]
