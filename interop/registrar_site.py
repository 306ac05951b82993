"""A core, and an edge, in a network namespace of their own, with peers: SIPp, Kamailio, baresip."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from interop.conftest import lab_name, wait_for
from seaway.identity.digest import ha1
from seaway.lab.errors import LabError
from seaway.lab.phones.baresip import Account, Baresip
from tests.runtime.rig import CORE as RIG_CORE
from tests.runtime.rig import DEPLOYMENT, certificates

__all__ = ["CORE", "DOMAIN", "EDGE", "HOST", "OUTSIDE", "RegistrarSite"]

DOMAIN = "example.test"
_NET = "10.66.1"
CORE = f"{_NET}.10"
_HERE = Path(__file__).parent
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_HERE.parent / "src")}
HOST = {name: f"{_NET}.{number}" for name, number in (("proxy", 60), ("alice", 71), ("bob", 72), ("sipp", 73))}
EDGE = "10.66.3.20"
OUTSIDE = "10.66.9.72"
_NODE = """
node = "{node}"
deployment = "deployment.toml"
run_dir = "run/{node}"
[log]
file = "{node}.log"
[media]
engine = "python"
[tls]
ca = "tls/ca.pem"
certificate = "tls/{node}.pem"
key = "tls/{node}.key"
[[traversal]]
name = "pair"
user = "core1"
password = "the password of the pair"
"""
_CORE = """
[[rule]]
priority = 10
match = '.*@example\\.test'
target = "registrations"
"""
_EDGE = """
[sip]
digest_algorithms = ["MD5"]
[[domain]]
name = "example.test"
register_on = "pair"
[[rule]]
priority = 10
match = '.*@example\\.test'
target = "pair"
"""


class RegistrarSite:
    """Start it with `start()`; `close()` ends every process that it has begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes: list[subprocess.Popen[bytes]] = []
        self._phones: list[Baresip] = []
        self._port = 5070
        self._number = 0
        self._space = lab_name(f"registrar{os.getpid()}")

    def start(self) -> None:
        deployment = DEPLOYMENT.replace(RIG_CORE.rpartition(".1.")[0] + ".", "10.66.")
        (self.folder / "deployment.toml").write_text(deployment)
        subprocess.run(["ip", "netns", "add", self._space], check=True)
        # One interface with the addresses of all; what they send each other stays inside.
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "inner", "type", "veth", "peer", "name", "unused")
        for name in ("inner", "unused"):
            self._ip("link", "set", name, "up")
        for address in (CORE, "10.66.2.20", EDGE, OUTSIDE, *HOST.values()):
            self._ip("address", "add", f"{address}/24", "dev", "inner")
        certificates(self.folder / "tls")
        text = _CORE
        for user in ("alice", "bob"):  # MD5: what all peers here know
            text += f'[[user]]\nname = "{user}"\nha1_md5 = "{ha1("MD5", user, DOMAIN, "secret-" + user)}"\n'
        self.node = self._start_node("core1", text)

    def start_edge(self) -> None:
        """The edge, which knows no user: registrations and credentials go to the core. Raises LabError."""
        self._start_node("edge1", _EDGE)
        self.wait_zone()

    def wait_zone(self) -> None:
        """Until core and edge are joined. Raises LabError."""

        def active() -> bool:
            return (self._status("core1", "zones") or [{}])[0].get("state") == "active"

        wait_for(active, 40.0, "the traversal zone does not come up")

    def _start_node(self, node: str, text: str) -> subprocess.Popen[bytes]:
        path = self.folder / f"{node}.toml"
        head, traversal = _NODE.format(node=node).split("[[traversal]]")
        path.write_text(f"{head}[[traversal]]{traversal}{text}")
        made = self.run(
            [sys.executable, "-m", "seaway.admin.cli", "node", "run", str(path)], self.folder / f"{node}.out"
        )
        self._nodes.append(made)
        self.ready(node, made)
        return made

    def ready(self, node: str = "core1", process: subprocess.Popen[bytes] | None = None) -> dict[str, Any]:
        """The processes of a node, once it is up. Raises LabError."""
        running = process or self.node
        path = self.folder / "run" / node / "ready"
        wait_for(lambda: path.exists() or running.poll() is not None, 15.0, f"{node} does not start")
        if running.poll() is not None:
            raise LabError(f"{node} ended: {(self.folder / f'{node}.out').read_text()[-500:]}")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def kill_signalling(self) -> None:
        """SIGKILL to the signalling process; returns when its successor is there."""
        before = self.ready()["signal"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.ready()["signal"] not in (before, 0), 10.0, "signalling does not come back")
        wait_for(lambda: self.registrations() is not None, 5.0, "signalling does not answer")

    def registrations(self, user: str | None = None) -> list[dict[str, Any]] | None:
        """The rows of `seaway status registrations`; `None` while nobody answers."""
        rows = self._status("core1", "registrations")
        return rows and [row for row in rows if user is None or row["user"] == f"{user}@{DOMAIN}"]

    def _status(self, node: str, view: str) -> list[dict[str, Any]] | None:
        command = [sys.executable, "-m", "seaway.admin.cli", "status", view, "--json"]
        folder = str(self.folder / "run" / node)
        done = subprocess.run([*command, "--run-dir", folder], capture_output=True, text=True, env=_ENVIRONMENT)
        if done.returncode:
            return None
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def wait_registered(self, user: str, count: int = 1) -> list[dict[str, Any]]:
        """Until `user` has `count` bindings. Raises LabError."""

        def there() -> bool:
            return len(self.registrations(user) or ()) == count

        wait_for(there, 8.0, f"{user} has no {count} bindings: {self.registrations()}")
        return self.registrations(user) or []

    # -- peers

    def run(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            inside = ["ip", "netns", "exec", self._space, *command]
            made = subprocess.Popen(inside, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder, env=_ENVIRONMENT)
        self._processes.append(made)
        return made

    def kamailio(self) -> str:
        """Start the edge proxy; returns its host:port."""
        place = f"{HOST['proxy']}:5060"
        values = {"LISTEN_UDP": f"udp:{place}", "LISTEN_TCP": f"tcp:{place}", "REGISTRAR": f'"sip:{CORE}:5060"'}
        command = ["kamailio", "-DD", "-E", "-f", str(_HERE / "kamailio_path.cfg"), "-Y", str(self.folder), "-m", "64"]
        command += [part for name, value in values.items() for part in ("-A", f"{name}={value}")]
        log = self.folder / "kamailio.log"
        process = self.run(command, log)

        def listening() -> bool:
            if process.poll() is not None:
                raise LabError(f"kamailio ended: {log.read_text()[-500:]}")
            command = ["ip", "netns", "exec", self._space, "ss", "-Hltn", f"src {place}"]
            return subprocess.run(command, capture_output=True, check=True).stdout != b""

        wait_for(listening, 10.0, "kamailio does not listen")
        return place

    def baresip(
        self, user: str, transport: str = "udp", proxy: str = f"{CORE}:5060", *, address: str = "", account: str = ""
    ) -> Baresip:
        """A registered phone that answers by itself. Raises LabError."""
        self._number += 1
        number = self._number
        phone = _Phone(
            f"{user}{number}", self.folder / f"baresip-{user}-{number}",
            Account(user, f"secret-{user}", DOMAIN, transport, proxy), 440 + 100 * number,  # type: ignore[arg-type]
            self.run, listen=f"{address or HOST[user]}:{self._next_port()}", control=4600 + number,
            interface="inner", namespace=self._space, rtp_ports=f"{18000 + 200 * number}-{18199 + 200 * number}",
        )  # fmt: skip
        config = phone.dir / "config"  # outbound wants to know which device it is (RFC 5626 §4.1)
        config.write_text(
            config.read_text().replace("module_tmp account.so", "module_tmp uuid.so\nmodule_tmp account.so")
        )
        phone.more = account
        self._phones.append(phone)
        phone.launch()
        if not phone.registered(8.0):
            raise LabError(f"{user} does not register: {phone.tail()}")
        return phone

    def sipp(self, name: str, scenario: str, *more: str, remote: str = f"{CORE}:5060", transport: str = "u1") -> str:
        """Run a scenario once; returns what it logged. Raises LabError when a step does not come."""
        return self.sipp_end(name, self.sipp_begin(name, scenario, *more, remote=remote, transport=transport))

    def sipp_begin(
        self, name: str, scenario: str, *more: str, remote: str = f"{CORE}:5060", transport: str = "u1"
    ) -> subprocess.Popen[bytes]:
        path = self.folder / f"{name}.xml"
        path.write_text(
            f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n{scenario}</scenario>\n'
        )
        command = [
            "sipp", remote, "-sf", str(path), "-m", "1", "-nostdin", "-i", HOST["sipp"], "-p", str(self._next_port()),
            "-t", transport, "-timeout", "15", "-timeout_error", "-trace_err", "-error_file",
            str(self.folder / f"{name}.err"), "-trace_logs", "-log_file", str(self.folder / f"{name}.log"), *more,
        ]  # fmt: skip
        return self.run(command, self.folder / f"{name}.out")

    def sipp_end(self, name: str, process: subprocess.Popen[bytes]) -> str:
        status = process.wait(20)
        if status:
            errors = self.folder / f"{name}.err"
            text = errors.read_text(errors="replace") if errors.exists() else "no error file"
            raise LabError(f"scenario {name} ended with {status}: {' '.join(text.split())[-900:]}")
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _next_port(self) -> int:
        self._port += 2
        return self._port

    def end_peers(self) -> None:
        """All but the node."""
        for phone in self._phones:
            phone.close()
        self._phones.clear()
        self._end([each for each in self._processes if each not in self._nodes])

    def close(self) -> None:
        self.end_peers()
        self._end(self._processes)
        subprocess.run(["ip", "netns", "delete", self._space], check=False)

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in reversed(processes):
            if process.poll() is None:
                process.terminate()
        limit = time.monotonic() + 5
        for process in reversed(processes):
            try:
                process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _ip(self, *command: str) -> None:
        subprocess.run(["ip", "-n", self._space, *command], check=True)


class _Phone(Baresip):
    """With more in its account line."""

    more = ""

    def _account_line(self, account: Account) -> str:
        return super()._account_line(account) + self.more
