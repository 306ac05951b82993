"""The traversal pair as real processes: certificates, node files, start, state, stop."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seaway.catalog.deployment import Deployment, parse_deployment
from seaway.identity.ca import create_authority, issue
from seaway.identity.digest import ha1
from seaway.lab.accounts import TURN_PASSWORD, TURN_USER, USERS, LabUser
from seaway.lab.errors import LabError
from seaway.lab.machines import Machines, end_all
from seaway.lab.plan6 import LAB_PEERS6
from seaway.runtime.config import EngineName

__all__ = ["LAB_PEERS", "NODES", "Pair", "seaway_command", "serves_turn"]

NODES = ("edge1", "core1")  # the edge first: the core dials it
LAB_PEERS = ("198.51.100.0/24", "203.0.113.0/24", *LAB_PEERS6)
"""Networks of the lab's internet, to which the TURN server relays."""

_RUN_AS = "nobody"


def seaway_command() -> list[str]:
    """The `seaway` program of this very installation."""
    beside = Path(sys.executable).with_name("seaway")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "seaway.admin.cli"]


@dataclass(slots=True)
class Pair:
    """Core and edge of one lab. `deployment` is the text of the deployment file."""

    machines: Machines
    deployment: str
    dns_servers: tuple[str, ...] = ()
    dns_check: tuple[str, ...] = ()
    traversal_host: str | None = None
    keep_alive: float = 5.0  # seconds; shorter than the default so that a lost link shows quickly
    turn: tuple[str, ...] = ()  # more lines for the [turn] table of the edge
    engine: EngineName = "auto"  # what carries media
    extra: str = ""  # more TOML for both node files (tables)
    users: tuple[LabUser, ...] = USERS
    nodes: tuple[str, ...] = NODES  # that are started
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def dir(self) -> Path:
        return self.machines.dir

    def ca(self) -> Path:
        return self.dir / "tls" / "ca.pem"

    def config(self, node: str) -> Path:
        return self.dir / f"{node}.toml"

    def prepare(self) -> None:
        """Write CA, certificates and node files. Raises LabError, CertificateError, DeploymentError."""
        root = os.geteuid() == 0
        deployment = parse_deployment(self.deployment, "lab deployment")
        (self.dir / "deployment.toml").write_text(self.deployment)
        tls = self.dir / "tls"
        create_authority(tls, "Seaway lab CA")
        password = secrets.token_urlsafe(18)
        for node in deployment.nodes:
            _, key = issue(tls, node.name, [node.fqdn, deployment.domain])
            run = self.dir / "run" / node.name
            run.mkdir(parents=True, exist_ok=True)
            config = self.config(node.name)
            config.write_text(self._text(node.name, deployment, password))
            config.chmod(0o600)
            if root:
                owner = pwd.getpwnam(_RUN_AS)
                for path in (key, run, config):
                    os.chown(path, owner.pw_uid, owner.pw_gid)

    def close_rows(self, rows: frozenset[str]) -> None:
        """From the next start on these rows have no fast path: their packets meet the hosts' own filters."""
        for node in self.nodes:
            config = self.config(node)
            lines = config.read_text().split("\n")
            config.write_text("\n".join(_closed(rows) if each.startswith("closed_rows") else each for each in lines))

    def _text(self, node: str, deployment: Deployment, password: str) -> str:
        core, paired = node != "edge1", node in NODES
        far = deployment.node("edge1" if core else "core1").fqdn
        user = _RUN_AS if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        lines = [
            f'node = "{node}"',
            'deployment = "deployment.toml"',
            f'run_dir = "run/{node}"',
            f'run_as = "{user}"',
            "[tls]",
            'ca = "tls/ca.pem"',
            f'certificate = "tls/{node}.pem"',
            f'key = "tls/{node}.key"',
            "[dns]",
            f"servers = {json.dumps(self.dns_servers)}",
            f"check = {json.dumps(self.dns_check)}",
            "interval = 2.0",
            "timeout = 1.0",
            "[media]",
            f'engine = "{self.engine}"',
            _closed(frozenset()),
        ]
        if paired:
            lines += [
                "[[traversal]]",
                'name = "pair"',
                'user = "core1"',
                f'password = "{password}"',
                f'verify_name = "{far}"',
                f"keep_alive = {self.keep_alive}",
            ]
        if node == "core1" and self.traversal_host:
            lines.append(f'host = "{self.traversal_host}"')
        for each in self.users:
            if each.node == node:
                # Stored for MD5 alone: baresip 1.0 gives up when a challenge also offers SHA-256.
                stored = ha1("MD5", each.name, deployment.domain, each.password)
                lines += ["[[user]]", f'name = "{each.name}"', f'ha1_md5 = "{stored}"']
        # One plan for both nodes: who is registered here is here, everybody else is behind the other node.
        everyone = json.dumps(f".*@{deployment.domain}".replace(".test", "\\.test"))
        for priority, target in ((10, "registrations"), (20, "pair"))[: 2 if paired else 1]:
            lines += ["[[rule]]", f"priority = {priority}", f"match = {everyone}", f'target = "{target}"']
        if not core and serves_turn(deployment):
            lines += self._turn()
        return "\n".join(lines) + "\n" + self.extra

    def _turn(self) -> list[str]:
        """The lab's public hosts have addresses of documentation networks, which no peer may have by default."""
        return [
            "[turn]",
            f"allow_peers = {json.dumps(LAB_PEERS)}",
            *self.turn,
            "[[turn.user]]",
            f'name = "{TURN_USER}"',
            f'password = "{TURN_PASSWORD}"',
        ]

    def start(self, patience: float = 10.0) -> None:
        """Start the nodes and wait until all answer on their control sockets. Raises LabError."""
        for node in self.nodes:
            log = self.dir / f"{node}.log"
            log.unlink(missing_ok=True)
            command = [*seaway_command(), "node", "run", str(self.config(node))]
            self._running[node] = self.machines.start(node, command, log)
        limit = time.monotonic() + patience
        for node in self.nodes:
            while True:
                try:
                    self.status(node, "zones")
                    break
                except LabError as error:
                    if self._running[node].poll() is not None or time.monotonic() > limit:
                        raise LabError(f"node does not start: {self.last_line(node)} ({error})", node) from None
                    time.sleep(0.03)

    def last_line(self, node: str) -> str:
        try:
            lines = (self.dir / f"{node}.log").read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "no output"

    def pid(self, node: str) -> int:
        return self._running[node].pid

    def status(self, node: str, what: str) -> list[dict[str, Any]]:
        """The rows of one view of `seaway status`, asked at the node's control socket. Raises LabError."""
        path = self.dir / "run" / node / "control.sock"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
                asking.settimeout(3.0)
                asking.connect(str(path))
                asking.sendall(json.dumps({"show": what}).encode() + b"\n")
                with asking.makefile("rb") as answers:
                    answer = json.loads(answers.readline() or b"{}")
        except (OSError, ValueError) as error:
            raise LabError(f"status {what}: {error}", node) from None
        if "rows" not in answer:
            raise LabError(f"status {what}: {answer.get('error', 'no answer')}", node)
        rows: list[dict[str, Any]] = answer["rows"]
        return rows

    def zone_active(self) -> bool:
        """Both ends of the traversal link say so."""
        return all(self._zone(node) == "active" for node in NODES)

    def _zone(self, node: str) -> str:
        try:
            zones = self.status(node, "zones")
        except LabError:
            return "unknown"
        return next((str(each["state"]).lower() for each in zones if each["name"] == "pair"), "unknown")

    def wait_zone(self, patience: float = 5.0) -> bool:
        limit = time.monotonic() + patience
        while not self.zone_active():
            if time.monotonic() > limit:
                return False
            time.sleep(0.05)
        return True

    def stop(self) -> None:
        """End the nodes."""
        running = list(self._running.values())
        end_all(running)
        self._running.clear()
        for node in self.nodes:
            for each in (self.dir / "run" / node).glob("*.sock"):
                each.unlink(missing_ok=True)

    def crash_report(self) -> str:
        """Last log lines of all nodes, for a failure message."""
        return "; ".join(f"{node}: {self.last_line(node)}" for node in self.nodes)


def serves_turn(deployment: Deployment) -> bool:
    """Whether the lab's edge runs a TURN server: for endpoints of SIP calls, or for remote clients."""
    return deployment.service("turn") or deployment.service("mra_ice")


def _closed(rows: frozenset[str]) -> str:
    return f"closed_rows = {json.dumps(sorted(rows))}"


def missing_programs(names: tuple[str, ...]) -> list[str]:
    """Which of these programs are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"
    return [name for name in names if shutil.which(name, path=path) is None]
