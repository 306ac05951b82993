"""Which fast path a node has: chosen once by the supervisor, inherited by the processes that use it.

`auto` takes the first that this machine allows: XDP or TC in the kernel when we are root, then the worker process,
which needs no privilege. With none of them Python relays, and `seaway status relay` says why.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from seaway.media.flows import FlowError, FlowTable
from seaway.runtime.config import EngineName
from seaway.runtime.fastpath import worker
from seaway.runtime.fastpath.bpffs import clean_pins, is_bpffs, mount_bpffs, unmount_bpffs
from seaway.runtime.fastpath.kernel import KernelFastPath, KernelTable, interfaces_of, load_confined
from seaway.runtime.fastpath.split import SplitTable

__all__ = ["OWNERS", "FastPath", "choose"]

OWNERS = {"relay": 1, "turn": 2}
"""Whose flows a table shows; a number of its own for each process that adds some."""

_WORKER_SOCKET = "fastpath.sock"
_PINS = "bpf"
"""Mount point below the run directory; what is pinned there outlives a killed supervisor."""


class FastPath:
    """`engine` is the one chosen, "python" for none; `reason` one line."""

    def __init__(
        self,
        engine: str,
        reason: str,
        loaded: KernelFastPath | None = None,
        pins: Path | None = None,
        process: subprocess.Popen[bytes] | None = None,
        socket: Path | None = None,
        wanted: str | None = None,
    ) -> None:
        self.wanted = wanted
        """Of the configuration, when that cannot be had and `reason` says why; `None`: this is what was asked for."""
        self.engine = engine
        self.reason = reason
        self.process = process
        """The worker process, for the supervisor to watch; `None` for other engines."""
        self._loaded = loaded
        self._pins = pins
        self._socket = socket

    def table(self, owner: str) -> FlowTable | None:
        """For the process `owner`, called in that process; `None` when Python relays. Raises `FlowError`."""
        if self._loaded is not None:
            kernel = KernelTable(self._loaded, OWNERS[owner])
            if self._socket is None or owner != "relay":
                return kernel
            return SplitTable(kernel, worker.WorkerTable(self._socket, OWNERS[owner]))
        if self._socket is not None:
            return worker.WorkerTable(self._socket, OWNERS[owner], self.reason)
        return None

    def empty_table(self, owner: str) -> FlowTable | None:
        """For an owner that takes nothing over: sockets that an earlier process of it left are let go, flows are the
        owner's to remove. Raises `FlowError`."""
        table = self.table(owner)
        if table is not None:
            for local, _, descriptor in table.adopted():
                os.close(descriptor)
                table.detach(local)
        return table

    def add_worker(self, run_dir: Path, uid: int | None) -> None:
        """Beside a kernel engine, for SRTP; without one that takes the slow path."""
        path = run_dir / _WORKER_SOCKET
        try:
            self.process, self._socket = worker.start_worker(path, uid), path
        except FlowError as error:
            self.process = self._socket = None
            self.reason += f"; SRTP in Python: {error}"

    def worker_again(self, run_dir: Path, uid: int | None) -> bool:
        """Another worker beside a kernel engine, which goes on. False: there is none, all has to be chosen anew."""
        if self._loaded is None:
            return False
        self.add_worker(run_dir, uid)
        return True

    def close(self) -> None:
        """Detach from the kernel, or end the worker: established media stops."""
        if self._loaded is not None:
            self._loaded.close()
        if self._pins is not None:
            _unpin(self._pins)
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(2.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def choose(wanted: EngineName, addresses: Sequence[str], run_dir: Path, uid: int | None) -> FastPath:
    """`addresses` are those of the node's NICs, `uid` the user of the processes that will use it (`None`: ours).

    An engine that was asked for by name and cannot be had is replaced as `auto` would, and `wanted` of the result names
    it.
    """
    if wanted == "python":
        return FastPath("python", "chosen in the configuration ([media] engine)")
    if wanted != "auto":
        try:
            if wanted == "userspace":
                return _worker(run_dir, uid, "chosen in the configuration ([media] engine)")
            return _kernel(wanted, addresses, run_dir, uid)
        except FlowError as error:
            instead = choose("auto", addresses, run_dir, uid)
            instead.wanted, instead.reason = wanted, f"no {wanted}: {error}; {instead.reason}"
            return instead
    reasons: list[str] = []
    try:
        return _kernel(wanted, addresses, run_dir, uid)
    except FlowError as error:
        reasons.append(str(error))
    try:
        return _worker(run_dir, uid, "; ".join(reasons))
    except FlowError as error:
        reasons.append(str(error))
    return FastPath("python", "; ".join(reasons))


def _kernel(wanted: str, addresses: Sequence[str], run_dir: Path, uid: int | None) -> FastPath:
    path = _loaded(wanted, addresses, run_dir / _PINS)
    path.add_worker(run_dir, uid)
    return path


def _loaded(wanted: str, addresses: Sequence[str], pins: Path) -> FastPath:
    if os.geteuid() != 0:
        raise FlowError("kernel engines need root at start")
    interfaces = interfaces_of(addresses)
    if not interfaces:
        raise FlowError(f"no interface here has {', '.join(addresses)}")
    _unpin(pins)  # a supervisor that was killed left its media running; its calls are not known any more
    loaded = load_confined(interfaces, wanted)
    try:
        mount_bpffs(pins)
        loaded.pin(pins)
    except FlowError as error:  # everything works but one thing
        reason = f"{loaded.reason}; not pinned, so media ends with the supervisor: {error}"
        return FastPath(loaded.engine, reason, loaded=loaded)
    return FastPath(loaded.engine, loaded.reason, loaded=loaded, pins=pins)


def _unpin(pins: Path) -> None:
    """Raises `FlowError` when a pin cannot be removed."""
    clean_pins(pins)
    if is_bpffs(pins):
        unmount_bpffs(pins)


def _worker(run_dir: Path, uid: int | None, reason: str) -> FastPath:
    path = run_dir / _WORKER_SOCKET
    return FastPath("userspace", reason, process=worker.start_worker(path, uid), socket=path)
