"""An independent witness: what really left each firewall towards the next zone, apart from the firewall's counters.

`tcpdump` records the frames that go out of each interface of the two firewalls; each packet is then looked up in the
resolved catalog. A packet that no row explains, or a number that differs from the counter, is a finding.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from seaway.catalog.resolve import Resolution
from seaway.lab.errors import LabError
from seaway.lab.network import Network
from seaway.lab.pcap import Packet, packets_of

__all__ = ["POINTS", "Seen", "Witness", "classify"]

POINTS = (("inner", "internal"), ("inner", "dmz"), ("outer", "dmz"), ("outer", "internet"))

_AT_CORE = ("core1", "eth0")  # who talks to the core inside; there no firewall stands between


_NEIGHBOURS = frozenset((*range(130, 138), 143))
"""ICMPv6 types of multicast listener and neighbour discovery: what ARP is to IPv4, never forwarded (RFC 4861 §7.1)."""

_OPTIONS = ("-p", "-n", "-U", "--immediate-mode", "-Z", "root", "-s", "128", "-B", "8192")
_Key = tuple[str, int, str, int, str]


@dataclass(slots=True)
class Seen:
    """What passed one firewall, by row. `opened` are first packets by row: who opened towards which address."""

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)  # (row id, "forward" | "reply") -> packets
    peers: dict[str, set[str]] = field(default_factory=dict)  # row id -> "a:port > b:port" without the client port
    unexplained: list[str] = field(default_factory=list)
    icmp: int = 0
    ambiguous: list[str] = field(default_factory=list)  # packets that more than one row would accept
    own: int = 0  # sent by the firewall itself, not forwarded
    neighbours: int = 0  # IPv6 hosts of one network finding each other
    inward: list[tuple[str, Packet]] = field(default_factory=list)  # forward packets that enter the internal zone


def classify(packets: Iterable[tuple[str, Packet]], resolution: Resolution, own: frozenset[str] = frozenset()) -> Seen:
    """Look up packets, each with the interface it left by. `own` are addresses of the firewall itself."""
    seen = Seen()
    known: dict[_Key, tuple[str, str] | None] = {}
    judged: set[_Key] = set()
    singles = [Resolution((each,), resolution.deployment) for each in resolution.connections]
    for leaves, packet in packets:
        if packet.source in own:
            seen.own += 1
            continue
        if packet.transport == "icmp":
            if ":" in packet.source and packet.icmp_type in _NEIGHBOURS:
                seen.neighbours += 1
                continue
            about = packet.about
            if about is not None and _look_up(about, resolution, known) is not None:
                seen.icmp += 1
            else:
                seen.unexplained.append(
                    f"{packet.transport} type {packet.icmp_type} {packet.source} > {packet.destination}"
                )
            continue
        found = _look_up(packet, resolution, known)
        if found is None:
            seen.unexplained.append(str(packet))
            continue
        row, way = found
        if (key := _key(packet)) not in judged:
            judged.add(key)
            rows = _matching(packet, way, singles)
            if len(rows) > 1:
                seen.ambiguous.append(f"{packet} ({', '.join(rows)})")
        seen.rows[found] += 1
        if way == "forward":
            seen.peers.setdefault(row, set()).add(
                f"{packet.source} > {packet.destination}:{packet.destination_port}/{packet.transport}"
            )
            if leaves == "internal":
                seen.inward.append((row, packet))
    return seen


def _key(packet: Packet) -> _Key:
    return (
        packet.source, packet.source_port, packet.destination, packet.destination_port, packet.transport,
    )  # fmt: skip


def _look_up(
    packet: Packet, resolution: Resolution, known: dict[_Key, tuple[str, str] | None]
) -> tuple[str, str] | None:
    key = _key(packet)
    if key not in known:
        found = resolution.explain(*key)
        known[key] = None if found is None else (found[0].row.id, found[1])
    return known[key]


def _matching(packet: Packet, way: str, singles: list[Resolution]) -> list[str]:
    """Every row that accepts this packet this way round, not only the first one."""
    rows = {
        found[0].row.id for each in singles if (found := each.explain(*_key(packet))) is not None and found[1] == way
    }
    return sorted(rows)


class Witness:
    """The running captures of one lab."""

    def __init__(self, network: Network, label: str = "capture") -> None:
        self._network = network
        self._dir = network.dir / label
        self._dir.mkdir(exist_ok=True)
        self._running: list[subprocess.Popen[bytes]] = []

    def _path(self, host: str, interface: str) -> Path:
        return self._dir / f"{host}-{interface}.pcap"

    def start(self, patience: float = 4.0) -> None:
        """Start all captures and wait until they listen. Raises LabError."""
        for host, interface in (*POINTS, _AT_CORE):
            path, log = self._path(host, interface), self._dir / f"{host}-{interface}.log"
            path.unlink(missing_ok=True)
            log.unlink(missing_ok=True)
            command = ["tcpdump", "-i", interface, *(("-Q", "out") if host != _AT_CORE[0] else ()), *_OPTIONS]
            command += ["-w", str(path), "ip or ip6"]
            self._running.append(self._network.start(host, command, log))
        limit = time.monotonic() + patience
        for (host, interface), process in zip((*POINTS, _AT_CORE), self._running, strict=True):
            log = self._dir / f"{host}-{interface}.log"
            while "listening on" not in log.read_text(errors="replace"):
                if process.poll() is not None or time.monotonic() > limit:
                    text = log.read_text(errors="replace").strip().splitlines()
                    raise LabError(f"tcpdump does not listen: {text[-1:]}", f"{host} {interface}")
                time.sleep(0.02)

    def stop(self) -> None:
        """End the captures; the files are complete afterwards. Raises LabError when packets were lost."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(5)
        self._running.clear()
        for log in self._dir.glob("*.log"):
            lost = [line for line in log.read_text().splitlines() if "dropped by kernel" in line]
            if lost and not lost[0].startswith("0 "):
                raise LabError(f"the witness missed packets: {lost[0]}", log.stem)

    def seen(self, resolution: Resolution) -> dict[str, Seen]:
        """Both firewalls' captures, looked up in the catalog."""
        result = {}
        for firewall in ("inner", "outer"):
            packets: list[tuple[str, Packet]] = []
            for host, interface in POINTS:
                if host == firewall and (path := self._path(host, interface)).exists():
                    packets += [(interface, packet) for packet in packets_of(path)]
            nics = self._network.plan.host(firewall).nics
            own = frozenset(each.split("/")[0] for nic in nics for each in (nic.address, nic.address6) if each)
            result[firewall] = classify(packets, resolution, own)
        return result

    def at_core(self, resolution: Resolution) -> Seen:
        """What the core's own interface saw in both directions, also what its host firewall then dropped."""
        path = self._path(*_AT_CORE)
        return classify(((_AT_CORE[1], packet) for packet in packets_of(path)), resolution)
