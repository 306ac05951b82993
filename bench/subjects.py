"""What is measured: a Seaway core and Kamailio, each with one zone of callers, one of callees, and the same users."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from processes import Process, start, tree, wait_for
from sipp import CALLEE, TRUNK_CALLEE, TRUSTED, BenchError
from sockets import udp_bound

from seaway.identity.digest import ha1

__all__ = ["DOMAIN", "PASSWORD", "PLAIN", "Kamailio", "Seaway", "Subject", "kamailio_version", "python_environment"]

DOMAIN = "example.test"
PASSWORD = "benchmark"
_HERE = Path(__file__).resolve().parent
_KAMAILIO = "/usr/sbin/kamailio"
PLAIN = "seaway, plain Python"
_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}


class Subject(Protocol):
    label: str
    address: tuple[str, int]

    def start(self, core: int) -> None: ...
    @property
    def pid(self) -> int: ...
    def stop(self) -> None: ...


class _Started:
    """What both have in common: one process tree and one address."""

    label = ""

    def __init__(self, host: str, folder: Path, transport: str = "udp") -> None:
        self.address = (host, _PORTS[transport])
        self._folder = folder
        self._process: Process | None = None
        folder.mkdir(parents=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _run(self, command: Sequence[str], core: int, environment: dict[str, str] | None = None) -> None:
        self._process = process = start(command, core=core, output=self._folder / "output", environment=environment)
        ready = wait_for(lambda: process.popen.poll() is not None or self._ready(process), 20.0)
        if not ready or process.popen.poll() is not None:
            self.stop()
            raise BenchError(f"{self.label} did not start: {process.tail()}")

    def _ready(self, process: Process) -> bool:
        return udp_bound(self.address[0], 5060)


class Seaway(_Started):
    """A core alone, in proxy mode: what comes from one neighbour goes to the other; nothing anchors media."""

    label = "seaway"

    def __init__(
        self, host: str, folder: Path, users: Sequence[str] = (), *, transport: str = "udp", plain: bool = False,
        b2bua: bool = False, certificates: Path | None = None,
    ) -> None:  # fmt: skip
        """`plain`: without compiled modules; `b2bua`: calls go through the B2BUA instead of the proxy."""
        super().__init__(host, folder, transport)
        self._plain = plain
        self.label = PLAIN if plain else "seaway, B2BUA" if b2bua else "seaway"
        switches = {f"core_{name}": "true" if name == transport else "false" for name in ("tcp", "tls")}
        deployment = _DEPLOYMENT.format(host=host, domain=DOMAIN, **switches)
        (folder / "deployment.toml").write_text(deployment, encoding="utf-8")
        callee = CALLEE if transport == "udp" else (TRUNK_CALLEE, _PORTS[transport])
        more = "b2bua = true\n" if b2bua else ""
        verify = f'verify_name = "callee.{DOMAIN}"\n' if transport == "tls" else ""
        config = _NODE.format(
            caller=TRUSTED, callee=callee[0], port=callee[1], run=folder / "run", transport=transport,
            # A core's port asks for no certificate: callers are known by their address, over TLS too.
            from_caller="tcp" if transport == "tls" else transport, more=more, verify=verify,
        )  # fmt: skip
        if certificates is not None:
            names = {"ca": "ca.pem", "certificate": "core1.pem", "key": "core1.key"}
            config += "[tls]\n" + "".join(f'{key} = "{certificates / file}"\n' for key, file in names.items())
        stored = {name: (ha1("MD5", name, DOMAIN, PASSWORD), ha1("SHA-256", name, DOMAIN, PASSWORD)) for name in users}
        config += "".join(
            f'[[user]]\nname = "{name}"\nha1_md5 = "{md5}"\nha1_sha256 = "{sha}"\n'
            for name, (md5, sha) in stored.items()
        )
        (folder / "node.toml").write_text(config, encoding="utf-8")

    def start(self, core: int) -> None:
        run = "import sys; from seaway.admin.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", run, "node", "run", str(self._folder / "node.toml")]
        self._run(command, core, {**python_environment(), "SEAWAY_PURE": "1" if self._plain else "0"})

    def _ready(self, process: Process) -> bool:
        return (self._folder / "run" / "ready").exists()


class Kamailio(_Started):
    """`kamailio/proxy.cfg`, one worker. `flags` are further command line arguments."""

    def __init__(
        self, host: str, folder: Path, label: str, flags: Sequence[str], *, force_memory: bool = True,
        transport: str = "udp", certificates: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(host, folder, transport)
        self.label = label
        callee = f"{CALLEE[0]}:{CALLEE[1]}"
        if transport != "udp":
            callee = f"{TRUNK_CALLEE}:{_PORTS[transport]};transport={transport}"
        values = {
            "LISTEN": f"{host}:5060",
            "DOMAIN": DOMAIN,
            "NEXT_HOP_TEXT": f'"{callee}"',
            "TRUSTED_TEXT": f'"{TRUSTED}"',
            "DOMAIN_TEXT": f'"{DOMAIN}"',
            "PASSWORD_TEXT": f'"{PASSWORD}"',
        }
        if transport != "udp":
            values["TRUNK"] = f"{transport}:{host}:{_PORTS[transport]}"
        if certificates is not None:
            values["CERTIFICATE_TEXT"] = f'"{certificates / "core1.pem"}"'
            values["KEY_TEXT"] = f'"{certificates / "core1.key"}"'
        defines = [f"{name}={value}" for name, value in values.items()] + (["FORCE_MEMORY"] if force_memory else [])
        self._command = [
            _KAMAILIO, "-DD", "-E", "-f", str(_HERE / "kamailio" / "proxy.cfg"), "-Y", str(folder), *flags,
            *(part for each in defines for part in ("-A", each)),
        ]  # fmt: skip

    def start(self, core: int) -> None:
        self._run(self._command, core)

    def _ready(self, process: Process) -> bool:
        return udp_bound(self.address[0], 5060) and len(tree(process.pid)) > 2


def python_environment() -> dict[str, str]:
    """So that a child finds the package of this checkout."""
    return {"PYTHONPATH": str(_HERE.parent / "src")}


def kamailio_version() -> str:
    """The version that Kamailio prints, such as "5.6.3"."""
    if not os.access(_KAMAILIO, os.X_OK):
        raise BenchError("kamailio is not installed: install the package kamailio")
    shown = subprocess.run([_KAMAILIO, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"kamailio ([0-9.]+)", shown)
    return found[1] if found else "unknown"


_DEPLOYMENT = """\
name = "bench"
domain = "{domain}"
[services]
pair = true
sip_calls = true
[sip]
core_tcp = {core_tcp}
core_tls = {core_tls}
[[node]]
name = "core1"
role = "core"
fqdn = "core1.{domain}"
[node.nic.inner]
address = "{host}/32"
[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.{domain}"
[node.nic.inner]
address = "127.0.20.20/32"
[hosts]
sip_endpoint = ["127.0.0.0/8"]
admin_pc = ["127.0.21.1"]
internal_dns = ["127.0.21.2"]
internal_ntp = ["127.0.21.3"]
"""

_NODE = """\
node = "core1"
deployment = "deployment.toml"
run_dir = "{run}"
[log]
level = "warning"
[[neighbour]]
name = "callers"
addresses = ["{caller}"]
port = 5070
transport = "{from_caller}"
monitor = 0
{more}[[neighbour]]
name = "callees"
addresses = ["{callee}"]
port = {port}
transport = "{transport}"
monitor = 0
{verify}{more}[[rule]]
priority = 100
match = ".*"
target = "callees"
"""
