"""Two fast paths as one: the kernel carries what is in clear or only passes, the worker carries SRTP that ends here.

A socket is lent to the worker when the first flow with a key needs it; from then on the worker reads it, and hands up
what it has no flow for. The kernel takes packets of its own flows before they reach a socket, whoever reads that.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from socket import socket

from seaway.media.flows import CipherTable, DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address
from seaway.runtime.fastpath.kernel_table import KernelTable
from seaway.runtime.fastpath.worker import WorkerTable

__all__ = ["SplitTable"]


class SplitTable:
    """Implements `media.flows.FlowTable`. `lent` is called for each socket that its owner must not read any more."""

    reads_sockets = False
    verifies = False  # SRTP that passes stays in the kernel

    def __init__(self, kernel: KernelTable, worker: WorkerTable) -> None:
        self.engine, self.reason = kernel.engine, f"{kernel.reason}; SRTP in the worker"
        self.lent: Callable[[Address], None] = lambda local: None
        self._kernel, self._worker = kernel, worker
        self._sockets: weakref.WeakValueDictionary[Address, socket] = weakref.WeakValueDictionary()
        self._kinds: dict[Address, PortKind] = {}
        self._lent: set[Address] = set()
        self._there: dict[FlowKey, KernelTable | WorkerTable] = {}
        self._adopted = set[Address]()

    @property
    def ciphers(self) -> CipherTable | None:
        return self._worker.ciphers

    def reads(self, local: Address) -> bool:
        return local in self._lent

    def attach(self, made: socket, kind: PortKind) -> None:
        self._kernel.attach(made, kind)
        local = made.getsockname()[:2]
        self._sockets[local], self._kinds[local] = made, kind
        if local in self._adopted:  # an earlier process had lent it
            self._worker.attach(made, kind)
            self._lent.add(local)

    def detach(self, local: Address) -> None:
        self._kernel.detach(local)
        if local in self._lent or local in self._adopted:
            self._worker.detach(local)
        self._lent.discard(local)
        self._adopted.discard(local)
        self._sockets.pop(local, None)
        self._kinds.pop(local, None)

    def add(self, flow: Flow) -> None:
        table: KernelTable | WorkerTable = self._worker if flow.receive or flow.send else self._kernel
        before = self._table_of(flow.key)
        if table is self._worker:
            self._lend(flow.key.local)
            self._lend(flow.out_local)
        table.add(flow)
        if before is not None and before is not table:
            before.remove(flow.key)
        self._there[flow.key] = table

    def remove(self, key: FlowKey) -> FlowCounters | None:
        table = self._table_of(key)
        self._there.pop(key, None)
        return table.remove(key) if table is not None else None

    def read(self, key: FlowKey) -> FlowCounters | None:
        table = self._table_of(key)
        return table.read(key) if table is not None else None

    def keys(self) -> list[FlowKey]:
        return list(dict.fromkeys((*self._kernel.keys(), *self._worker.keys())))

    def adopted(self) -> list[tuple[Address, PortKind, int]]:
        found = self._worker.adopted()
        self._adopted |= {local for local, _, _ in found}
        return found

    def fileno(self) -> int:
        return self._worker.fileno()

    def receive(self) -> Iterable[DatagramUp]:
        return self._worker.receive()

    def close(self) -> None:
        self._kernel.close()
        self._worker.close()

    # -- inside

    def _lend(self, local: Address) -> None:
        if local in self._lent:
            return
        made = self._sockets.get(local)
        if made is None:
            raise FlowError(f"{local[0]} port {local[1]} is not attached")
        self._worker.attach(made, self._kinds[local])
        self._lent.add(local)
        self.lent(local)

    def _table_of(self, key: FlowKey) -> KernelTable | WorkerTable | None:
        """Who has a flow; also one that an earlier process added."""
        known = self._there.get(key)
        if known is not None:
            return known
        for table in (self._kernel, self._worker):
            if table.read(key) is not None:
                self._there[key] = table
                return table
        return None
