"""The driver: a defect costs one message, outputs reach their sockets, one timer follows the core's deadline."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from seaway.call.events import LogEvent, MediaCommand
from seaway.core.sip.io import Flow, Hop, Send
from seaway.media.protocol import List
from seaway.observe.counters import Counters
from seaway.runtime.driver import Driver
from tests.runtime.rig import EchoCore, run, until

UDP = Flow(1, "udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060), "inner", "Y01-01")
TCP = Flow(2, "tcp", ("192.0.2.1", 5060), ("192.0.2.9", 5071), "inner", "Y01-02")


class Sender:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.flushed = 0
        self.closed: list[str] = []

    def send(self, data: bytes, remote: tuple[str, int]) -> None:
        self.sent.append((data, remote))

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def flush(self) -> None:
        self.flushed += 1

    def close(self, reason: str) -> None:
        self.closed.append(reason)


def rig() -> tuple[EchoCore, Driver, Sender, Sender]:
    core = EchoCore()
    driver = Driver(core, Counters())
    datagrams, stream = Sender(), Sender()
    driver.datagrams[UDP.local] = datagrams
    driver.streams[TCP.id] = stream
    return core, driver, datagrams, stream


def test_outputs_reach_their_sockets() -> None:
    async def main() -> None:
        core, driver, datagrams, stream = rig()
        commands: list[object] = []
        driver.media = commands.append
        driver.receive(b"one", UDP, 1.0)
        driver.receive(b"two", TCP, 1.0)
        core.outputs += [MediaCommand(List(7)), LogEvent("zone.state", {"password": "x"})]
        core.close(TCP, "enough")
        core.outputs.append(Send(Flow(99, "tcp", ("a", 1), ("b", 2), "inner", "r"), b"late"))
        driver.settle(1.0)
        assert datagrams.sent == [(b"one", UDP.remote)] and stream.sent == [b"two"]
        assert commands == [List(7)] and stream.closed == ["enough"]
        assert driver.counters.get("sip.stream.gone") == 1 and driver.counters.get("event.zone.state") == 1

    run(main)


def test_a_defect_costs_only_its_message() -> None:
    async def main() -> None:
        core, driver, datagrams, _ = rig()
        for data in (b"one", b"boom", b"two"):
            driver.receive(data, UDP, 1.0)
        core.outputs.insert(1, object())  # an output that nobody knows
        driver.settle(1.0)
        assert [data for data, _ in datagrams.sent] == [b"one", b"two"]
        assert driver.counters.get("defects") == 2

    run(main)


def test_without_a_dialler_the_core_hears_so() -> None:
    async def main() -> None:
        core, driver, _, _ = rig()
        token = core.send_to(Hop("tcp", "192.0.2.9", 5060, "inner"), b"x")
        driver.settle(1.0)
        assert core.failed == [(token, "nothing can be dialled here")]

    run(main)


def test_the_timer_follows_the_deadline() -> None:
    async def main() -> None:
        core, driver, _, _ = rig()
        now = time.monotonic()
        core.deadline = now + 60
        driver.settle(now)
        core.deadline = now + 0.02  # earlier: armed anew
        driver.settle(now)
        await until(lambda: bool(core.fired))
        assert core.fired[0] >= now + 0.02

    run(main)


def test_a_core_that_stays_due_does_not_spin() -> None:
    async def main() -> None:
        core, driver, _, _ = rig()
        calls = []
        core.handle_timeout = calls.append  # type: ignore[method-assign]  # never moves its deadline
        core.deadline = time.monotonic()
        driver.settle(core.deadline)
        await until(lambda: len(calls) >= 2)
        before = time.monotonic()
        await asyncio.sleep(0.05)
        assert len(calls) <= 3 and time.monotonic() - before < 1

    run(main)
