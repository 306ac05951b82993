"""R32: a flood of connections: what is bounded, and who goes first. On real sockets, but for the order itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seaway.call.events import Proved
from seaway.runtime.room import Unproved
from tests.runtime.rig import OUTSIDE, message, run, until, within
from tests.runtime.test_stream import client_context, dial, edge, files

__all__ = ["files"]  # a fixture

BASE = OUTSIDE.rsplit(".", 1)[0]


def connection(since: float, spoke: float | None = None, proved: bool = False) -> Any:
    heard = spoke is not None
    return SimpleNamespace(since=since, heard=heard, spoke=spoke if heard else since, proved=proved)


class Hashable(SimpleNamespace):
    __hash__ = object.__hash__


def order(*made: Any, now: float = 100.0) -> list[int]:
    """The numbers of those that go, first to last."""
    room, all_of_them = Unproved(), [Hashable(**vars(each)) for each in made]
    for each in all_of_them:
        room.add(each, None)  # type: ignore[arg-type]
    taken: list[int] = []
    while (found := room.take(now)) is not None:
        taken.append(next(index for index, each in enumerate(all_of_them) if each is found[0]))
    return taken


def test_r32_who_goes_first() -> None:
    spoke_long_ago, silent, speaks = connection(1.0, 50.0), connection(2.0), connection(3.0, 95.0)
    proved, young = connection(4.0, 50.0, proved=True), connection(99.0)
    assert order(spoke_long_ago, silent, speaks, proved, young) == [1, 0]
    assert order(young, proved) == []
    assert order(proved, connection(5.0), connection(6.0)) == [1, 2], "the oldest of those that never spoke"


def test_r32_looking_for_one_is_bounded() -> None:
    looked = 0

    class Proven(Hashable):
        @property
        def heard(self) -> bool:
            nonlocal looked
            looked += 1
            return True

    room = Unproved()
    for _ in range(5000):
        room.add(Proven(since=0.0, spoke=99.9, proved=False), None)  # type: ignore[arg-type]
    assert room.take(100.0) is None
    assert looked < 100


def test_r32_slow_loris_by_octets(files: Path) -> None:
    """One octet now and then is no whole message: the time runs from the begin of the connection."""

    async def main() -> None:
        async with edge(files, patience=0.5) as made:
            reader, writer = await dial()
            begin = time.monotonic()
            for octet in message():
                writer.write(bytes((octet,)))
                await asyncio.sleep(0.05)
                if reader.at_eof() or writer.transport.is_closing():
                    break
            await until(lambda: len(made.connections) == 0)
            assert time.monotonic() - begin < 4.0 and not made.core.received
            assert made.core.closed[0][1] == "no whole message within 0.5 s"
            assert made.driver.counters.get("sip.stream.slow") == 1

    run(main)


def test_r32_keep_alives_alone_are_no_message(files: Path) -> None:
    async def main() -> None:
        async with edge(files, patience=0.5) as made:
            _, writer = await dial()
            for _ in range(30):
                if writer.transport.is_closing():
                    break
                writer.write(b"\r\n\r\n")
                await asyncio.sleep(0.1)
            await until(lambda: len(made.connections) == 0)
            assert made.core.closed[0][1] == "no whole message within 0.5 s"

    run(main)


def test_r32_who_proved_nothing_makes_room(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full table of strangers: whoever comes is let in, who has authenticated stays."""
    monkeypatch.setattr("seaway.runtime.room._YOUNG", 0.0)

    async def main() -> None:
        async with edge(files, limit=4, per_source=4) as made:
            phone, to_phone = await dial(local_addr=(f"{BASE}.1", 0))
            to_phone.write(message())
            await within(phone.readexactly(len(message())))
            made.core.outputs.append(Proved(made.core.received[0][1]))
            made.driver.settle(0.0)
            strangers = [await dial(local_addr=(f"{BASE}.2", 0)) for _ in range(3)]
            await until(lambda: len(made.core.opened) == 4)
            late, to_late = await dial(local_addr=(f"{BASE}.3", 0))
            assert await within(strangers[0][0].read()) == b"", "the first of them went"
            to_late.write(message(2))
            assert await within(late.readexactly(len(message(2)))) == message(2)
            assert len(made.connections) == 4
            for number in range(3, 9):  # a flood: strangers replace strangers
                await dial(local_addr=(f"{BASE}.{number}", 0))
            await until(lambda: made.driver.counters.get("sip.stream.made_room") >= 3)
            to_phone.write(message(9))
            assert await within(phone.readexactly(len(message(9)))) == message(9)
            assert len(made.connections) <= 4
            for _, writer in strangers:
                writer.close()

    run(main)


def test_r32_half_open_handshakes_are_bounded_per_source(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP connections that never say hello count from the first moment, and end."""
    monkeypatch.setattr("seaway.runtime.listener._HANDSHAKE", 0.6)

    async def main() -> None:
        async with edge(files, limit=20, per_source=3) as made:
            held = [await dial(5061, local_addr=(f"{BASE}.1", 0)) for _ in range(3)]
            await until(lambda: len(made.connections) == 3)
            refused, _ = await dial(5061, local_addr=(f"{BASE}.1", 0))
            assert await within(refused.read()) == b""
            assert made.driver.counters.get("sip.stream.over_limit") == 1
            other, writer = await dial(
                5061, local_addr=(f"{BASE}.2", 0), ssl=client_context(files, None), server_hostname="edge1.example.test"
            )
            writer.write(message())
            assert await within(other.readexactly(len(message()))) == message()
            for reader, _ in held:
                assert await within(reader.read()) == b""
            await until(lambda: len(made.connections) == 1)
            writer.close()

    run(main)


def test_r32_a_half_open_handshake_makes_room(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.runtime.room._YOUNG", 0.0)

    async def main() -> None:
        async with edge(files, limit=2, per_source=2) as made:
            held = [await dial(5061, local_addr=(f"{BASE}.1", 0)) for _ in range(2)]
            await until(lambda: len(made.connections) == 2)
            late, writer = await dial(local_addr=(f"{BASE}.2", 0))
            assert await within(held[0][0].read()) == b""
            writer.write(message())
            assert await within(late.readexactly(len(message()))) == message()
            assert len(made.connections) == 2
            writer.close()

    run(main)
