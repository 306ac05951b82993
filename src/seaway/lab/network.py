"""Real hosts out of network namespaces: build a `Plan`, run commands in its hosts, take everything away again.

The namespaces are named `sw-<lab>-<host>` and have no cable to the machine's own network. Built with few processes:
one `ip -batch` for namespaces and cables, then one shell per host for addresses, routes, kernel settings and filter.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seaway.lab.errors import LabError
from seaway.lab.plan import Host, Plan, Variant
from seaway.lab.plan6 import network_plan

__all__ = ["FILES", "ROOT", "Network", "exists", "locked", "programs", "remove", "state_of"]

ROOT = Path("/run/seaway-lab")  # state and locks
FILES = Path("/var/lib/seaway-lab")  # configurations, captures, logs, one directory per lab

# No IPv6 chatter and no address by accident; a router forwards, nobody sends or believes redirects.
_NO_IPV6 = """
s /proc/sys/net/ipv6/conf/all/disable_ipv6 1
s /proc/sys/net/ipv6/conf/default/disable_ipv6 1
"""
_IPV6 = """
for where in all default; do
s /proc/sys/net/ipv6/conf/$where/autoconf 0
s /proc/sys/net/ipv6/conf/$where/accept_ra 0
s /proc/sys/net/ipv6/conf/$where/accept_redirects 0
s /proc/sys/net/ipv6/conf/$where/accept_dad 0
done
s /proc/sys/net/ipv6/conf/all/forwarding {forward}
"""
_SYSCTL = """
s() { [ -e "$1" ] && echo "$2" > "$1"; }
s /proc/sys/net/ipv4/conf/all/send_redirects 0
s /proc/sys/net/ipv4/conf/default/send_redirects 0
s /proc/sys/net/ipv4/conf/all/accept_redirects 0
s /proc/sys/net/bridge/bridge-nf-call-iptables 0
s /proc/sys/net/bridge/bridge-nf-call-ip6tables 0
s /proc/sys/net/ipv4/ip_forward {forward}
"""


def _run(command: Sequence[str], text: str | None = None, where: str = "lab") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(command[:6])}` failed: {done.stderr.strip()[:300]}", where)
    return done.stdout


def _name_ok(name: str) -> None:
    if not (0 < len(name) <= 12 and name.replace("-", "").isalnum() and name.isascii()):
        raise LabError(f"lab name {name!r} is not usable", remedy="use up to 12 letters, digits and dashes")


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lab `name` for this process. Raises LabError when another process holds it."""
    _name_ok(name)
    ROOT.mkdir(mode=0o755, exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LabError(
                f"lab {name!r} is in use by another seaway process", remedy="end it, or use --name"
            ) from None
        yield


def _namespaces(name: str) -> list[str]:
    run = Path("/run/netns")
    return sorted(each.name for each in run.glob(f"sw-{name}-*")) if run.exists() else []


def exists(name: str) -> bool:
    return (ROOT / f"{name}.json").exists()


def state_of(name: str) -> dict[str, Any]:
    """The state file of a lab that is up. Raises LabError."""
    try:
        state: dict[str, Any] = json.loads((ROOT / f"{name}.json").read_text())
    except FileNotFoundError:
        raise LabError(f"lab {name!r} is not up", remedy="run: seaway lab up") from None
    return state


def _pids_in(namespaces: Sequence[str]) -> list[int]:
    """Processes whose network namespace is one of ours; found by inode, so a reused pid is never hit."""
    inodes = set()
    for each in namespaces:
        with contextlib.suppress(OSError):
            inodes.add(os.stat(f"/run/netns/{each}").st_ino)
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{entry}/ns/net").st_ino in inodes:
                found.append(int(entry))
    return [pid for pid in found if pid != os.getpid()]


def remove(name: str) -> int:
    """Take down every trace of lab `name`: processes inside its namespaces, namespaces, state. Returns how many
    namespaces there were. Works after a crash, when no state file is left or it is stale."""
    _name_ok(name)
    # A lab called "a" must not take down the hosts of a lab called "a-b".
    own = {f"sw-{name}-{host.name}" for v in ("dual", "single-nat") for host in network_plan(v).hosts}
    namespaces = [each for each in _namespaces(name) if each in own]
    for number, patience in ((signal.SIGTERM, 1.5), (signal.SIGKILL, 2.0)):
        pids = _pids_in(namespaces)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        limit = time.monotonic() + patience
        while pids and time.monotonic() < limit:
            time.sleep(0.02)
            pids = _pids_in(namespaces)
    if namespaces:
        _run(["ip", "-batch", "-"], "".join(f"netns del {each}\n" for each in namespaces))
    _unmount(FILES / name)
    (ROOT / f"{name}.json").unlink(missing_ok=True)
    return len(namespaces)


def _unmount(base: Path) -> None:
    """What killed nodes left mounted below their run directories: pins of their fast paths."""
    for line in Path("/proc/self/mounts").read_text().split("\n"):
        place = line.split(" ")[1] if line else ""
        if place.startswith(f"{base}/"):
            _run(["umount", place], where="lab files")


@dataclass(frozen=True, slots=True)
class Network:
    """A lab's hosts. `dir` holds its files: node configurations, captures, recordings."""

    name: str
    plan: Plan
    dir: Path

    def namespace(self, host: str) -> str:
        return f"sw-{self.name}-{host}"

    @classmethod
    def build(cls, name: str, variant: Variant) -> Network:
        """Build the network from nothing; leftovers of the same name are removed first. Raises LabError."""
        remove(name)
        base = FILES / name
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir(parents=True, mode=0o755)
        net = cls(name, network_plan(variant), base)
        net._save()  # first, so that a crash half-way leaves something to clean by
        lines = [f"netns add {net.namespace(host.name)}" for host in net.plan.hosts]
        for link in net.plan.links:
            left, right = (net.namespace(end[0]) for end in (link.left, link.right))
            lines.append(f"link add name {link.left[1]} netns {left} type veth peer name {link.right[1]} netns {right}")
        try:
            _run(["ip", "-batch", "-"], "\n".join(lines) + "\n", "lab network")
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(net._configure, net.plan.hosts))
            net._settle()
        except BaseException:
            remove(name)
            raise
        return net

    @classmethod
    def attach(cls, name: str) -> Network:
        """The lab that is up under this name. Raises LabError."""
        return cls(name, network_plan(state_of(name)["variant"]), FILES / name)

    def _save(self) -> None:
        state = {
            "name": self.name,
            "variant": self.plan.variant,
            "started": time.time(),
            "owner": os.getpid(),
        }
        (ROOT / f"{self.name}.json").write_text(json.dumps(state) + "\n")

    def _configure(self, host: Host) -> None:
        lines = ["link set lo up"]
        for nic in host.nics:
            if nic.bridge:
                lines.append(f"link add {nic.name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        for link in self.plan.links:
            if link.right[0] == host.name and link.right_bridge:
                lines.append(f"link set {link.right[1]} master {link.right_bridge} up")
        for nic in host.nics:
            lines += [f"addr add {nic.address} dev {nic.name}"] if nic.address else []
            lines += [f"addr add {nic.address6} dev {nic.name} nodad"] if nic.address6 else []
            lines.append(f"link set {nic.name} up")
        lines += [f"route add {route}" for route in host.routes]
        # A cable's end takes packets of the other end's native XDP only when it has GRO (or XDP itself). Nothing may
        # be merged, nor sent as one to be cut later: a rule would count one packet where the witness sees two.
        cables = [end[1] for link in self.plan.links for end in (link.left, link.right) if end[0] == host.name]
        script = _SYSCTL + (_IPV6 if self.plan.dual_stack else _NO_IPV6)
        script = script.replace("{forward}", "1" if host.router else "0")
        script += "set -e\nip -batch - <<'_END_'\n" + "\n".join(lines) + "\n_END_\n"
        script += "".join(
            f"ip link set {cable} gro_max_size 1 gso_max_segs 1 && ethtool -K {cable} gro on\n" for cable in cables
        )
        if host.ruleset:
            script += f"nft -f - <<'_END_'\n{host.ruleset}_END_\n"
        _run(self.command(host.name, ["sh", "-s"]), script, f"lab host {host.name}")

    def _settle(self, patience: float = 4.0) -> None:
        """Wait until every bridge port forwards: the kernel reports a new cable's carrier up to a second late."""
        limit = time.monotonic() + patience
        for host in self.plan.hosts:
            if not any(nic.bridge for nic in host.nics):
                continue
            while True:
                shown = _run(["bridge", "-j", "-n", self.namespace(host.name), "link"])
                if all(port.get("state") == "forwarding" for port in json.loads(shown or "[]")):
                    break
                if time.monotonic() > limit:
                    raise LabError("bridge ports do not come up", f"lab host {host.name}")
                time.sleep(0.02)

    def command(self, host: str, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in `host` (the pid stays that of the command)."""
        return ["nsenter", f"--net=/run/netns/{self.namespace(host)}", "--", *command]

    def run(self, host: str, command: Sequence[str], text: str | None = None) -> str:
        """Run to the end; returns its output. Raises LabError when it fails."""
        return _run(self.command(host, command), text, f"lab host {host}")

    def start(
        self, host: str, command: Sequence[str], log: Path, stdin: int | IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start in the background, output to `log`."""
        with log.open("ab") as out:
            return subprocess.Popen(
                self.command(host, command),
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def programs(network: Network) -> dict[str, list[str]]:
    """What runs in each host: program names with process ids."""
    found: dict[str, list[str]] = {}
    for host in network.plan.hosts:
        for pid in _pids_in([network.namespace(host.name)]):
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                found.setdefault(host.name, []).append(f"{name}[{pid}]")
    return found
