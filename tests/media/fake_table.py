"""A fast path that only keeps books; `passed` plays what a real one counts."""

from __future__ import annotations

from collections.abc import Iterable
from socket import socket

from seaway.media.flows import CipherTable, DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address


class FakeTable:
    engine = "fake"
    reason = "a test"
    ciphers: CipherTable | None = None
    reads_sockets = False
    verifies = False

    def __init__(self) -> None:
        self.flows: dict[FlowKey, Flow] = {}
        self.counters: dict[FlowKey, FlowCounters] = {}
        self.full = False

    def reads(self, local: Address) -> bool:
        return False

    def attach(self, made: socket, kind: PortKind) -> None: ...

    def detach(self, local: Address) -> None: ...

    def add(self, flow: Flow) -> None:
        if self.full:
            raise FlowError("the table is full; raise its limit")
        self.flows[flow.key] = flow
        self.counters.setdefault(flow.key, FlowCounters())

    def remove(self, key: FlowKey) -> FlowCounters | None:
        if key not in self.flows:
            return None
        del self.flows[key]
        return self.counters.pop(key)

    def read(self, key: FlowKey) -> FlowCounters | None:
        return self.counters.get(key)

    def keys(self) -> list[FlowKey]:
        return list(self.flows)

    def adopted(self) -> list[tuple[Address, PortKind, int]]:
        return []

    def fileno(self) -> int:
        return -1

    def receive(self) -> Iterable[DatagramUp]:
        return ()

    def close(self) -> None: ...

    def passed(self, key: FlowKey, packets: int, last_seen: float) -> None:
        """As if the fast path had passed so many more packets of a flow that it has."""
        before = self.counters[key]
        assert key in self.flows
        self.counters[key] = FlowCounters(before.packets + packets, before.octets + 172 * packets, 0, last_seen)
