"""Where lab programs run: in the hosts of a network of namespaces, or all on this machine's loopback addresses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from seaway.lab.network import Network

__all__ = ["Loopback", "Machines", "Namespaces"]


class Machines(Protocol):
    """Starts programs on named hosts."""

    @property
    def dir(self) -> Path: ...

    def namespace(self, host: str) -> str | None: ...

    def start(self, host: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]: ...

    def close(self) -> None: ...


class Namespaces:
    """Hosts of a lab network. `close` ends what was started here, not the network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def dir(self) -> Path:
        return self.network.dir

    def namespace(self, host: str) -> str | None:
        return self.network.namespace(host)

    def start(self, host: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        process = self.network.start(host, command, log)
        self._running.append(process)
        return process

    def close(self) -> None:
        end_all(self._running)


class Loopback:
    """Every host is this machine; only addresses and ports differ."""

    def __init__(self, directory: Path | None = None) -> None:
        self._temporary = (
            tempfile.TemporaryDirectory(prefix="seaway-lab-", ignore_cleanup_errors=True) if directory is None else None
        )
        self._dir = Path(self._temporary.name) if self._temporary else directory or Path()
        if os.geteuid() == 0:
            self._dir.chmod(0o711)  # the nodes give root up and still have to reach their files
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def dir(self) -> Path:
        return self._dir

    def namespace(self, host: str) -> str | None:
        return None

    def start(self, host: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def close(self) -> None:
        end_all(self._running)
        if self._temporary:
            self._temporary.cleanup()


def end_all(running: list[subprocess.Popen[bytes]], patience: float = 3.0) -> None:
    """Terminate, then kill, each with the session it started; nothing that is already gone is touched."""
    for process in running:
        if process.poll() is None:
            process.terminate()
    for process in running:
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    running.clear()
