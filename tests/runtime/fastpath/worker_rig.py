"""A worker process for one test, sockets on loopback addresses, and packets to send."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seaway.media.flows import DatagramUp, Flow, FlowKey, FlowKind, PortKind, Prefix
from seaway.media.protocol import Address
from seaway.runtime.fastpath.worker import Owner, WorkerTable, native_worker, start_worker

ROOT = Path(__file__).resolve().parents[3]
WAIT = 3.0


def program() -> Path:
    """The worker to test: SEAWAY_TEST_WORKER (a build with sanitizers), or the one of the package, built when it is not
    there yet or its sources are newer."""
    chosen = os.environ.get("SEAWAY_TEST_WORKER")
    if chosen:
        return Path(chosen)
    if shutil.which("cc") is not None and shutil.which("make") is not None:
        subprocess.run(["make", "-s", "-C", str(ROOT / "dataplane"), "worker"], check=True)
    found = native_worker()
    if found is None:
        pytest.skip("no C compiler to build the worker with")
    return found


class Rig:
    """`table` is the client of the relay; `udp` makes sockets that are closed at the end."""

    def __init__(self, path: Path, *options: str, uid: int | None = None) -> None:
        self.path = path
        self.errors = path.with_suffix(".err")
        self.process = start_worker(path, uid, program=program(), options=options)
        self.table = WorkerTable(path, Owner.RELAY)
        self._sockets: list[socket.socket] = []

    def udp(self, host: str = "127.0.0.1") -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, 0))
        made.settimeout(WAIT)
        self._sockets.append(made)
        return made

    def port(self, host: str = "127.0.0.1", kind: PortKind = PortKind.PLAIN) -> socket.socket:
        made = self.udp(host)
        self.table.attach(made, kind)
        return made

    def up(self, count: int = 1) -> list[DatagramUp]:
        """What went up, at least `count`."""
        found: list[DatagramUp] = []
        limit = time.monotonic() + WAIT
        while len(found) < count and time.monotonic() < limit:
            if select.select([self.table.fileno()], [], [], WAIT)[0]:
                found += self.table.receive()
        return found

    def until(self, condition: Callable[[], bool]) -> None:
        limit = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < limit, "it did not come to this"
            time.sleep(0.002)

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self.table.close()
        self.process.terminate()
        assert self.process.wait(WAIT) == 0, "the worker did not end well"


@contextmanager
def rig(path: Path, *options: str, uid: int | None = None) -> Iterator[Rig]:
    made = Rig(path / "worker", *options, uid=uid)
    try:
        yield made
    finally:
        made.close()


def at(made: socket.socket) -> Address:
    return made.getsockname()[:2]


def flow(
    local: socket.socket,
    remote: socket.socket,
    out_local: socket.socket,
    out_remote: socket.socket,
    *,
    prefix: int | None = None,
    add: Prefix | None = None,
    kind: FlowKind = FlowKind.MEDIA,
    clocks: tuple[tuple[int, int], ...] = (),
) -> Flow:
    return Flow(FlowKey(at(local), at(remote), prefix), at(out_local), at(out_remote), add, kind, clocks=clocks)


def rtp(sequence: int, payload: bytes = b"voice", *, ssrc: int = 7, kind: int = 0, stamp: int | None = None) -> bytes:
    when = sequence * 160 if stamp is None else stamp
    return (
        bytes((0x80, kind))
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + (when & 0xFFFFFFFF).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )


RTCP = bytes.fromhex("80c90001") + (7).to_bytes(4, "big")
STUN = bytes.fromhex("000100002112a442") + bytes(12)
