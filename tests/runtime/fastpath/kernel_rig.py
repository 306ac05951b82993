"""A network for the kernel fast path: hosts `a` and `b` with the relay `r` between them, each a network namespace."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seaway.media.flows import Flow, FlowKey, FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.kernel import KernelFastPath, KernelTable

A4, RA4, RB4, B4 = "10.77.1.1", "10.77.1.2", "10.77.2.2", "10.77.2.1"
A6, RA6, RB6, B6 = "fd77:1::1", "fd77:1::2", "fd77:2::2", "fd77:2::1"
MTU_B = 1400
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


class Network:
    """Made by `up`, removed by `down`. Far ends poll (GRO), so that native XDP works."""

    def __init__(self) -> None:
        self._stem = f"sw-kfp-{os.getpid()}"
        self._fds: dict[str, int] = {}

    def name(self, host: str) -> str:
        return f"{self._stem}-{host}"

    def up(self) -> None:
        for host in "abr":
            run(f"ip netns add {self.name(host)}")
            self._fds[host] = os.open(f"/run/netns/{self.name(host)}", os.O_RDONLY)
            run(f"ip -n {self.name(host)} link set lo up")
        relay = self.name("r")
        for host, addresses, own in (("a", (A4, A6), (RA4, RA6)), ("b", (B4, B6), (RB4, RB6))):
            far = self.name(host)
            run(f"ip link add k{host} netns {far} type veth peer name r{host} netns {relay}")
            for where, device, (v4, v6) in ((far, f"k{host}", addresses), (relay, f"r{host}", own)):
                run(f"ip -n {where} addr add {v4}/24 dev {device}")
                run(f"ip -n {where} addr add {v6}/64 dev {device} nodad")
                run(f"ip -n {where} link set {device} up")
            run(f"ip netns exec {far} ethtool -K k{host} gro on")
        run(f"ip -n {relay} link set rb mtu {MTU_B}")

    def offload(self, on: bool) -> None:
        """Whether senders leave checksums to the hardware."""
        for host, device in (("a", "ka"), ("r", "ra"), ("r", "rb"), ("b", "kb")):
            run(f"ip netns exec {self.name(host)} ethtool -K {device} tx {'on' if on else 'off'}")

    def down(self) -> None:
        for descriptor in self._fds.values():
            os.close(descriptor)
        for host in "abr":
            subprocess.run(["ip", "netns", "del", self.name(host)], check=False, capture_output=True)

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """This thread, sockets that it opens, and children are in the host's namespace."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert _LIBC.setns(self._fds[host], _CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert _LIBC.setns(before, _CLONE_NEWNET) == 0
            os.close(before)

    def udp(self, host: str, address: str, port: int = 0) -> socket.socket:
        with self.inside(host):
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, port))
        made.settimeout(1.0)
        return made

    def capture(self, host: str, device: str) -> socket.socket:
        with self.inside(host):
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((device, 0))
        made.settimeout(1.0)
        return made


@dataclass
class Path:
    """Sockets of one way through the relay, from `a` to `b`, and the table with its ports attached."""

    network: Network
    table: KernelTable
    v6: bool = False
    kind: PortKind = PortKind.PLAIN
    a: socket.socket = field(init=False)
    b: socket.socket = field(init=False)
    in_port: socket.socket = field(init=False)
    out_port: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        a, ra, rb, b = (A6, RA6, RB6, B6) if self.v6 else (A4, RA4, RB4, B4)
        self.a, self.b = self.network.udp("a", a), self.network.udp("b", b)
        self.in_port, self.out_port = self.network.udp("r", ra), self.network.udp("r", rb)
        for sender, receiver in ((self.a, self.in_port), (self.out_port, self.b)):  # so that neighbours are known
            receiver.settimeout(3.0)
            sender.sendto(b"neighbour, please", receiver.getsockname()[:2])
            assert receiver.recv(100) == b"neighbour, please"
            receiver.settimeout(1.0)
        self.table.attach(self.in_port, self.kind)

    def key(self, prefix: int | None = None) -> FlowKey:
        return FlowKey(self.in_port.getsockname()[:2], self.a.getsockname()[:2], prefix)

    def flow(self, prefix: int | None = None, add: Prefix | None = None, kind: FlowKind = FlowKind.DATA) -> Flow:
        return Flow(self.key(prefix), self.out_port.getsockname()[:2], self.b.getsockname()[:2], add, kind)

    def send(self, data: bytes) -> None:
        self.a.sendto(data, self.in_port.getsockname()[:2])

    def passed(self) -> bytes:
        """What arrived at `b`, through its kernel's checksum, from the relay's address."""
        data, source = self.b.recvfrom(4000)
        assert source[:2] == self.out_port.getsockname()[:2]
        return data

    def went_up(self) -> bytes:
        return self.in_port.recv(4000)

    def close(self) -> None:
        self.table.detach(self.in_port.getsockname()[:2])
        for each in (self.a, self.b, self.in_port, self.out_port):
            each.close()


def rtp(sequence: int, timestamp: int = 0, ssrc: int = 0x11223344, size: int = 160, kind: int = 0) -> bytes:
    head = bytes([0x80, kind]) + (sequence & 0xFFFF).to_bytes(2, "big") + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
    return head + ssrc.to_bytes(4, "big") + bytes(number * 7 & 0xFF for number in range(size))


__all__ = [
    "A4", "A6", "B4", "B6", "MTU_B", "RA4", "RA6", "RB4", "RB6", "KernelFastPath", "Network", "Path", "rtp", "run",
]  # fmt: skip
