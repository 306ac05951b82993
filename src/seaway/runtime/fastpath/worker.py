"""The userspace engine's client: a `FlowTable` whose flows live in the `seaway-worker` process.

The worker holds duplicates of the attached sockets and reads them; it relays on when this process dies, and the next
process of the same owner gets sockets and flows back (`adopted`). Commands are answered one by one on one connection;
datagrams without a flow come on a descriptor of their own, which the worker never waits for.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import weakref
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path

from seaway.media.flows import DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address
from seaway.runtime.fastpath import worker_protocol as wire
from seaway.runtime.fastpath.worker_protocol import Operation, Reply, Status, WorkerTotals
from seaway.runtime.ipc import IpcError, dial_packets, listen_packets

__all__ = ["Owner", "WorkerTable", "native_worker", "no_native_worker", "start_worker", "worker_command"]

_ANSWER_IN = 2.0  # seconds; a worker that takes longer is as good as dead
_RECEIVE = 256  # datagrams a call
_UDP_GRO = 104
_BINARY = Path(__file__).parent / "native" / "seaway-worker"


class Owner(IntEnum):
    RELAY = 1
    TURN = 2


def native_worker() -> Path | None:
    """The worker's program; `None` when this installation was built without it (`no_native_worker` says so)."""
    return _BINARY if os.access(_BINARY, os.X_OK) else None


def no_native_worker() -> str:
    """The one line for `native_worker() is None`."""
    return f"{_BINARY}: the userspace engine was not built; install a C compiler and build the package again"


def worker_command(program: Path, listener: int, parent: int | None = None) -> list[str]:
    """What to execute; `listener` is the descriptor of `ipc.listen_packets`, to be inherited. With `parent` (a process
    id) the worker ends when that process ends. Drop privileges before: it needs none."""
    tied = [] if parent is None else ["--parent", str(parent)]
    return [str(program), "--listen-fd", str(listener), *tied]


