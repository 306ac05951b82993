"""Three network namespaces: generator a, relay r, sink b. What the relay's side does runs in tasks that can be counted.

NAPI of a veth device normally runs wherever the sender runs. Here it is threaded (`/sys/class/net/DEVICE/threaded`):
everything that the kernel does for a packet that arrives at the relay (XDP, TC, forwarding, NAT, the socket's queue,
transmission) is done by one kernel thread, whose CPU time the scheduler counts, on the relay's core. The sink's thread
and the generator have the other core.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

from sipp import BenchError

__all__ = ["R_A", "R_B", "A", "B", "Network", "R", "inside", "mac", "relaying"]

A, R, B = "sw-bench-a", "sw-bench-r", "sw-bench-b"
_A_ADDRESS, R_A, R_B, _B_ADDRESS = "10.77.1.2", "10.77.1.1", "10.77.2.1", "10.77.2.2"
_ENDS = {  # device: namespace, address, MAC address
    "swa0": (A, _A_ADDRESS, "02:00:00:77:01:02"),
    "swra": (R, R_A, "02:00:00:77:01:01"),
    "swrb": (R, R_B, "02:00:00:77:02:01"),
    "swb0": (B, _B_ADDRESS, "02:00:00:77:02:02"),
}
_PRIORITY = 5  # SCHED_FIFO, of the NAPI threads: as interrupts, they do not wait for processes


def inside(namespace: str, *command: str) -> list[str]:
    """The command, to be run in a namespace."""
    return ["ip", "netns", "exec", namespace, *command]


def relaying(*command: str) -> list[str]:
    """The command of a program that relays: in the relay's namespace, and before anything else on its core."""
    return ["chrt", "-f", "2", *inside(R, *command)]


def mac(device: str) -> bytes:
    return bytes.fromhex(_ENDS[device][2].replace(":", ""))


class Network:
    """The namespaces, while it is open."""

    def __init__(self, generator_core: int, relay_core: int) -> None:
        self._cores = {"swa0": generator_core, "swb0": generator_core, "swra": relay_core, "swrb": relay_core}

    def open(self) -> None:
        if os.geteuid() != 0:
            raise BenchError("the benchmarks of media need root: they make network namespaces")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # thousands of sockets, here and in all subjects
        self.close()
        for each in (A, R, B):
            _run("ip", "netns", "add", each)
        for left, right in (("swa0", "swra"), ("swrb", "swb0")):
            _run("ip", "link", "add", left, "netns", _ENDS[left][0], "type", "veth",
                 "peer", "name", right, "netns", _ENDS[right][0])  # fmt: skip
        for device, (namespace, address, link) in _ENDS.items():
            _in(namespace, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            _in(namespace, "ip", "link", "set", device, "address", link, "up")
            _in(namespace, "ip", "addr", "add", f"{address}/24", "dev", device)
        for each in (A, R, B):
            _in(each, "ip", "link", "set", "lo", "up")
        _in(A, "ip", "route", "add", "default", "via", R_A)
        _in(B, "ip", "route", "add", "default", "via", R_B)
        for namespace, device, other in (
            (A, "swa0", "swra"),
            (R, "swra", "swa0"),
            (R, "swrb", "swb0"),
            (B, "swb0", "swrb"),
        ):
            _in(namespace, "ip", "neigh", "replace", _ENDS[other][1], "lladdr", _ENDS[other][2], "dev", device)
        _in(R, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        # A socket's packet leaves with its checksum filled in: an XDP program would pass an empty one on.
        _in(A, "ethtool", "-K", "swa0", "tx", "off", "tso", "off", "gso", "off")
        for device, (namespace, _, _) in _ENDS.items():
            _in(namespace, "ethtool", "-K", device, "gro", "on")  # NAPI, without which no frame can be redirected in
        self.threads(sink=True)

    def threads(self, *, sink: bool) -> None:
        """Give the NAPI threads their cores and priority. Without `sink` the sink's packets are counted where the relay
        transmits them: for latency, no other thread has to wake up first."""
        for device, (namespace, _, _) in _ENDS.items():
            on = sink or device != "swb0"
            _in(namespace, "sh", "-c", f"echo {int(on)} > /sys/class/net/{device}/threaded")
            for pid in _napi(device):
                _run("chrt", "-f", "-p", str(_PRIORITY), str(pid))
                _run("taskset", "-p", "-c", str(self._cores[device]), str(pid))

    def relay_threads(self) -> list[int]:
        """The kernel's threads that work for the relay."""
        found = [*_napi("swra"), *_napi("swrb")]
        if len(found) < 2:
            raise BenchError("the relay's devices have no NAPI thread: the kernel must have threaded NAPI")
        return found

    def close(self) -> None:
        for each in (A, R, B):
            if Path("/run/netns", each).exists():
                _run("ip", "netns", "del", each)


def _napi(device: str) -> list[int]:
    """NAPI threads of a device; their name starts with the device's, which no other program uses."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                name = Path("/proc", entry, "comm").read_text(encoding="ascii", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if name.startswith(f"napi/{device}-"):
                found.append(int(entry))
    return found


def _in(namespace: str, *command: str) -> None:
    _run("ip", "netns", "exec", namespace, *command)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip() or done.returncode}")
