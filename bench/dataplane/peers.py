"""What we compare with: the kernel's forwarding, its NAT, rtpengine and coturn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import Process, start, tree, wait_for
from sipp import BenchError

from dataplane.flows import FLOWS, SINK, SINK_PORT, SOURCE, SOURCE_PORT, Target
from dataplane.network import R_A, R_B, A, R, inside, relaying
from dataplane.rtpengine import Control
from dataplane.stage import Relay, Stage

__all__ = [
    "PASSWORD",
    "REALM",
    "TURN_PORT",
    "USER",
    "Coturn",
    "KernelForward",
    "Nftables",
    "Rtpengine",
    "turn_channels",
]

TURN_PORT = 3478
USER, PASSWORD, REALM = "bench", "correct-horse", "example.test"
_FIRST = 40000  # port of flow 0 at the relay's side of the generator
_LOAD = Path(__file__).resolve().parent / "turn_load.py"


class KernelForward(Relay):
    """The sink's address is routed: what any packet costs that passes a Linux host."""

    label = "kernel forwarding"

    def start(self, stage: Stage) -> tuple[Target, ...]:
        return tuple(Target(SINK, SINK_PORT + index) for index in range(FLOWS))

    def stop(self) -> None:
        pass


class Nftables(Relay):
    """DNAT by a map of ports and SNAT, with connection tracking."""

    label = "nftables DNAT+SNAT"

    def start(self, stage: Stage) -> tuple[Target, ...]:
        ports = ", ".join(f"{_FIRST + index} : {SINK} . {SINK_PORT + index}" for index in range(FLOWS))
        _nft(
            "table ip swbench {\n"
            f" map ends {{ type inet_service : ipv4_addr . inet_service; elements = {{ {ports} }} }}\n"
            f" chain pre {{ type nat hook prerouting priority -100; ip daddr {R_A} dnat to udp dport map @ends; }}\n"
            f' chain post {{ type nat hook postrouting priority 100; oifname "swrb" snat to {R_B}; }}\n}}\n'
        )
        return tuple(Target(R_A, _FIRST + index) for index in range(FLOWS))

    def stop(self) -> None:
        _nft("delete table ip swbench\n")
        subprocess.run(inside(R, "conntrack", "-F"), capture_output=True, check=False)


class _Program(Relay):
    """A peer that is a process on the relay's core."""

    def __init__(self) -> None:
        self.process: Process | None = None

    def pids(self) -> list[int]:
        return tree(self.process.pid) if self.process is not None else []

    def stop(self) -> None:
        if self.process is not None:
            self.process.popen.kill()  # they take seconds to end by themselves
            self.process.stop()
            self.process = None

    def _run(self, stage: Stage, command: list[str], port: int) -> None:
        output = stage.folder / f"{self.label}.output"
        self.process = start(relaying(*command), core=stage.relay_core, output=output)
        if not wait_for(lambda: _bound(port), 5.0) or self.process.popen.poll() is not None:
            tail = self.process.tail()
            self.stop()
            raise BenchError(f"{self.label} did not start: {tail}")


class Rtpengine(_Program):
    """Without its kernel module: one thread that forwards."""

    label = "rtpengine"
    _NG = 2223

    def start(self, stage: Stage) -> tuple[Target, ...]:
        command = [
            "rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--num-threads=1",
            f"--interface=a/{R_A}", f"--interface=b/{R_B}", f"--listen-ng=127.0.0.1:{self._NG}",
            "--port-min=33000", "--port-max=60000", "--timeout=3600", "--silent-timeout=3600", "--no-log-timestamps",
        ]  # fmt: skip
        self._run(stage, command, self._NG)
        with Control(R, self._NG) as control:
            control.ping()
            return tuple(
                Target(R_A, control.call(f"call{index}", (SOURCE, SOURCE_PORT + index), (SINK, SINK_PORT + index)))
                for index in range(FLOWS)
            )


class Coturn(_Program):
    """One relay thread, one user with a password."""

    label = "coturn"

    def run(self, stage: Stage) -> None:
        command = [
            "turnserver", "-n", "--no-tls", "--no-dtls", "--no-cli", "--no-multicast-peers", "--no-software-attribute",
            f"--listening-ip={R_A}", f"--listening-port={TURN_PORT}", f"--relay-ip={R_B}", "--relay-threads=1",
            "--lt-cred-mech", f"--user={USER}:{PASSWORD}", f"--realm={REALM}", "--log-file=stdout", "--simple-log",
            "--min-port=32768", "--max-port=65535", "--no-tcp", "--no-tcp-relay",
            f"--pidfile={stage.folder}/coturn.pid", f"--userdb={stage.folder}/coturn.db",
            "--no-rfc5780", "--no-stun-backward-compatibility",
        ]  # fmt: skip
        self._run(stage, command, TURN_PORT)

    def start(self, stage: Stage) -> tuple[Target, ...]:
        self.run(stage)
        return turn_channels(stage)


def turn_channels(stage: Stage) -> tuple[Target, ...]:
    """One allocation a flow with one channel, at the TURN server that runs in the relay's namespace."""
    command = inside(A, sys.executable, str(_LOAD), str(FLOWS), "allocate", "channel")
    done = subprocess.run(
        ["taskset", "-c", str(stage.generator_core), *command],
        capture_output=True,
        text=True,
        input="\n" * 8,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"TURN set-up: {done.stderr.strip()}")
    return tuple(Target(R_A, TURN_PORT, 0x4000) for _ in range(FLOWS))


def _bound(port: int) -> bool:
    shown = subprocess.run(inside(R, "ss", "-Huln", f"sport = :{port}"), capture_output=True, text=True, check=False)
    return bool(shown.stdout.strip())


def _nft(rules: str) -> None:
    done = subprocess.run(inside(R, "nft", "-f", "-"), input=rules, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"nft: {done.stderr.strip().splitlines()[0]}")
