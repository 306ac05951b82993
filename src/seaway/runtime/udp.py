"""SIP over UDP: one socket, read and written in bursts (`burst.py`). The path of every datagram; kept short.

A `Flow` object is kept for each peer so that call control sees the same object each time. The flows live in two
generations: when the young one is full it becomes the old one, and whoever is heard from moves back; peers that are
silent for a whole generation are forgotten. Memory is bounded by twice `flows`.

Under load the socket is read by the clock, each millisecond, instead of at each datagram: waking up costs more than
reading, and all that came in between shares one look at the timers and one burst of answers. When a few looks in turn
find nothing, the loop watches the socket again.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from errno import errorcode

from seaway.call.config import Listener
from seaway.core.sip.io import Address, Flow
from seaway.observe.counters import Counters
from seaway.runtime import burst
from seaway.runtime.driver import Driver
from seaway.runtime.sockets import RowSocket, SocketError
from seaway.wire.endpoint import scoped

__all__ = ["UdpListener"]

_BUSY = 0.002  # seconds between two wake-ups, below which the next one counts as load
_STREAK = 16  # such wake-ups in turn after which the socket is read by the clock
_LOOK = 0.001  # seconds between two looks then
_EMPTY = 3  # looks without a datagram after which the loop watches the socket again
_SO_MEMINFO, _MEMORY = 55, struct.Struct("9I")  # socket(7); linux/sock_diag.h: SK_MEMINFO_RMEM_ALLOC to _DROPS
_QUEUE = 1000  # datagrams waiting for a full socket buffer; more are dropped, as the network would


class UdpListener:
    """`permitted(remote)` raises `SocketError` for a peer that no row covers; it is asked once for each new peer that
    we write to first."""

    def __init__(
        self,
        sock: RowSocket,
        listener: Listener,
        driver: Driver,
        permitted: Callable[[Address], object],
        *,
        flows: int = 100_000,
        named: Callable[[Address], str] | None = None,
    ) -> None:
        """`named`: the row by which a peer comes, where the socket has several."""
        self._socket = sock
        self._listener = listener
        self._driver = driver
        self._permitted = permitted
        self._named = named if listener.more else None
        self._limit = flows
        self._young: dict[Address, Flow] = {}
        self._old: dict[Address, Flow] = {}
        self._refused: set[Address] = set()
        self._checked: set[Address] = set()
        self._queue: list[tuple[bytes, Address]] = []  # to be sent when the core has settled
        self._full = False  # the socket buffer, when last written to
        self._counters: Counters = driver.counters
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)
        self._woken = 0.0  # monotonic seconds of the last wake-up
        self._streak = 0
        self._empty = 0
        self._timer: asyncio.TimerHandle | None = None  # while the socket is read by the clock
        self._full_since: float | None = None  # monotonic seconds; `None`: the socket was empty when last read
        self._dropped = 0  # datagrams that the kernel has dropped, when last asked
        driver.datagrams[listener.address] = self

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket.fileno())
        if self._full:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def waits_since(self) -> float | None:
        """Since when datagrams wait: the socket was not found empty, and its buffer is half full or has run over.
        Asked some times a second."""
        memory = _MEMORY.unpack(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size))
        allocated, bound, drops = memory[0], memory[1], memory[8]
        dropped, self._dropped = drops != self._dropped, drops
        return self._full_since if dropped or 2 * allocated > bound else None

    def flow(self, remote: Address) -> Flow:
        """The flow of a peer, made when there is none."""
        flow = self._young.get(remote)
        return flow if flow is not None else self._remember(remote)

    def may(self, host: str, port: int) -> bool:
        """Whether a row allows to write to a peer first."""
        remote = (host, port)
        return remote in self._young or remote in self._old or remote in self._checked or self._may(remote)

    # -- in

    def _readable(self) -> None:
        """The loop says that there is something."""
        now = time.monotonic()
        self._read(now)
        self._streak = self._streak + 1 if now - self._woken < _BUSY else 0
        if self._streak >= _STREAK:
            self._streak = 0
            self._loop.remove_reader(self._socket.fileno())
            self._empty = 0
            self._timer = self._loop.call_later(_LOOK, self._look)
        self._woken = now

    def _look(self) -> None:
        """The clock says that it is time to look."""
        now = self._woken = time.monotonic()
        count = self._read(now)
        self._empty = 0 if count else self._empty + 1
        if self._empty < _EMPTY:
            self._timer = self._loop.call_later(_LOOK if count < burst.MOST else 0.0, self._look)
        elif self._socket.fileno() >= 0:
            self._timer = None
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def _read(self, now: float) -> int:
        """Read and answer one burst; returns how many datagrams there were."""
        if self._driver.shed is not None:
            return self._shed(self._driver.shed, now)
        found, errors = burst.receive(self._socket)
        if errors:
            self._counters.add("sip.udp.icmp", errors)
        receive, young, blocked = self._driver.receive, self._young, self._driver.blocked
        watching = bool(blocked)
        for data, remote in found:
            if watching and remote[0] in blocked:
                self._counters.add("protection.dropped")
                continue
            flow = young.get(remote)
            if flow is None:
                if scoped(remote[0]):
                    self._counters.add("sip.udp.link_local")
                    continue
                flow = self._remember(remote)
                young = self._young
            receive(data, flow, now)
        return self._done(len(found), now)

    def _shed(self, shed: Callable[[int, float], tuple[int, list[tuple[bytes, Address]]]], now: float) -> int:
        """The same under overload: `shed` reads, and leaves us what is to be looked at."""
        try:
            count, passed = shed(self._socket.fileno(), now)
        except OSError:  # an ICMP error of an earlier datagram
            self._counters.add("sip.udp.icmp")
            return 1
        blocked = self._driver.blocked
        for data, remote in passed:
            if blocked and remote[0] in blocked:
                self._counters.add("protection.dropped")
            elif scoped(remote[0]):
                self._counters.add("sip.udp.link_local")
            else:
                self._driver.receive(data, self.flow(remote), now)
        return self._done(count, now)

    def _done(self, count: int, now: float) -> int:
        """A burst of `count` datagrams was read."""
        if count < burst.MOST:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        if count:
            self._driver.settle(now)
        return count

    def _remember(self, remote: Address) -> Flow:
        flow = self._young.get(remote) or self._old.pop(remote, None)
        if flow is None:
            row = self._listener
            name = row.row if self._named is None else self._named(remote)
            flow = Flow(self._driver.flow_id(), "udp", row.address, remote, row.nic, name)
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[remote] = flow
        return flow

    # -- out

    def send(self, data: bytes, remote: Address) -> None:
        """One datagram, at the next `flush`."""
        if (
            remote not in self._young
            and remote not in self._old
            and remote not in self._checked
            and not self._may(remote)
        ):
            return
        queue = self._queue
        if not queue:
            self._driver.touched.append(self)
        elif len(queue) >= _QUEUE and self._full:
            self._counters.add("sip.udp.overflow")
            return
        queue.append((data, remote))

    def flush(self) -> None:
        """Send what is queued. Errors of the network are counted; SIP's own timers deal with the loss."""
        if not self._full and self._queue and self._socket.fileno() >= 0:
            self._write()

    def _write(self) -> None:
        queue = self._queue
        done, failed = burst.send(self._socket, queue)
        for index, error in failed:
            data, remote = queue[index]
            self._counters.add("sip.udp.unsent")
            reason = errorcode.get(error, str(error))
            self._driver.log.debug("udp.unsent", remote=remote, reason=reason, octets=len(data))
        full = done < len(queue)
        self._queue = queue[done:] if full else []
        if full != self._full:
            self._full = full
            if full:
                self._loop.add_writer(self._socket.fileno(), self._write)
            else:
                self._loop.remove_writer(self._socket.fileno())

    def _may(self, remote: Address) -> bool:
        """Whether a row allows to send to a peer that has not sent to us (R35). The answer is remembered, bounded."""
        if remote in self._refused:
            return False
        known = self._checked
        try:
            self._permitted(remote)
        except SocketError as error:
            known = self._refused
            self._counters.add("sip.udp.refused")
            if self._driver.noise.allows(time.monotonic()):
                self._driver.log.warning("udp.refused", remote=remote, reason=str(error))
        if len(known) >= 10_000:
            known.clear()
        known.add(remote)
        return known is self._checked