def start_worker(
    path: Path, uid: int | None = None, *, program: Path | None = None, options: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """A worker that listens at `path`, runs as user `uid` (`None`: ours) and ends with this process. Clients can
    connect at once: what they ask waits until the worker runs.

    Raises `FlowError` when there is no program or it cannot be started, also when the path cannot be used.
    """
    found = program or native_worker()
    if found is None:
        raise FlowError(no_native_worker())
    try:
        with listen_packets(path) as listener:
            if uid is not None:
                os.chown(path, uid, -1, follow_symlinks=False)
            command = [*worker_command(found, listener.fileno(), os.getpid()), *options]
            other = None if uid == os.geteuid() else uid
            return subprocess.Popen(
                command, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, cwd="/", user=other,
                group=None if other is None else _group(other), extra_groups=None if other is None else [],
            )  # fmt: skip
    except IpcError as error:
        raise FlowError(str(error)) from error
    except OSError as error:
        raise FlowError(f"{found}: {error.strerror or error}; check that it may be executed") from error


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


class WorkerTable:
    """A `FlowTable`. Raises `FlowError` when nobody answers at `path`, or in another version.

    When the worker dies `alive` becomes false: commands then fail or find nothing, `receive` is empty, `fileno` is -1.
    Sockets that were attached can be read as ever. The owner makes a new table when there is a worker again.
    """

    engine = "userspace"
    reads_sockets = True

    def __init__(self, path: Path, owner: int, reason: str = "chosen") -> None:
        self.reason = reason
        self._path = path
        self._attached: weakref.WeakValueDictionary[Address, socket.socket] = weakref.WeakValueDictionary()
        self._up = -1
        try:
            self._connection = dial_packets(path, timeout=_ANSWER_IN)
        except IpcError as error:
            raise FlowError(str(error)) from error
        try:
            _, descriptor = self._ask(Operation.HELLO, a=owner, number=wire.VERSION)
        except FlowError:
            self._connection.close()
            raise
        if descriptor < 0:
            self._connection.close()
            raise FlowError(f"{path}: the worker gave no descriptor; raise the limit of open files")
        self._up = descriptor

    @property
    def alive(self) -> bool:
        return self._up >= 0

    # -- FlowTable

    def attach(self, made: socket.socket, kind: PortKind) -> None:
        try:
            local = made.getsockname()[:2]
        except OSError as error:
            raise FlowError(f"the socket cannot be attached: {error.strerror or error}") from error
        self._ask(Operation.ATTACH, wire.encode_address(local), a=kind, descriptor=made.fileno())
        self._attached[local] = made

    def detach(self, local: Address) -> None:
        self._attached.pop(local, None)
        with contextlib.suppress(FlowError):
            self._ask(Operation.DETACH, wire.encode_address(local))

    def add(self, flow: Flow) -> None:
        self._ask(Operation.ADD, wire.encode_flow(flow))

    def remove(self, key: FlowKey) -> FlowCounters | None:
        return self._counters(Operation.REMOVE, key)

    def read(self, key: FlowKey) -> FlowCounters | None:
        return self._counters(Operation.READ, key)

    def keys(self) -> list[FlowKey]:
        return [key for body in self._pages(Operation.KEYS) for key in wire.decode_keys(body)]

    def fileno(self) -> int:
        return self._up

    def receive(self) -> Iterable[DatagramUp]:
        found: list[DatagramUp] = []
        while self._up >= 0 and len(found) < _RECEIVE:
            try:
                message = os.read(self._up, wire.MAX_UP)
            except BlockingIOError:
                break
            except OSError:
                message = b""
            if not message:
                self._lost()
                break
            datagram = wire.decode_up(message)
            if datagram is not None:
                found.append(datagram)
        return found

    def close(self) -> None:
        self._connection.close()
        if self._up >= 0:
            os.close(self._up)
            self._up = -1

    # -- more than a FlowTable

    def adopted(self) -> list[tuple[Address, PortKind, int]]:
        """The attached ports of this owner, also of an earlier process, each with a new descriptor of its socket, which
        the caller has to close. Attaching a socket made of it again is allowed and changes nothing."""
        found = []
        for body in self._pages(Operation.PORTS):
            for local, kind in wire.decode_ports(body):
                reply, descriptor = self._ask(Operation.FETCH, wire.encode_address(local))
                if reply.status == Status.DONE and descriptor >= 0:
                    found.append((local, kind, descriptor))
        return found

    def totals(self) -> WorkerTotals | None:
        """`None` when the worker is gone."""
        reply = self._quietly(Operation.TOTALS)
        return wire.decode_totals(reply.body) if reply is not None else None

    # -- inside

    def _counters(self, operation: Operation, key: FlowKey) -> FlowCounters | None:
        with contextlib.suppress(FlowError):  # what cannot be a key is none
            reply = self._quietly(operation, wire.encode_key(key))
            if reply is not None and reply.status == Status.DONE:
                return wire.decode_counters(reply.body)
        return None

    def _pages(self, operation: Operation) -> list[bytes]:
        bodies, number = [], 0
        while (reply := self._quietly(operation, number=number)) is not None:
            bodies.append(reply.body)
            number = reply.number
            if not number:
                break
        return bodies

    def _quietly(self, operation: Operation, body: bytes = b"", *, number: int = 0) -> Reply | None:
        try:
            return self._ask(operation, body, number=number)[0]
        except FlowError:
            return None

    def _ask(
        self, operation: Operation, body: bytes = b"", *, a: int = 0, number: int = 0, descriptor: int = -1
    ) -> tuple[Reply, int]:
        """The reply and the descriptor that came with it, or -1. Raises `FlowError`."""
        request = wire.encode_request(operation, body, a=a, number=number)
        try:
            if descriptor >= 0:
                socket.send_fds(self._connection, [request], [descriptor])
            else:
                self._connection.send(request)
            message, descriptors, _, _ = socket.recv_fds(self._connection, wire.MAX_MESSAGE, 1)
        except OSError as error:
            self._lost()
            raise FlowError(f"{self._path}: {error.strerror or error}; the worker has to be restarted") from error
        came = descriptors[0] if descriptors else -1
        if not message:
            self._lost()
            raise FlowError(f"{self._path}: the worker closed the connection; see whether it runs")
        reply = wire.decode_reply(message)
        if reply.status == Status.REFUSED:
            raise FlowError(f"userspace worker: {reply.body.decode('ascii', 'replace')}")
        return reply, came

    def _lost(self) -> None:
        """The worker is gone: what was attached is read by its owner again, packet by packet."""
        self.close()
        for made in self._attached.values():
            with contextlib.suppress(OSError):  # closed meanwhile
                made.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 0)
        self._attached.clear()
