"""CPU time of one packet where SRTP ends: 50 calls, one side with SRTP and keys in SDP, the other with RTP, 50 packets
a second each way. The userspace worker beside rtpengine without its kernel module.

Signalling is a command to each; the SRTP side's packets were sealed before. What comes out on the RTP side is compared.
"""

from __future__ import annotations

import socket
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from dataplane.rtpengine import Control
from figures import Figure, figure
from processes import Process, cpu_seconds, start, tree, wait_for
from rig import Later, Rig
from sipp import BenchError
from subjects import Seaway, python_environment

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import Transform, transform_of
from seaway.media.encoding import decode_message, encode
from seaway.media.protocol import LegName, LegRequest, Open, Opened, Security, SetRemote, SrtpKey, StreamRequest

__all__ = ["NAME", "TEXT", "TITLE", "run", "table"]

NAME = "relay-srtp"
TITLE = "Where SRTP ends"
TEXT = (
    "One side has SRTP with keys of SDP, the other RTP; 50 calls, packets of 172 octets, 50 a second each way, on "
    "loopback. One packet is one through the relay, whichever way. At this rate nearly each packet wakes the relay, "
    "and the kernel's part of sending and receiving is most of the cost: the rows without SRTP show it. rtpengine "
    "has one thread and no kernel module."
)
_CALLS = 50
_RATE = 50
_SECONDS = 3
_RUNS = 3
_WARM = 10  # packets of each phone before
_LEG = LegRequest("plain", "inner", ("Y01-04", "Y01-05"))
_PHONES = "127.0.16.10"
_SUITES = ("", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM")
_NG, _RTPENGINE = 2224, "127.0.16.20"
_RUN = """\
import sys
from seaway.catalog.resolve import resolve
from seaway.runtime.config import load_node_config
from seaway.runtime.fastpath.choose import choose
from seaway.runtime.relay import run_relay
config, deployment = load_node_config(sys.argv[1])
config.run_dir.mkdir()
path = choose("userspace", (), config.run_dir, None)
run_relay(config.node, resolve(deployment), config.run_dir, path=path)
"""

Address = tuple[str, int]
Way = tuple[socket.socket, Address]
"""A phone, and where it sends."""


def run(rig: Rig) -> Later:
    """Measures at once."""
    found: list[Figure] = []
    for suite in _SUITES:
        for label, subject in (("seaway userspace", _seaway), ("rtpengine", _rtpengine)):
            costs = _measured(rig, suite, subject)
            case = suite or "RTP on both sides"
            found.append(
                figure(NAME, label, "us CPU per packet", costs, f"python bench/run.py --only {NAME}", case=case)
            )
    return lambda: found


def table(rows: Sequence[Figure]) -> list[str]:
    lines = ["| what | subject | us CPU per packet | low | high | Seaway / peer |", "|---|---|---|---|---|---|"]
    ours = {each.case: each.value for each in rows if each.subject.startswith("seaway")}
    for each in rows:
        peer = not each.subject.startswith("seaway")
        ratio = f"{ours[each.case] / each.value:.2f}" if peer and each.case in ours and each.value else ""
        lines.append(f"| {each.case} | {each.subject} | {each.value} | {each.low} | {each.high} | {ratio} |")
    return lines


def phone_at(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


def drained(phones: list[socket.socket]) -> Iterator[bytes]:
    """What has arrived."""
    for phone in phones:
        while True:
            try:
                yield phone.recv(2048)
            except BlockingIOError:
                break


def paced(step: float) -> Callable[[], None]:
    """Waits until the next packet is due."""
    due = [time.monotonic()]

    def pause() -> None:
        due[0] += step
        late = due[0] - time.monotonic()
        if late > 0:
            time.sleep(late)

    return pause


def _key(call: int, suite: str) -> bytes:
    return bytes([call + 1]) * (SUITES[suite].key + SUITES[suite].salt)


def _text(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _measured(
    rig: Rig, suite: str, subject: Callable[[Rig, ExitStack, str, list[Way], list[Way]], Process]
) -> list[float]:
    with ExitStack() as stack:
        near: list[Way] = []
        far: list[Way] = []
        process = subject(rig, stack, suite, near, far)
        sealing = [
            transform_of(MasterKey.joined(suite, _key(call, suite))) if suite else None for call in range(_CALLS)
        ]
        position = [0]
        _play(near, far, sealing, position, _WARM)
        return [_cost(process, near, far, sealing, position) for _ in range(_RUNS)]


def _cost(
    process: Process, near: list[Way], far: list[Way], sealing: list[Transform | None], position: list[int]
) -> float:
    pids = tree(process.pid)
    rounds = _RATE * _SECONDS
    packets = [_packets(index, each, position[0], rounds) for index, each in enumerate(sealing)]
    before = cpu_seconds(pids)
    arrived = _send(near, far, packets, position, rounds)
    used = cpu_seconds(pids) - before
    expected = 2 * _CALLS * rounds
    if arrived < 0.99 * expected:
        raise BenchError(f"only {arrived} of {expected} packets came through")
    return used / arrived * 1e6


def _play(near: list[Way], far: list[Way], sealing: list[Transform | None], position: list[int], rounds: int) -> None:
    packets = [_packets(index, each, position[0], rounds) for index, each in enumerate(sealing)]
    _send(near, far, packets, position, rounds)


def _rtp(index: int, sequence: int) -> bytes:
    head = b"\x80\x00" + (sequence % 65536).to_bytes(2) + (160 * sequence % 2**32).to_bytes(4)
    return head + (index + 1).to_bytes(4) + bytes(160)


def _packets(index: int, sealing: Transform | None, first: int, count: int) -> list[bytes]:
    made = [_rtp(index, first + number + 1) for number in range(count)]
    return made if sealing is None else [sealing.seal_rtp(each, first + at + 1) for at, each in enumerate(made)]


def _send(near: list[Way], far: list[Way], packets: list[list[bytes]], position: list[int], rounds: int) -> int:
    """Both ways; how many arrived. What comes to the far side has to be in clear."""
    arrived = 0
    pause = paced(1.0 / _RATE / (2 * _CALLS))
    for number in range(rounds):
        position[0] += 1
        for index in range(_CALLS):
            near[index][0].sendto(packets[index][number], near[index][1])
            pause()
            far[index][0].sendto(_rtp(index, position[0]), far[index][1])
            pause()
        arrived += _drain(near, far)
    time.sleep(0.1)
    return arrived + _drain(near, far)


def _drain(near: list[Way], far: list[Way]) -> int:
    count = 0
    for data in drained([phone for phone, _ in far]):
        if len(data) != 172 or data[12:] != bytes(160):
            raise BenchError("a packet left the relay in another form than it should")
        count += 1
    return count + sum(1 for _ in drained([phone for phone, _ in near]))


def _seaway(rig: Rig, stack: ExitStack, suite: str, near: list[Way], far: list[Way]) -> Process:
    host, folder = rig.place()
    Seaway(host, folder)  # writes the files
    relay = start(
        [sys.executable, "-c", _RUN, str(folder / "node.toml")],
        core=rig.subject_core, output=folder / "output", environment=python_environment(),
    )  # fmt: skip
    stack.callback(relay.stop)
    path = folder / "run" / "relay.sock"
    if not wait_for(lambda: path.exists() or relay.popen.poll() is not None, 10.0) or relay.popen.poll() is not None:
        raise BenchError(f"the relay did not start: {relay.tail()}")
    control = stack.enter_context(socket.socket(socket.AF_UNIX))
    control.settimeout(5.0)
    control.connect(str(path))
    lines = stack.enter_context(control.makefile("rb"))
    for call in range(_CALLS):
        a, b = phone_at(_PHONES), phone_at(_PHONES)
        stack.callback(a.close)
        stack.callback(b.close)
        control.sendall(encode(Open(call + 1, f"call{call}", "", (StreamRequest(_LEG, _LEG),))))
        opened = decode_message(lines.readline())
        if not isinstance(opened, Opened):
            raise BenchError(f"the relay did not open its ports: {opened}")
        if suite:
            theirs, ours = (SrtpKey(suite, _text(each)) for each in (_key(call, suite), _key(call + 100, suite)))  # type: ignore[arg-type]
            control.sendall(encode(Security(f"call{call}", 0, "a", "srtp", (theirs,), ours)))
            control.sendall(encode(Security(f"call{call}", 0, "b", "rtp")))
        legs: tuple[LegName, LegName] = ("a", "b")
        for leg, phone in zip(legs, (a, b), strict=True):
            at = phone.getsockname()
            control.sendall(encode(SetRemote(f"call{call}", 0, leg, at, (at[0], at[1] + 1), (at[0],))))
        near.append((a, opened.streams[0].a.rtp))
        far.append((b, opened.streams[0].b.rtp))
    time.sleep(0.2)
    return relay


def _rtpengine(rig: Rig, stack: ExitStack, suite: str, near: list[Way], far: list[Way]) -> Process:
    _, folder = rig.place()
    Path(folder).mkdir(parents=True)
    process = start(
        ["rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--num-threads=1",
         f"--interface={_RTPENGINE}", f"--listen-ng=127.0.0.1:{_NG}", "--port-min=30000", "--port-max=32000",
         "--timeout=3600", "--silent-timeout=3600", "--no-log-timestamps"],
        core=rig.subject_core, output=folder / "output",
    )  # fmt: skip
    stack.callback(process.stop)
    control = stack.enter_context(Control(None, _NG))
    if not wait_for(control.answers, 5.0):
        raise BenchError(f"rtpengine did not start: {process.tail()}")
    for call in range(_CALLS):
        a, b = phone_at(_PHONES), phone_at(_PHONES)
        stack.callback(a.close)
        stack.callback(b.close)
        crypto = f"1 {suite} inline:{_text(_key(call, suite))}" if suite else ""
        to_a, to_b = control.bridge(f"call{call}", a.getsockname(), b.getsockname(), crypto)
        near.append((a, (_RTPENGINE, to_a)))
        far.append((b, (_RTPENGINE, to_b)))
    return process
