"""SIP over UDP on real sockets: the same flow for the same peer, bounded memory, guarded destinations."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from seaway.call.config import Listener
from seaway.catalog.model import Transport
from seaway.observe.counters import Counters
from seaway.runtime import burst
from seaway.runtime.driver import Driver
from seaway.runtime.sockets import Sockets
from seaway.runtime.udp import UdpListener
from tests.runtime.rig import CORE, INSIDE, OUTSIDE, EchoCore, message, resolution, run, until

SIP = Listener("udp", (CORE, 5060), (CORE, 5060), "inner", "Y01-01")


@contextmanager
def rig(flows: int = 100) -> Iterator[tuple[EchoCore, Driver, UdpListener]]:
    core = EchoCore()
    driver = Driver(core, Counters())
    sockets = Sockets(resolution(), "core1")

    def permitted(remote: tuple[str, int]) -> None:
        sockets.choose(("T11-02", "Y01-01"), Transport.UDP, remote, "inner")

    listener = UdpListener(sockets.udp(("Y01-01", "T11-02"), "inner", 5060), SIP, driver, permitted, flows=flows)
    try:
        yield core, driver, listener
    finally:
        listener.close()


def peer() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((INSIDE, 0))
    made.settimeout(5)
    return made


def test_a_peer_keeps_its_flow_and_gets_its_answers() -> None:
    async def main() -> None:
        with rig() as (core, _, _), peer() as one, peer() as other:
            for number in range(200):  # more than one burst
                one.sendto(message(number), (CORE, 5060))
            other.sendto(message(1000), (CORE, 5060))
            await until(lambda: len(core.received) == 201)
            flows = {flow for _, flow in core.received}
            assert len(flows) == 2
            assert {flow.remote for flow in flows} == {one.getsockname(), other.getsockname()}
            assert all((flow.local, flow.row, flow.transport) == ((CORE, 5060), "Y01-01", "udp") for flow in flows)
            assert one.recv(65535) == message(0) and other.recv(65535) == message(1000)

    run(main)


def test_flows_are_bounded_and_the_busy_ones_stay() -> None:
    async def main() -> None:
        with rig(flows=10) as (_, _, listener):
            busy = listener.flow((INSIDE, 2000))
            for port in range(3000, 3100):
                listener.flow((INSIDE, port))
                assert listener.flow((INSIDE, 2000)) is busy
                assert len(listener) <= 20

    run(main)


def test_a_destination_that_no_row_covers_is_never_written_to() -> None:
    async def main() -> None:
        with rig() as (_, driver, listener):
            for remote in (("224.0.1.75", 5060), (CORE, 5060), (OUTSIDE, 5060), (INSIDE, 80)):
                listener.send(b"x", remote)
                listener.send(b"x", remote)
                assert not listener.may(*remote)
            assert driver.counters.get("sip.udp.refused") == 4  # asked once for each

    run(main)


def test_writing_first_to_a_peer_of_the_row() -> None:
    async def main() -> None:
        with rig() as (_, driver, listener), peer() as one:
            listener.send(b"hello", one.getsockname())
            driver.settle(0.0)
            assert one.recv(100) == b"hello"

    run(main)


def test_an_oversized_datagram_is_counted_not_raised() -> None:
    async def main() -> None:
        with rig() as (_, driver, listener), peer() as one:
            listener.send(b"x" * 70_000, one.getsockname())
            listener.send(b"y", one.getsockname())
            driver.settle(0.0)
            assert one.recv(100) == b"y"
            assert driver.counters.get("sip.udp.unsent") == 1

    run(main)


def test_under_load_the_clock_reads_and_in_quiet_the_loop_watches_again() -> None:
    async def main() -> None:
        with rig() as (core, _, listener), peer() as one:
            count = 0
            while listener._timer is None:  # one wake-up each, close together
                one.sendto(message(count), (CORE, 5060))
                count += 1
                while len(core.received) < count:
                    await asyncio.sleep(0)
                assert count < 5000
            for _ in range(300):  # all arrives while the clock reads, more than a burst too
                one.sendto(message(count), (CORE, 5060))
                count += 1
            await until(lambda: len(core.received) == count)
            await until(lambda: listener._timer is None)
            one.sendto(message(count), (CORE, 5060))
            await until(lambda: len(core.received) == count + 1)
            assert [data for data, _ in core.received] == [message(number) for number in range(count + 1)]

    run(main)


def test_closing_while_the_clock_reads() -> None:
    async def main() -> None:
        with rig() as (core, _, listener), peer() as one:
            while listener._timer is None:
                one.sendto(message(1), (CORE, 5060))
                await asyncio.sleep(0)
            received = len(core.received)
            listener.close()
            one.sendto(message(2), (CORE, 5060))
            await asyncio.sleep(0.02)
            assert len(core.received) == received

    run(main)


def test_a_full_socket_buffer_is_waited_for_and_the_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    room = [3]

    def narrow(sock: object, queue: list[tuple[bytes, tuple[str, int]]]) -> tuple[int, list[tuple[int, int]]]:
        done = min(room[0], len(queue))
        room[0] -= done
        sent.extend(data for data, _ in queue[:done])
        return done, []

    sent: list[bytes] = []
    monkeypatch.setattr(burst, "send", narrow)

    async def main() -> None:
        with rig() as (_, driver, listener), peer() as one:
            for number in range(1500):
                listener.send(b"%d" % number, one.getsockname())
            driver.settle(0.0)
            assert sent == [b"0", b"1", b"2"]
            listener.send(b"late", one.getsockname())  # more than may wait is dropped, as the network would
            driver.settle(0.0)
            assert len(sent) == 3 and driver.counters.get("sip.udp.overflow") == 1
            room[0] = 10_000
            await until(lambda: len(sent) == 1500)
            assert sent == [b"%d" % number for number in range(1500)]
            listener.send(b"again", one.getsockname())
            driver.settle(0.0)
            assert sent[-1] == b"again"

    run(main)


def test_a_link_local_peer_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address needs an interface beside it, which no Via can name: such a flow would be in nobody's words."""

    async def main() -> None:
        with rig() as (core, driver, listener):
            found = [(message(1), ("fe80::1%2", 5060))] * 3
            monkeypatch.setattr(burst, "receive", lambda sock: (found, 0))
            listener._read(1.0)
            assert not core.received and not len(listener)
            assert driver.counters.get("sip.udp.link_local") == 3

    run(main)


