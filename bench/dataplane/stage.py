"""The stage of the benchmarks of media: compiled generators and sink, the network, and one measured window."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import cpu_seconds
from sipp import BenchError

from dataplane.flows import FLOWS, SINK_PORT, SOURCE, Target, Traffic
from dataplane.network import A, B, Network, inside

__all__ = ["FRAMES", "PACKETS", "Latency", "Relay", "Stage", "Window", "relay_cost"]

FRAMES, PACKETS = "frames", "packets"
_HERE = Path(__file__).resolve().parent
_BUILT = _HERE.parent.parent / "build" / "bench"
_HIGHEST = {FRAMES: 1_500_000, PACKETS: 400_000}  # packets a second that the generator's core can do beside the sink
_LOWEST = 2000
_MARGIN = 0.85  # of the highest rate without loss: what is measured
_WINDOW = 0.4  # seconds
_CALIBRATION = 0.1
_TRIES = 24
_SLOW = 3  # windows in which the generator falls behind before that is taken for its limit
_START = 20_000.0  # packets a second
_REPEATS = 3
_LOSS, _SLACK = 0.01, 64  # share, and number in one window, that do not count: another program was in between
_BURST = 50.0  # us: interrupt moderation of a usual network card


@dataclass(frozen=True, slots=True)
class Window:
    """What one run of a generator came to. `cpu`: seconds, of all tasks that worked for the relay."""

    sent: int
    arrived: int
    wrong: int
    cpu: float
    seconds: float

    @property
    def lost(self) -> bool:
        return self.sent - self.arrived > max(_SLACK, _LOSS * self.sent)

    @property
    def cost(self) -> float:
        """CPU seconds per delivered packet."""
        return self.cpu / max(1, self.arrived)


@dataclass(frozen=True, slots=True)
class Latency:
    """From the generator to the device behind the relay, in us."""

    median: float
    high: float  # 99th percentile


class Relay:
    """What is measured. `pids`: its processes, none for what runs in the kernel alone."""

    label: str
    targets: tuple[Target, ...] = ()  # of the flows, when started
    rate: float = _START  # packets a second at which the next search begins

    def start(self, stage: Stage) -> tuple[Target, ...]:
        """Set up `FLOWS` flows; where to send each so that it comes out at `SINK_PORT` + index."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        return []

    def stop(self) -> None:
        raise NotImplementedError


