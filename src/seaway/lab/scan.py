"""Scans from where an attacker would stand: nmap from the internet against the edge, and from the edge inwards."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution
from seaway.lab.errors import LabError
from seaway.lab.network import Network

__all__ = ["Scan", "allowed_tcp", "open_ports", "scan_tcp", "udp_ports", "udp_volley"]


@dataclass(frozen=True, slots=True)
class Scan:
    """Open TCP ports found, and those that the rows allow."""

    source: str
    target: str
    found: tuple[int, ...]
    allowed: tuple[int, ...]

    @property
    def good(self) -> bool:
        return set(self.found) <= set(self.allowed)


def allowed_tcp(resolution: Resolution, node: str, from_zone: str) -> tuple[int, ...]:
    """TCP ports of `node` that some row opens to `from_zone`."""
    ports: set[int] = set()
    for each in resolution.connections:
        here = node in each.destination.hosts and each.destination.nic is not None
        if here and each.source.zone == from_zone and each.carrier.transport is Transport.TCP:
            ports.update(each.destination.ports)
    return tuple(sorted(ports))


def open_ports(output: str) -> tuple[int, ...]:
    """Open ports in nmap's grepable output."""
    return tuple(sorted({int(each) for each in re.findall(r"(?<![\d/])(\d{1,5})/open/", output)}))


def start_tcp(network: Network, host: str, target: str) -> subprocess.Popen[str]:
    """Start a SYN scan of all ports, without asking whether the target is there."""
    if shutil.which("nmap") is None:
        raise LabError("no nmap on this machine", "scan", "install: apt-get install nmap")
    command = [
        "nmap", "-n", "-Pn", "-sS", "-p-", "-T5", "--max-retries", "1", "--min-rate", "15000", "-oG", "-",
        *(("-6",) if ":" in target else ()), target,
    ]  # fmt: skip
    return subprocess.Popen(network.command(host, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def scan_tcp(
    network: Network,
    resolution: Resolution,
    jobs: tuple[tuple[str, str, str, str], ...],
    patience: float = 60.0,
) -> list[Scan]:
    """Scan several targets at once. A job is (host, target address, node, zone of the host). Raises LabError."""
    running = [(job, start_tcp(network, job[0], job[1])) for job in jobs]
    results = []
    for (host, target, node, zone), process in running:
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise LabError(f"scan of {target} takes more than {patience:.0f} s", host) from None
        if process.returncode:
            raise LabError(f"nmap: {output.strip()[-200:]}", host)
        results.append(Scan(host, target, open_ports(output), allowed_tcp(resolution, node, zone)))
    return results


def udp_ports(resolution: Resolution) -> tuple[int, ...]:
    """Ports worth a datagram: first, last and neighbours of every range in the catalog's connections, and a sample."""
    ports = set(range(1, 65536, 997))
    for each in resolution.connections:
        for party in (each.source, each.destination):
            for found in party.ports.ranges:
                for port in (found.low, found.high):
                    ports.update(p for p in (port - 1, port, port + 1) if 0 < p < 65536)
    return tuple(sorted(ports))


def udp_volley(network: Network, host: str, target: str, ports: tuple[int, ...]) -> None:
    """One datagram to each port. Whether any got through is for the witness to say. Raises LabError."""
    script = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\n"
        "for p in sys.argv[2:]:\n"
        "  try: s.sendto(b'x'*20,(sys.argv[1],int(p)))\n"
        "  except OSError: pass\n"
    )
    network.run(host, ["python3", "-c", script, target, *map(str, ports)])
