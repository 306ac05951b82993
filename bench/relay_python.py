"""CPU time of one RTP packet through the Python relay: 20 calls of 50 packets a second each way, one process.

The packets are 172 octets long (20 ms of G.711). Informative: there is no peer in this run.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from figures import figure
from processes import Process, cpu_seconds, start, tree, wait_for
from rig import Later, Rig
from sipp import BenchError
from subjects import Seaway, python_environment

from seaway.media.encoding import decode_message, encode
from seaway.media.protocol import LegName, LegRequest, Open, Opened, SetRemote, StreamRequest

__all__ = ["NAME", "run"]

NAME = "relay-python"
_CALLS = 20
_RATE = 50  # packets per second, call and direction
_SECONDS = 3
_RUNS = 3
_LEG = LegRequest("plain", "inner", ("Y01-04", "Y01-05"))
_PHONES = "127.0.15.10"
_RUN = """\
import sys
from seaway.catalog.resolve import resolve
from seaway.runtime.config import load_node_config
from seaway.runtime.relay import run_relay
config, deployment = load_node_config(sys.argv[1])
config.run_dir.mkdir()
run_relay(config.node, resolve(deployment), config.run_dir)
"""


def run(rig: Rig) -> Later:
    """Measures at once; there is nothing to wait for."""
    host, folder = rig.place()
    Seaway(host, folder)  # writes the files
    relay = start(
        [sys.executable, "-c", _RUN, str(folder / "node.toml")],
        core=rig.subject_core, output=folder / "output", environment=python_environment(),
    )  # fmt: skip
    try:
        costs = _measure(relay, folder)
    finally:
        relay.stop()
    result = figure(NAME, "seaway", "us CPU per packet", costs, f"python bench/run.py --only {NAME}")
    return lambda: [result]


def _measure(relay: Process, folder: Path) -> list[float]:
    path = folder / "run" / "relay.sock"
    if not wait_for(lambda: path.exists() or relay.popen.poll() is not None, 10.0) or relay.popen.poll() is not None:
        raise BenchError(f"the relay did not start: {relay.tail()}")
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(5.0)
        control.connect(str(path))
        phones: list[tuple[socket.socket, socket.socket]] = []
        pairs: list[tuple[socket.socket, tuple[str, int]]] = []  # a phone, and where it sends
        try:
            with control.makefile("rb") as lines:
                for session in range(_CALLS):
                    a, b = _phone(), _phone()
                    phones.append((a, b))
                    control.sendall(encode(Open(session + 1, f"call{session}", "", (StreamRequest(_LEG, _LEG),))))
                    opened = decode_message(lines.readline())
                    if not isinstance(opened, Opened):
                        raise BenchError(f"the relay did not open its ports: {opened}")
                    control.sendall(_remote(session, "a", a) + _remote(session, "b", b))
                    pairs += [(a, opened.streams[0].a.rtp), (b, opened.streams[0].b.rtp)]
            time.sleep(0.2)
            _play(pairs, _RATE // 5)  # both legs latch
            return [_cost(relay, pairs) for _ in range(_RUNS)]
        finally:
            for a, b in phones:
                a.close()
                b.close()


def _remote(session: int, leg: LegName, phone: socket.socket) -> bytes:
    host, port = phone.getsockname()
    return encode(SetRemote(f"call{session}", 0, leg, rtp=(host, port), rtcp=(host, port + 1), allowed=(host,)))


def _phone() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((_PHONES, 0))
    made.setblocking(False)
    return made


def _cost(relay: Process, pairs: list[tuple[socket.socket, tuple[str, int]]]) -> float:
    pids = tree(relay.pid)
    before = cpu_seconds(pids)
    arrived = _play(pairs, _RATE * _SECONDS)
    used = cpu_seconds(pids) - before
    expected = len(pairs) * _RATE * _SECONDS
    if arrived < 0.99 * expected:
        raise BenchError(f"only {arrived} of {expected} packets came through the relay")
    return used / arrived * 1e6


_sequence = 0


def _play(pairs: list[tuple[socket.socket, tuple[str, int]]], rounds: int) -> int:
    """Each phone sends `rounds` packets, spread over the packet time; returns how many arrived at phones."""
    global _sequence
    arrived = 0
    step = 1.0 / _RATE / len(pairs)
    due = time.monotonic()
    for _ in range(rounds):
        _sequence += 1
        for index, (phone, relay) in enumerate(pairs):
            head = b"\x80\x00" + (_sequence % 65536).to_bytes(2) + (160 * _sequence % 2**32).to_bytes(4)
            phone.sendto(head + (index + 1).to_bytes(4) + bytes(160), relay)
            due += step
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        arrived += _drain(pairs)
    time.sleep(0.1)
    return arrived + _drain(pairs)


def _drain(pairs: list[tuple[socket.socket, tuple[str, int]]]) -> int:
    count = 0
    for phone, _ in pairs:
        while True:
            try:
                phone.recv(2048)
            except BlockingIOError:
                break
            count += 1
    return count
