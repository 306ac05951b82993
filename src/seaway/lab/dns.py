"""Name servers of the lab: `dns` answers for the internal view of example.test, `dns-out` for the public one.

BIND from Debian with a configuration of our own. The program is run from a copy: the packaged AppArmor profile is
bound to its path and would keep it out of our directory.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from seaway.lab.errors import LabError
from seaway.lab.network import Network

__all__ = ["DOMAIN", "start_dns", "zone_text"]

DOMAIN = "example.test"

_CONFIG = """options {{
  directory "{dir}";
  listen-on port 53 {{ {address}; 127.0.0.1; }};
  listen-on-v6 {{ {address6} }};
  pid-file "{dir}/named.pid";
  session-keyfile none;
  recursion no;
  allow-transfer {{ none; }};
  dnssec-validation no;
  notify no;
  empty-zones-enable no;
  version none;
}};
controls {{ }};
zone "{domain}" {{ type primary; file "zone"; }};
"""


def zone_text(edge: str, core: str | None, edge6: str = "", core6: str = "") -> str:
    """The zone file: nodes, and the SRV records of RFC 3263 §4.1. `core` is None in the public view.
    `edge6` and `core6`: IPv6 addresses of a dual-stack lab."""
    lines = [
        "$TTL 60",
        f"@ IN SOA ns.{DOMAIN}. hostmaster.{DOMAIN}. 1 3600 600 86400 60",
        f"@ IN NS ns.{DOMAIN}.",
        "ns IN A 127.0.0.1",
        f"edge1 IN A {edge}",
        "_sips._tcp IN SRV 10 10 5061 edge1",
    ]
    lines += [f"edge1 IN AAAA {edge6}"] if edge6 else []
    lines += [f"core1 IN AAAA {core6}"] if core6 else []
    if core is not None:
        lines += [
            f"core1 IN A {core}",
            "_sip._udp IN SRV 10 10 5060 core1",
            "_sip._tcp IN SRV 10 10 5060 core1",
        ]
    return "\n".join(lines) + "\n"


def _start(network: Network, host: str, zone: str) -> subprocess.Popen[bytes]:
    binary = shutil.which("named") or shutil.which("named", path="/usr/sbin:/sbin")
    if binary is None:
        raise LabError("no name server on this machine", f"lab host {host}", "install: apt-get install bind9")
    base: Path = network.dir / host
    base.mkdir(exist_ok=True)
    shutil.copy(binary, base / "named")
    there = network.plan.host(host)
    six = f"{there.address6};" if network.plan.dual_stack else "none;"
    config = _CONFIG.format(dir=base, address=there.address, address6=six, domain=DOMAIN)
    (base / "named.conf").write_text(config)
    (base / "zone").write_text(zone)
    return network.start(
        host,
        [str(base / "named"), "-f", "-n", "1", "-U", "1", "-c", str(base / "named.conf")],
        base / "log",
    )


def start_dns(network: Network, patience: float = 5.0) -> None:
    """Start both servers and wait until they answer. Raises LabError."""
    plan = network.plan
    core, both = plan.host("core1"), plan.dual_stack
    started = {
        "dns": _start(
            network, "dns", zone_text(plan.edge_inner, core.address, plan.edge_inner6, core.address6 if both else "")
        ),
        "dns-out": _start(network, "dns-out", zone_text(plan.edge_public, None, plan.edge_public6)),
    }
    for host, process in started.items():
        limit = time.monotonic() + patience
        while True:
            try:
                network.run(host, ["dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", f"edge1.{DOMAIN}"])
                break
            except LabError:
                if process.poll() is not None or time.monotonic() > limit:
                    log = (network.dir / host / "log").read_text(errors="replace").strip().splitlines()
                    raise LabError(f"named does not answer: {log[-1:] or 'no output'}", f"lab host {host}") from None
                time.sleep(0.05)
