"""The flow table of the kernel fast path, for one owner: maps by descriptor, no capability needed."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from socket import socket
from struct import pack

from seaway.media.flows import DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address
from seaway.runtime.fastpath import bpf_syscall as bpf
from seaway.runtime.fastpath.layout import (
    COUNTERS,
    VALUE_SIZE,
    decode_key,
    encode_key,
    is_v6,
    owner_of,
    pack_flow,
    renewed,
    unpack_counters,
)
from seaway.runtime.fastpath.loading import KernelFastPath

__all__ = ["RELAY", "TURN", "KernelTable"]

RELAY, TURN = 1, 2  # owners
_OWNERS = (RELAY, TURN)
_PORT_SIZE = 8  # octets of a port's entry; octet N is owner N's
_PORTS = 65536
_KEY_SIZES = {"flows4": 16, "flows6": 40}


class KernelTable:
    """Implements `media.flows.FlowTable`. The descriptors stay those of `path`."""

    ciphers = None
    verifies = False
    reads_sockets = False

    def __init__(self, path: KernelFastPath, owner: int) -> None:
        """`owner`: `RELAY` or `TURN`. Raises `FlowError`."""
        self.engine, self.reason = path.engine, path.reason
        self._owner = owner
        self._fds = dict(path.fds)
        self._attached: dict[Address, PortKind] = {}
        self._uses: dict[int, int] = {}  # port -> attached addresses with it
        try:
            self._ports = mmap.mmap(self._fds["ports"], _PORTS * _PORT_SIZE)
            self._limit = bpf.map_entries(self._fds["flows4"])
        except (OSError, KeyError) as problem:
            raise FlowError(f"kernel fast path: its maps cannot be used ({problem})") from None

    def reads(self, local: Address) -> bool:
        return False

    def attach(self, made: socket, kind: PortKind) -> None:
        local: Address = made.getsockname()[:2]
        if local in self._attached:
            return
        port = local[1]
        others = [self._ports[port * _PORT_SIZE + other] for other in _OWNERS if other != self._owner]
        if self._uses.get(port):
            others.append(self._ports[port * _PORT_SIZE + self._owner])
        if any(other not in (0, kind) for other in others):
            raise FlowError(
                f"kernel fast path: port {port} of another address is read in another way; choose another port"
            )
        self._attached[local] = kind
        self._uses[port] = self._uses.get(port, 0) + 1
        self._ports[port * _PORT_SIZE + self._owner] = kind

    def detach(self, local: Address) -> None:
        if self._attached.pop(local, None) is None:
            return
        port = local[1]
        self._uses[port] -= 1
        if not self._uses[port]:
            del self._uses[port]
            self._ports[port * _PORT_SIZE + self._owner] = 0

    def add(self, flow: Flow) -> None:
        if flow.receive or flow.send:
            raise FlowError("kernel fast path: SRTP does not end in the kernel")
        key = encode_key(flow.key)
        value = pack_flow(flow, self._owner)
        descriptor = self._map_of(flow.key)
        try:
            if not bpf.add(descriptor, key, value):
                old = bpf.lookup(descriptor, key, VALUE_SIZE)
                bpf.update(descriptor, key, renewed(old, value) if old else value)
        except OSError as problem:
            if problem.errno == errno.E2BIG:
                raise FlowError(
                    f"kernel fast path: {self._limit} of {self._limit} flows in use; allow more in the settings"
                ) from None
            raise FlowError(f"kernel fast path: {problem.strerror}") from None

    def remove(self, key: FlowKey) -> FlowCounters | None:
        return self._counters(bpf.lookup_delete, key)

    def read(self, key: FlowKey) -> FlowCounters | None:
        return self._counters(bpf.lookup, key)

    def keys(self) -> list[FlowKey]:
        found = []
        for name, size in _KEY_SIZES.items():
            for key, value in bpf.lookup_batch(self._fds[name], size, VALUE_SIZE):
                owner, prefixed = owner_of(value)
                if owner == self._owner:
                    found.append(decode_key(key, prefixed=prefixed))
        return found

    def adopted(self) -> list[tuple[Address, PortKind, int]]:
        """None: the kernel's flows need no sockets, and sockets died with the process that had them."""
        return []

    def fileno(self) -> int:
        return -1

    def receive(self) -> Iterable[DatagramUp]:
        return ()

    def close(self) -> None:
        self._ports.close()

    def global_counters(self) -> dict[str, int]:
        """Packets of all owners by what became of them, those of zero left out: "fast", "no_flow", ..."""
        cpus = _possible_cpus()
        found = {}
        for slot, name in COUNTERS.items():
            value = bpf.lookup(self._fds["counters"], pack("=I", slot), 8 * cpus) or b""
            total = sum(memoryview(value).cast("Q"))
            if total:
                found[name] = total
        return found

    def _map_of(self, key: FlowKey) -> int:
        return self._fds["flows6" if is_v6(key.local[0]) else "flows4"]

    def _counters(self, call: Callable[[int, bytes, int], bytes | None], key: FlowKey) -> FlowCounters | None:
        try:
            value = call(self._map_of(key), encode_key(key), VALUE_SIZE)
        except (OSError, FlowError):
            return None
        return unpack_counters(value) if value else None


def _possible_cpus() -> int:
    """How many values a per-CPU entry has."""
    try:
        last = Path("/sys/devices/system/cpu/possible").read_text().strip().replace(",", "-").split("-")[-1]
        return int(last) + 1
    except (OSError, ValueError):
        return os.cpu_count() or 1
