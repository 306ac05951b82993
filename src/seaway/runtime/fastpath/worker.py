"""The userspace engine's client: a `FlowTable` whose flows live in the `seaway-worker` process.

The worker holds duplicates of the attached sockets and reads them; it relays on when this process dies, and the next
process of the same owner gets sockets and flows back (`adopted`). Commands are answered one by one on one connection;
datagrams without a flow come on a descriptor of their own, which the worker never waits for.
"""

from __future__ import annotations

import contextlib
import math
import os
import pwd
import select
import socket
import subprocess
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

from seaway.core.srtp.receiver import SourceIndex
from seaway.core.srtp.sender import RTCP_STEP
from seaway.media.flows import Cipher, DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address
from seaway.runtime.fastpath import worker_protocol as wire
from seaway.runtime.fastpath.worker_protocol import Operation, Reply, Status, WorkerTotals
from seaway.runtime.ipc import IpcError, dial_packets, listen_packets

__all__ = ["Owner", "WorkerTable", "native_worker", "no_native_worker", "start_worker", "worker_command"]

_ANSWER_IN = 1.0  # seconds; a worker that takes longer is as good as dead
_TRY_AGAIN = (0.3, 5.0)  # seconds between looks for another worker, first and longest
_PREDECESSOR_ENDS_IN = 0.3  # seconds
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
        with _listen(path) as listener:
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


def _listen(path: Path) -> socket.socket:
    """Waits a moment for the worker of a supervisor that has just been killed: it is about to end."""
    limit = time.monotonic() + _PREDECESSOR_ENDS_IN
    while True:
        try:
            return listen_packets(path)
        except IpcError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.02)


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


class _GoneError(FlowError):
    """The worker does not answer (any more)."""


class _RefusedError(FlowError):
    """The worker said no."""


def _later(cipher: Cipher) -> Cipher:
    """For a new worker: the old one may have used more RTCP indexes than is known here."""
    if not cipher.sends:
        return cipher
    return replace(cipher, known=tuple((ssrc, rtp, rtcp + RTCP_STEP) for ssrc, rtp, rtcp in cipher.known))


