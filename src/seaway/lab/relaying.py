"""TURN in the lab: an independent client outside and one on the core's host, and a peer on the internet that echoes.

The clients are coturn's `turnutils_uclient`. What worked is read from its output, and from what the peer wrote down.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from seaway.lab.accounts import TURN_PASSWORD, TURN_USER
from seaway.lab.errors import LabError
from seaway.lab.network import Network

__all__ = ["ECHO_PORT", "Outcome", "RelayTrial", "client_command", "outcome_of"]

ECHO_PORT = 3480
_CLIENT, _PEER = "peer-out", "scanner"
_MESSAGES = 4

# Writes a line for each sender; `-u`: the log is read while it runs.
_ECHO = (
    "import socket,sys\n"
    "family,any=(socket.AF_INET6,'::') if sys.argv[2]=='6' else (socket.AF_INET,'0.0.0.0')\n"
    "s=socket.socket(family,socket.SOCK_DGRAM)\n"
    "s.bind((any,int(sys.argv[1])))\n"
    "print('ready',flush=True)\n"
    "while True:\n"
    "  data,source=s.recvfrom(65535)\n"
    "  print('from',source[0],source[1],flush=True)\n"
    "  s.sendto(data,source)\n"
)

_DONE = re.compile(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)")
_LOST = re.compile(r"Total lost packets (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `turnutils_uclient` has said so far."""

    allocated: bool
    sent: int
    received: int
    lost: int | None  # known when it has ended

    @property
    def complete(self) -> bool:
        """Everything came back."""
        return self.sent > 0 and self.received == self.sent and self.lost == 0


def outcome_of(output: str) -> Outcome:
    counts = [(int(sent), int(received)) for sent, received in _DONE.findall(output)]
    lost = _LOST.search(output)
    sent, received = counts[-1] if counts else (0, 0)
    return Outcome("Total connect time" in output, sent, received, int(lost[1]) if lost else None)


def client_command(server: str, peer: str, *options: str, messages: int = _MESSAGES) -> list[str]:
    """A client that relays `messages` datagrams to `peer` and waits for their echo."""
    return [
        "turnutils_uclient", "-u", TURN_USER, "-w", TURN_PASSWORD, "-e", peer, "-r", str(ECHO_PORT),
        "-n", str(messages), "-z", "5", *options, server,
    ]  # fmt: skip


@dataclass(slots=True)
class RelayTrial:
    """Started beside the calls of a measurement, judged after them."""

    network: Network
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, patience: float = 3.0) -> None:
        """Raises LabError."""
        plan = self.network.plan
        six = plan.dual_stack
        peer = plan.host(_PEER).address6 if six else plan.host(_PEER).address
        self._launch("peer", _PEER, ["python3", "-u", "-c", _ECHO, str(ECHO_PORT), "6" if six else "4"])
        limit = time.monotonic() + patience
        while "ready" not in self._log("peer").read_text(errors="replace"):
            if time.monotonic() > limit:
                raise LabError("the TURN peer does not start", _PEER)
            time.sleep(0.02)
        options = ("-x", "-c") if six else ("-c",)
        self._launch("client", _CLIENT, client_command(plan.edge_public6 or plan.edge_public, peer, *options))
        self._launch("core", "core1", client_command(plan.edge_inner6 or plan.edge_inner, peer, *options))

    def _log(self, name: str) -> Path:
        return self.network.dir / f"turn-{name}.log"

    def _launch(self, name: str, host: str, command: Sequence[str]) -> None:
        log = self._log(name)
        log.unlink(missing_ok=True)
        log.touch()
        self._running[name] = self.network.start(host, command, log)

    def wait(self, name: Literal["client", "core"], patience: float) -> None:
        """Until this client has ended, or the time is over."""
        limit = time.monotonic() + patience
        while time.monotonic() < limit and self._running[name].poll() is None:
            time.sleep(0.05)

    @property
    def client(self) -> Outcome:
        return outcome_of(self._log("client").read_text(errors="replace"))

    @property
    def core(self) -> Outcome:
        return outcome_of(self._log("core").read_text(errors="replace"))

    @property
    def peer_heard(self) -> bool:
        """Whether relayed datagrams came to the peer, from the edge's public address."""
        plan = self.network.plan
        return f"from {plan.edge_public6 or plan.edge_public} " in self._log("peer").read_text(errors="replace")

    def close(self) -> None:
        for each in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                each.terminate()
        for each in self._running.values():
            each.wait(3.0)
        self._running.clear()
