"""Small networks of namespaces for the tests that load rules into the kernel, and packet probes through them.

Needs root. Every namespace has a unique name and goes with its `Net`, whatever happens in between.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

Result = TypeVar("Result")

_CLONE_NEWNET = 0x40000000
_PROMPT = 1.0  # seconds to wait for what must arrive
_SHORT = 0.15  # seconds to wait for what must not arrive


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Net:
    """Namespaces by short name; `exec`, `nft` and sockets take the short name."""

    def __init__(self) -> None:
        self._tag = f"swt{os.getpid()}{secrets.token_hex(2)}"
        self._names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def full(self, host: str) -> str:
        return f"{self._tag}{host}"

    def host(self, host: str, *, forwards: bool = False) -> None:
        name = self.full(host)
        self._names.append(name)
        _run("ip", "netns", "add", name)
        self.exec(host, "ip", "link", "set", "lo", "up")
        if forwards:
            self.exec(host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                      "net.ipv4.conf.default.send_redirects=0", "net.ipv4.conf.all.rp_filter=0",
                      "net.ipv4.conf.default.rp_filter=0")  # fmt: skip

    def exec(self, host: str, *command: str, text: str | None = None) -> str:
        return _run("ip", "netns", "exec", self.full(host), *command, text=text)

    def link(self, one: tuple[str, str, list[str]], other: tuple[str, str, list[str]]) -> None:
        """A cable: (host, interface, addresses with prefix length) twice; "br..." puts the end into that bridge."""
        index = secrets.token_hex(3)
        temporary = (f"swa{index}", f"swb{index}")
        _run("ip", "link", "add", temporary[0], "type", "veth", "peer", "name", temporary[1])
        for name, (host, interface, addresses) in zip(temporary, (one, other), strict=True):
            _run("ip", "link", "set", name, "netns", self.full(host), "name", interface)
            for address in addresses:
                self.exec(host, "ip", "address", "add", address, "dev", interface)
            self.exec(host, "ip", "link", "set", interface, "up")

    def bridge(self, host: str, members: list[str]) -> None:
        self.exec(host, "ip", "link", "add", "br0", "type", "bridge")
        self.exec(host, "ip", "link", "set", "br0", "up")
        for member in members:
            self.exec(host, "ip", "link", "set", member, "master", "br0")

    def route(self, host: str, destination: str, via: str) -> None:
        self.exec(host, "ip", "route", "add", destination, "via", via)

    def nft(self, host: str, rules: str) -> None:
        self.exec(host, "nft", "-f", "-", text=rules)

    def counters(self, host: str, table: str) -> dict[str, int]:
        """Packets of each named counter."""
        found: dict[str, int] = {}
        name = ""
        for line in self.exec(host, "nft", "list", "counters", "table", "inet", table).splitlines():
            words = line.split()
            if words[:1] == ["counter"]:
                name = words[1]
            elif words[:1] == ["packets"]:
                found[name] = int(words[1])
        return found

    def inside(self, host: str, action: Callable[[], Result]) -> Result:
        """Run `action` with the network of `host`; a thread of its own, since the namespace belongs to the thread."""
        box: list[Result] = []
        trouble: list[OSError] = []

        def work() -> None:
            try:
                fd = os.open(Path("/run/netns") / self.full(host), os.O_RDONLY)
                try:
                    if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                finally:
                    os.close(fd)
                box.append(action())
            except OSError as error:
                trouble.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if trouble:
            raise trouble[0]
        return box[0]

    def socket(self, host: str, kind: socket.SocketKind, address: str, port: int) -> socket.socket:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address, port))
            if kind == socket.SOCK_STREAM:
                # No TIME_WAIT: the next probe may use the same ports.
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return made

        return self.inside(host, make)

    def udp(
        self,
        source: tuple[str, str, int],
        destination: tuple[str, str, int],
        *,
        to: str | None = None,
        reply: bool = False,
    ) -> tuple[str, int] | None:
        """Send a datagram from (host, address, port) to another; who it came from, or `None` if it did not arrive.

        `to` is the address to send to where it is translated on the way; `reply` sends one back and expects it.
        """
        with ExitStack() as stack:
            one = stack.enter_context(self.socket(source[0], socket.SOCK_DGRAM, *source[1:]))
            other = stack.enter_context(self.socket(destination[0], socket.SOCK_DGRAM, *destination[1:]))
            return _exchange(one, other, (to or destination[1], destination[2]), reply)

    def tcp(
        self, source: tuple[str, str, int], destination: tuple[str, str, int], *, to: str | None = None
    ) -> tuple[str, int] | None:
        """Connect, and return who the listener saw; `None` if the connection was not made."""
        with ExitStack() as stack:
            listener = stack.enter_context(self.socket(destination[0], socket.SOCK_STREAM, *destination[1:]))
            listener.listen(1)
            client = stack.enter_context(self.socket(source[0], socket.SOCK_STREAM, *source[1:]))
            client.settimeout(_SHORT)
            try:
                client.connect((to or destination[1], destination[2]))
            except OSError:
                return None
            listener.settimeout(_PROMPT)
            accepted, peer = listener.accept()
            accepted.close()
            return str(peer[0]), int(peer[1])


def _exchange(one: socket.socket, other: socket.socket, target: tuple[str, int], reply: bool) -> tuple[str, int] | None:
    one.sendto(b"probe", target)
    other.settimeout(_SHORT)
    try:
        _, peer = other.recvfrom(64)
    except TimeoutError:
        return None
    if reply:
        other.sendto(b"answer", peer)
        one.settimeout(_PROMPT)
        data, back = one.recvfrom(64)
        assert data == b"answer" and back == target
    return str(peer[0]), int(peer[1])
