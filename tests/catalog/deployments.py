"""Deployments for tests: the files of record, and variations of the first one."""

from __future__ import annotations

from pathlib import Path

from seaway.catalog.deployment import Deployment, parse_deployment

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "src/seaway/lab/deployments"
NAMES = ("first-call", "first-call-nat", "first-call-single-nic", "first-call-dual-stack")

HEAD = """
name = "test"
domain = "example.test"
"""

NODES = """
[[node]]
name = "core1"
role = "core"
fqdn = "core1.example.test"
nic.inner.address = "10.0.1.10/24"

[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.example.test"
nic.inner.address = "10.0.2.20/24"
nic.outer.address = "203.0.113.20/28"
"""

FIREWALLS = """
[[firewall]]
name = "inner"
between = ["internal", "dmz"]

[[firewall]]
name = "outer"
between = ["dmz", "internet"]
"""

HOSTS = """
[hosts]
admin_pc = ["10.0.1.5"]
internal_dns = ["10.0.1.53"]
internal_ntp = ["10.0.1.53"]
sip_endpoint = ["10.0.1.0/24"]
"""

DUAL_NODES = (
    NODES.replace('"10.0.1.10/24"', '"10.0.1.10/24"\nnic.inner.address6 = "fd00:1::10/64"')
    .replace('"10.0.2.20/24"', '"10.0.2.20/24"\nnic.inner.address6 = "fd00:2::20/64"')
    .replace('"203.0.113.20/28"', '"203.0.113.20/28"\nnic.outer.address6 = "2001:db8:2::20/64"')
)
DUAL_HOSTS = """
[hosts]
admin_pc = ["10.0.1.5", "fd00:1::5"]
internal_dns = ["10.0.1.53", "fd00:1::53"]
internal_ntp = ["10.0.1.53", "fd00:1::53"]
sip_endpoint = ["10.0.1.0/24", "fd00:1::/64"]
"""


def record(name: str) -> str:
    return (RECORD / f"{name}.toml").read_text("utf-8")


def text(
    head: str = "",
    tables: str = "",
    *,
    services: str = "pair = true\nsip_calls = true",
    nodes: str = NODES,
    firewalls: str = FIREWALLS,
    hosts: str = HOSTS,
) -> str:
    """`head` holds top-level settings ('size = "large"'), `tables` further tables ('[ports]...')."""
    return f"{HEAD}{head}\n[services]\n{services}\n{tables}\n{nodes}{firewalls}{hosts}"


def make(
    head: str = "",
    tables: str = "",
    *,
    services: str = "pair = true\nsip_calls = true",
    nodes: str = NODES,
    firewalls: str = FIREWALLS,
    hosts: str = HOSTS,
) -> Deployment:
    return parse_deployment(text(head, tables, services=services, nodes=nodes, firewalls=firewalls, hosts=hosts))
