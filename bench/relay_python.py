"""CPU per packet of the Python relay: the engine alone, and the whole process path with sockets on loopback.

    python bench/relay_python.py [--packets 20000]

Prints microseconds of CPU time per relayed packet (user + system of this process). In the socket case the sender and
the receiver are in the same process; their share is measured without a relay and taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
import time

import uvloop

from seaway.catalog.ports import PortRange
from seaway.media.engine import Engine
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, LegRequest, Open, Opened, SetRemote, StreamRequest
from seaway.runtime.relay import Relay

A, B = ("127.0.0.2", 40000), ("127.0.0.3", 40000)
PLAIN = StreamRequest(LegRequest("plain", "outer", ("a", "b")), LegRequest("plain", "inner", ("a", "b")))
MEDIA = PortRange(36000, 36099)
BURST = 32


def rtp(number: int, size: int = 200) -> bytes:
    head = b"\x80\x00" + (number & 0xFFFF).to_bytes(2, "big") + (number * 160 & 0xFFFFFFFF).to_bytes(4, "big")
    return head + b"\0\0\0\x07" + bytes(size - 12)


class Ports:
    def __init__(self) -> None:
        self.last = 0

    def open(self, row: str, nic: str, port: int) -> tuple[int, Address]:
        self.last += 1
        return self.last, ("127.0.0.1", port)

    def close(self, key: int) -> None:
        pass


class Loopback:
    def udp(self, rows: object, nic: str, port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind(("127.0.0.1", port))
        return made


def open_call(engine: Engine, now: float, a: Address = A, b: Address = B) -> Opened:
    opened = engine.command(Open(1, "s", "", (PLAIN,)), now)
    assert isinstance(opened, Opened)
    engine.command(SetRemote("s", 0, "a", a, a, (a[0],)), now)
    engine.command(SetRemote("s", 0, "b", b, b, (b[0],)), now)
    return opened


def engine_alone(packets: int) -> float:
    engine = Engine(Ports(), PortPool(MEDIA), secrets.token_bytes)
    open_call(engine, 0.0)
    engine.receive(rtp(0), 3, B, 0.0)  # ports are 1, 2 (leg a) and 3, 4 (leg b)
    data = [rtp(number) for number in range(1000)]
    sent = 0
    begin = time.process_time()
    for number in range(packets):
        engine.receive(data[number % 1000], 1, A, number * 0.02)
        while engine.next_output() is not None:
            sent += 1
    spent = time.process_time() - begin
    assert sent >= packets
    return spent / packets * 1e6


async def through_sockets(packets: int, *, relayed: bool) -> float:
    sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    sender.bind(("127.0.0.2", 0))
    receiver.bind(("127.0.0.3", 0))
    receiver.setblocking(False)
    target: Address = receiver.getsockname()
    relay = None
    if relayed:
        relay = Relay(Loopback(), MEDIA)
        stream = open_call(relay._engine, time.monotonic(), sender.getsockname(), target).streams[0]
        receiver.sendto(rtp(0), stream.b.rtp)
        await asyncio.sleep(0.02)
        target = stream.a.rtp
    got = 0
    begin = time.process_time()
    for number in range(0, packets, BURST):
        for each in range(number, number + BURST):
            sender.sendto(rtp(each), target)
        wanted = got + BURST
        give_up = time.monotonic() + 1.0
        while got < wanted and time.monotonic() < give_up:
            await asyncio.sleep(0)
            try:
                while True:
                    receiver.recvfrom(2048)
                    got += 1
            except BlockingIOError:
                pass
    spent = time.process_time() - begin
    if relay is not None:
        relay.shut()
    sender.close()
    receiver.close()
    assert got >= packets, f"{packets - got} packets lost"
    return spent / got * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=20_000)
    packets = parser.parse_args().packets // BURST * BURST
    alone = min(engine_alone(packets) for _ in range(3))
    bare = min(uvloop.run(through_sockets(packets, relayed=False)) for _ in range(3))
    whole = min(uvloop.run(through_sockets(packets, relayed=True)) for _ in range(3))
    print(f"engine alone:        {alone:6.2f} us CPU per packet")
    print(f"with sockets:        {whole - bare:6.2f} us CPU per packet (total {whole:.2f}, ends {bare:.2f})")


if __name__ == "__main__":
    main()
