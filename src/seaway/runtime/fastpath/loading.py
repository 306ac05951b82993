"""Makes the kernel fast path: maps, program, links to interfaces, all held by their descriptors.

Packets go on as long as any process holds the links' descriptors, or they are pinned. With TC before Linux 6.6 there
are no links: packets go on until `close` or the next start.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seaway.media.flows import FlowError
from seaway.runtime.fastpath import bpf_syscall as bpf
from seaway.runtime.fastpath.attach import attach, close_all, create_maps, read_object, remove_filters
from seaway.runtime.fastpath.bpffs import pin_name

__all__ = ["KernelFastPath", "load"]

_FORWARDING = ("/proc/sys/net/ipv4/conf/lo/forwarding", "/proc/sys/net/ipv6/conf/lo/forwarding")


@dataclass(slots=True)
class KernelFastPath:
    """`fds`: maps by name, "program", and "link:INTERFACE" (not with TC before Linux 6.6)."""

    engine: str
    reason: str
    fds: dict[str, int] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()

    def pin(self, directory: Path) -> None:
        """Keep all of it in `directory`, on a bpffs, beyond the life of every process. Raises `FlowError`."""
        try:
            for name, descriptor in self.fds.items():
                bpf.pin(descriptor, str(directory / pin_name(name)))
        except OSError as problem:
            raise FlowError(f"kernel fast path: {problem.strerror}; is {directory} on a bpffs?") from None

    def set_inheritable(self) -> None:
        """Descriptors live on in programs that this process executes."""
        for descriptor in self.fds.values():
            os.set_inheritable(descriptor, True)

    def close(self) -> None:
        """Let go of it: without another holder or pins the programs leave the interfaces."""
        if self.interfaces and not any(name.startswith("link:") for name in self.fds):
            remove_filters(self.interfaces)
        close_all(self.fds)


def load(interfaces: Sequence[str], mode: str, *, max_flows: int = 65536) -> KernelFastPath:
    """`mode`: "auto" tries native XDP, TC and generic XDP, in this order. Raises `FlowError`."""
    made = read_object()
    try:
        maps = create_maps(made, max_flows)
    except OSError as problem:
        raise FlowError(f"kernel fast path: {problem.strerror}; it needs CAP_BPF and CAP_NET_ADMIN") from None
    try:
        _let_lookups_pass()
        engine, reason, attached = attach(made, maps, interfaces, mode)
    except FlowError:
        close_all(maps)
        raise
    return KernelFastPath(engine, reason, {**maps, **attached}, tuple(interfaces))


def _let_lookups_pass() -> None:
    """bpf_fib_lookup answers only for an interface that forwards. The programs ask as from `lo`, so that no other has
    to: what a host does with packets that come in by other interfaces does not change. Raises `FlowError`."""
    for path in _FORWARDING:
        try:
            with open(path, "r+") as setting:
                if setting.read().strip() != "1":
                    setting.seek(0)
                    setting.write("1")
        except FileNotFoundError:
            continue  # no IPv6 here
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise FlowError(f"kernel fast path: {path} must be 1 and cannot be written ({reason}); set it") from None