class Stage:
    """Namespaces, sink and generators, while it is open."""

    def __init__(self, folder: Path, generator_core: int, relay_core: int) -> None:
        self.folder = folder
        self.generator_core, self.relay_core = generator_core, relay_core
        self.network = Network(generator_core, relay_core)
        self._sink: subprocess.Popen[str] | None = None

    def __enter__(self) -> Stage:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        _build()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network.open()
        command = inside(B, str(_BUILT / "sink"), str(_BUILT / "frames.bpf.o"), "swb0")
        self._sink = subprocess.Popen(
            ["taskset", "-c", str(self.generator_core), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._answer() != "ready":
            raise BenchError("the sink did not start")

    def close(self) -> None:
        if self._sink is not None:
            self._sink.kill()
            self._sink.communicate()
            self._sink = None
        self.network.close()

    def ask(self, command: str) -> str:
        assert self._sink is not None and self._sink.stdin is not None
        self._sink.stdin.write(command + "\n")
        self._sink.stdin.flush()
        return self._answer()

    def window(
        self, generator: str, traffic: Traffic, rate: float, seconds: float, pids: Sequence[int], burst: float = _BURST
    ) -> Window:
        """One run of a generator at `rate` packets a second; what is due in `burst` us is sent at once."""
        self.ask(f"set {SINK_PORT} {FLOWS} {traffic.size}")
        counted = [*self.network.relay_threads(), *pids]
        before = cpu_seconds(counted)
        sent = self._send(generator, traffic, rate, seconds, burst)
        time.sleep(0.02)  # what is on its way arrives
        cpu = cpu_seconds(counted) - before
        seen = [int(each) for each in self.ask("read").split()]
        return Window(sent, seen[0], seen[1], cpu, seconds)

    def _send(self, generator: str, traffic: Traffic, rate: float, seconds: float, burst: float) -> int:
        """How many packets the generator sent."""
        template, flows = traffic.write(self.folder)
        if generator == FRAMES:
            ends = [str(_BUILT / "frames"), str(_BUILT / "frames.bpf.o"), "swa0"]
        else:
            ends = [str(_BUILT / "packets"), SOURCE, traffic.targets[0].host]
        command = [*ends, str(template), str(flows), str(traffic.prefix), str(rate), str(seconds), str(burst)]
        done = subprocess.run(
            ["taskset", "-c", str(self.generator_core), "chrt", "-f", "1", *inside(A, *command)],
            capture_output=True, text=True, check=False, timeout=seconds + 30,
        )  # fmt: skip
        if done.returncode:
            raise BenchError(f"{generator}: {done.stderr.strip()}")
        return int(done.stdout)

    def verify(self, relay: Relay, generator: str) -> None:
        """Each flow arrives at its own port, with its content and a right checksum; raises `BenchError` if not."""
        good = 0
        for _ in range(3):
            traffic = Traffic(relay.targets, 200)
            self.ask(f"set {SINK_PORT} {FLOWS} {traffic.size}")
            good = self._checked(generator, traffic)
            if good == len(relay.targets):
                return
        raise BenchError(
            f"{relay.label}: only {good} of {len(relay.targets)} flows arrive where they should ({generator})"
        )

    def latency(self, traffic: Traffic, rate: float, seconds: float, pids: Sequence[int]) -> tuple[Window, Latency]:
        """Frames, one at a time."""
        window = self.window(FRAMES, traffic, rate, seconds, pids, burst=0)
        median, high = (int(each) / 1000 for each in self.ask("read").split()[2:4])
        return window, Latency(median, high)

    def _checked(self, generator: str, traffic: Traffic) -> int:
        self.ask("check")
        self._send(generator, traffic, 10_000, 0.35, _BURST)
        time.sleep(0.05)
        return int(self.ask("checked"))

    def _answer(self) -> str:
        assert self._sink is not None and self._sink.stdout is not None
        line = self._sink.stdout.readline().strip()
        if not line:
            raise BenchError("the sink ended")
        return line


def relay_cost(stage: Stage, generator: str, flows: int, size: int, relay: Relay) -> list[Window]:
    """Windows at a rate close to the highest without loss, or the highest of the generator."""
    rate = _highest(stage, generator, flows, size, relay) * _MARGIN
    windows: list[Window] = []
    for _ in range(_REPEATS + 7):
        found = stage.window(generator, Traffic(relay.targets[:flows], size), rate, _WINDOW, relay.pids())
        if found.wrong:
            raise BenchError(f"{relay.label}: {found.wrong} packets arrived with another length")
        if found.lost:
            _revive(stage, relay, found)
            rate, windows = rate * 0.85, []
            continue
        windows.append(found)
        if len(windows) == _REPEATS:
            return windows
    raise BenchError(f"{relay.label} loses packets at {rate:,.0f} packets a second; the run does not count")


def _highest(stage: Stage, generator: str, flows: int, size: int, relay: Relay) -> float:
    """The highest rate without loss, from below: an overload can leave a relay in a state of its own."""
    rate, good, losses, slow = relay.rate, 0.0, 0, 0
    for _ in range(_TRIES):
        tried = stage.window(generator, Traffic(relay.targets[:flows], size), rate, _CALIBRATION, relay.pids())
        if tried.lost:
            losses += 1
            _revive(stage, relay, tried)
            if losses % 3:
                continue  # once and twice may be by another program
            if losses >= 6:
                break
            rate = good + (rate - good) / 2
            continue
        good = rate
        slow = slow + 1 if tried.sent < 0.8 * rate * tried.seconds else 0
        if rate >= _HIGHEST[generator] or slow == _SLOW:
            break  # the generator's limit
        if slow:
            continue  # once and twice may be by another program
        rate = min(rate * (2.0 if tried.cpu < 0.5 * tried.seconds else 1.3), _HIGHEST[generator])
    relay.rate = max(good / 2, _START)
    return good or rate


def _revive(stage: Stage, relay: Relay, found: Window) -> None:
    """A relay that has fallen silent (rtpengine, after an overload of one stream) is started anew."""
    if found.arrived < 0.5 * found.sent and relay.pids():
        relay.stop()
        relay.targets = relay.start(stage)


def _build() -> None:
    """Compile what is written in C, when it is newer than what is there."""
    _BUILT.mkdir(parents=True, exist_ok=True)
    machine = subprocess.run(["gcc", "-dumpmachine"], capture_output=True, text=True, check=True).stdout.strip()
    commands = {
        "frames.bpf.o": ["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{machine}", "-c", "-o"],
        "frames": ["gcc", "-O2", "-Wall", "-o"],
        "sink": ["gcc", "-O2", "-Wall", "-o"],
        "packets": ["gcc", "-O2", "-Wall", "-o"],
    }
    for name, command in commands.items():
        stem = name.removesuffix(".o")
        source, target = _HERE / f"{stem}.c", _BUILT / name
        newest = max(each.stat().st_mtime for each in (source, *_HERE.glob("*.h")))
        if target.exists() and target.stat().st_mtime > newest:
            continue
        links = [] if name.endswith(".o") else ["-lbpf"]
        done = subprocess.run([*command, str(target), str(source), *links], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{source.name} does not compile: {done.stderr.strip().splitlines()[0]}")