class WorkerTable:
    """A `FlowTable`. Raises `FlowError` when nobody answers at `path`, or in another version.

    When the worker dies, `alive` becomes false: commands find nothing, `add` fails, `receive` is empty. A later command
    finds the worker that took its place, which gets the sockets and flows that this table has given; flows count from 0
    then. In between nobody reads the sockets.
    """

    engine = "userspace"
    reads_sockets = True
    verifies = True

    def __init__(self, path: Path, owner: int, reason: str = "chosen") -> None:
        self.reason = reason
        self._path, self._owner = path, owner
        self._attached: weakref.WeakValueDictionary[Address, socket.socket] = weakref.WeakValueDictionary()
        self._kinds: dict[Address, PortKind] = {}
        self._flows: dict[FlowKey, Flow] = {}
        self._ciphers: dict[int, Cipher] = {}
        self._speaks_srtp = False
        self._ready = select.epoll()  # holds `_up`: what `fileno` says stays the same for another worker
        self._connection: socket.socket | None = None
        self._up = -1
        self._pause = _TRY_AGAIN[0]
        self._try_at = math.inf  # when to look for another worker; never before there was one
        try:
            self._connect()
        except FlowError:
            self.close()
            raise

    @property
    def ciphers(self) -> WorkerTable | None:
        """Its own, when the worker was built with libcrypto."""
        return self if self._speaks_srtp else None

    @property
    def alive(self) -> bool:
        return self._up >= 0

    # -- FlowTable

    def reads(self, local: Address) -> bool:
        return True

    def attach(self, made: socket.socket, kind: PortKind) -> None:
        try:
            local = made.getsockname()[:2]
        except OSError as error:
            raise FlowError(f"the socket cannot be attached: {error.strerror or error}") from error
        self._attached[local], self._kinds[local] = made, kind
        if not self._usable():
            return  # the next worker gets it
        try:
            self._ask(Operation.ATTACH, wire.encode_address(local), a=kind, lent=made.fileno())
        except FlowError:
            if self.alive:
                self._forget(local)
                raise

    def detach(self, local: Address) -> None:
        self._forget(local)
        with contextlib.suppress(FlowError):
            self._ask(Operation.DETACH, wire.encode_address(local))

    def add(self, flow: Flow) -> None:
        self._ask(Operation.ADD, wire.encode_flow(flow))
        self._flows[flow.key] = flow

    def remove(self, key: FlowKey) -> FlowCounters | None:
        self._flows.pop(key, None)
        return self._counters(Operation.REMOVE, key)

    def read(self, key: FlowKey) -> FlowCounters | None:
        return self._counters(Operation.READ, key)

    def keys(self) -> list[FlowKey]:
        return [key for body in self._pages(Operation.KEYS) for key in wire.decode_keys(body)]

    def fileno(self) -> int:
        return self._ready.fileno()

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
        self._disconnect()
        self._ready.close()
        self._try_at = math.inf

    # -- CipherTable

    def keep(self, cipher: Cipher) -> None:
        self._ask(Operation.CIPHER, wire.encode_cipher(cipher))
        self._ciphers[cipher.id] = cipher

    def leave(self, cipher: int) -> tuple[SourceIndex, ...] | None:
        self._ciphers.pop(cipher, None)
        return self._indexes(Operation.UNCIPHER, cipher)

    def indexes(self, cipher: int) -> tuple[SourceIndex, ...] | None:
        found = self._indexes(Operation.INDEXES, cipher)
        if found is not None and cipher in self._ciphers:
            self._ciphers[cipher] = replace(self._ciphers[cipher], known=found)
        return found

    def transform(self, cipher: int, packet: bytes, *, rtcp: bool, verify: bool = False) -> bytes | None:
        how = (wire.RTCP if rtcp else 0) | (wire.VERIFY if verify else 0)
        reply, _ = self._ask(Operation.TRANSFORM, wire.encode_id(cipher) + packet, a=how)
        if reply.status != Status.DONE:
            return None
        return packet if verify else reply.body

    def _indexes(self, operation: Operation, cipher: int) -> tuple[SourceIndex, ...] | None:
        reply = self._quietly(operation, wire.encode_id(cipher))
        return wire.decode_indexes(reply.body) if reply is not None and reply.status == Status.DONE else None

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

    def _connect(self) -> None:
        try:
            self._connection = dial_packets(self._path, timeout=_ANSWER_IN)
        except IpcError as error:
            raise FlowError(str(error)) from error
        reply, descriptor = self._exchange(Operation.HELLO, a=self._owner, number=wire.VERSION)
        self._speaks_srtp = bool(reply.number & wire.SRTP)
        if descriptor < 0:
            raise FlowError(f"{self._path}: the worker gave no descriptor; raise the limit of open files")
        self._up = descriptor
        self._ready.register(descriptor, select.EPOLLIN)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._up >= 0:
            self._ready.unregister(self._up)
            os.close(self._up)
            self._up = -1

    def _lost(self) -> None:
        self._disconnect()
        self._try_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, _TRY_AGAIN[1])
        for made in self._attached.values():
            with contextlib.suppress(OSError):  # closed meanwhile
                made.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 0)

    def _usable(self) -> bool:
        """Whether there is a worker; looks for another one now and then."""
        if self.alive or time.monotonic() < self._try_at:
            return self.alive
        try:
            self._connect()
            self._give_all()
            self._pause = _TRY_AGAIN[0]
        except (FlowError, OSError):
            self._lost()
        return self.alive

    def _give_all(self) -> None:
        """To a new worker: what the old one had. What is closed meanwhile is refused, and its flows with it."""
        for local, made in list(self._attached.items()):
            if made.fileno() >= 0:
                with contextlib.suppress(_RefusedError):
                    address, kind = wire.encode_address(local), self._kinds[local]
                    self._exchange(Operation.ATTACH, address, a=kind, lent=made.fileno())
        for cipher in self._ciphers.values():
            with contextlib.suppress(_RefusedError):
                self._exchange(Operation.CIPHER, wire.encode_cipher(_later(cipher)))
        for flow in list(self._flows.values()):
            with contextlib.suppress(_RefusedError):
                self._exchange(Operation.ADD, wire.encode_flow(flow))

    def _forget(self, local: Address) -> None:
        self._attached.pop(local, None)
        self._kinds.pop(local, None)

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
        self, operation: Operation, body: bytes = b"", *, a: int = 0, number: int = 0, lent: int = -1
    ) -> tuple[Reply, int]:
        """The reply and the descriptor that came with it, or -1. Raises `FlowError`."""
        if not self._usable():
            raise FlowError(f"{self._path}: the worker is gone; see whether it is started again")
        try:
            return self._exchange(operation, body, a=a, number=number, lent=lent)
        except _GoneError:
            self._lost()
            raise

    def _exchange(
        self, operation: Operation, body: bytes = b"", *, a: int = 0, number: int = 0, lent: int = -1
    ) -> tuple[Reply, int]:
        """Raises `_RefusedError` or `_GoneError`."""
        assert self._connection is not None
        request = wire.encode_request(operation, body, a=a, number=number)
        try:
            if lent >= 0:
                socket.send_fds(self._connection, [request], [lent])
            else:
                self._connection.send(request)
            message, descriptors, _, _ = socket.recv_fds(self._connection, wire.MAX_MESSAGE, 1)
        except OSError as error:
            raise _GoneError(f"{self._path}: {error.strerror or error}; the worker has to be restarted") from error
        if not message:
            raise _GoneError(f"{self._path}: the worker closed the connection; see whether it runs")
        reply = wire.decode_reply(message)
        if reply.status == Status.REFUSED:
            raise _RefusedError(f"userspace worker: {reply.body.decode('ascii', 'replace')}")
        return reply, descriptors[0] if descriptors else -1