def test_datagrams_wait_when_the_buffer_is_half_full_or_has_run_over() -> None:
    """Overload control asks; a queue that is merely never empty is none."""

    async def main() -> None:
        with rig() as (core, _, listener), peer() as one:
            assert listener.waits_since is None
            listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            listener._full_since = 5.0  # it was not empty when last read
            assert listener.waits_since is None, "but there is room"
            for number in range(1000):
                one.sendto(message(number), (CORE, 5060))
            assert listener.waits_since == 5.0, "it has run over"
            assert listener.waits_since == 5.0, "and it is half full"
            await until(lambda: listener._full_since is None)
            assert listener.waits_since is None and core.received

    run(main)


def test_datagrams_of_a_blocked_source_are_dropped() -> None:
    async def main() -> None:
        with rig() as (core, driver, _), peer() as one:
            one.sendto(message(1), (CORE, 5060))
            await until(lambda: len(core.received) == 1)
            driver.blocked = {INSIDE}  # type: ignore[assignment]
            one.sendto(message(2), (CORE, 5060))
            await until(lambda: driver.counters.get("protection.dropped") == 1)
            driver.blocked = set()  # type: ignore[assignment]
            one.sendto(message(3), (CORE, 5060))
            await until(lambda: len(core.received) == 2)
            assert [data for data, _ in core.received] == [message(1), message(3)]

    run(main)


def test_under_overload_the_socket_is_read_by_whoever_sheds() -> None:
    async def main() -> None:
        with rig() as (core, driver, listener), peer() as one:
            told: list[int] = []

            def shed(socket: int, now: float) -> tuple[int, list[tuple[bytes, tuple[str, int]]]]:
                told.append(socket)
                try:
                    data, remote = listener._socket.recvfrom(65535)
                except BlockingIOError:
                    return 0, []
                return 1, [(data, remote)] if data != message(2) else []

            driver.shed = shed
            for number in (1, 2, 3):
                one.sendto(message(number), (CORE, 5060))
            await until(lambda: len(core.received) == 2)
            assert [data for data, _ in core.received] == [message(1), message(3)]
            assert core.received[0][1] is core.received[1][1], "the flow stays the same"
            assert set(told) == {listener._socket.fileno()} and one.recv(65535) == message(1)

    run(main)
