"""The first-call deployment on loopback addresses, for tests with real sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TypeVar

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import Resolution, resolve
from seaway.media.protocol import (
    Address,
    Command,
    Event,
    LegRequest,
    Open,
    Opened,
    Reply,
    SetRemote,
    StreamAddress,
    StreamRequest,
)  # fmt: skip
from seaway.runtime.relay_client import RelayClient
from tests.runtime.nets import NET

CORE, EDGE_INNER, EDGE_OUTER = f"{NET}.1.10", f"{NET}.2.20", f"{NET}.20.20"
INSIDE, OUTSIDE, STRANGER = f"{NET}.1.77", f"{NET}.30.9", f"{NET}.40.66"

DEPLOYMENT = f"""
name = "loopback"
domain = "example.test"
[services]
pair = true
sip_calls = true
[[node]]
name = "core1"
role = "core"
fqdn = "core1.example.test"
nic.inner.address = "{CORE}/24"
[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.example.test"
nic.inner.address = "{EDGE_INNER}/24"
nic.outer.address = "{EDGE_OUTER}/28"
[hosts]
admin_pc = ["{NET}.1.5"]
internal_dns = ["{NET}.1.53"]
internal_ntp = ["{NET}.1.53"]
sip_endpoint = ["{NET}.1.0/24"]
[[firewall]]
name = "inner"
between = ["internal", "dmz"]
[[firewall]]
name = "outer"
between = ["dmz", "internet"]
"""

DEMUX = LegRequest("demux", "inner", ("T11-09", "T11-10"))
PROBE = LegRequest("probe", "inner", ("T11-09", "T11-10"))
OUTER = LegRequest("plain", "outer", ("T11-11", "T11-12"))
INNER = LegRequest("plain", "inner", ("Y01-06", "Y01-07"))

T = TypeVar("T")


def resolution() -> Resolution:
    return resolve(parse_deployment(DEPLOYMENT, "loopback"))


def rtp(sequence: int, payload: bytes = b"tone") -> bytes:
    head = b"\x80\x00" + sequence.to_bytes(2, "big") + (160 * sequence).to_bytes(4, "big")
    return head + b"\0\0\0\x07" + payload


class Phone:
    """A UDP socket that waits for one datagram at a time."""

    def __init__(self, host: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address: Address = self.socket.getsockname()

    def send(self, data: bytes, to: Address) -> None:
        self.socket.sendto(data, to)

    async def receive(self, timeout: float = 2.0) -> tuple[bytes, Address]:
        loop = asyncio.get_running_loop()
        there = loop.create_future()
        loop.add_reader(self.socket.fileno(), lambda: there.done() or there.set_result(None))
        try:
            await asyncio.wait_for(there, timeout)
        finally:
            loop.remove_reader(self.socket.fileno())
        return self.socket.recvfrom(4096)

    def empty(self) -> bool:
        try:
            self.socket.recvfrom(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self.socket.close()


class Signal:
    """What `signal` is for a relay: a client that remembers what it was told."""

    def __init__(self, path: Path) -> None:
        self.heard: asyncio.Queue[Reply | Event] = asyncio.Queue()
        self.lost: list[str] = []
        self.connects = 0
        self.client = RelayClient(path, self.heard.put_nowait, relay_lost=self.lost.append, connected=self._connected)

    def _connected(self) -> None:
        self.connects += 1

    async def ask(self, command: Command, kind: type[T]) -> T:
        self.client.send(command)
        return await self.expect(kind)

    async def expect(self, kind: type[T]) -> T:
        while True:
            message = await asyncio.wait_for(self.heard.get(), 3.0)
            if isinstance(message, kind):
                return message


async def open_call(signal: Signal, a: LegRequest, b: LegRequest, session: str = "call-1") -> StreamAddress:
    opened = await signal.ask(Open(1, session, "label of " + session, (StreamRequest(a, b),)), Opened)
    return opened.streams[0]


def rtcp_of(address: Address) -> Address:
    return address[0], address[1] + 1


def remote_of(session: str, leg: str, phone: Phone) -> SetRemote:
    return SetRemote(session, 0, "a" if leg == "a" else "b", phone.address, rtcp_of(phone.address), (phone.address[0],))
