"""Load the catalog's rulesets into the lab's firewalls and nodes, and read their counters."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources

from seaway.catalog.deployment import Deployment, parse_deployment
from seaway.catalog.resolve import Resolution, resolve
from seaway.catalog.views import nftables
from seaway.lab.network import Network
from seaway.lab.plan import FILTERS, Variant

__all__ = [
    "Count",
    "Counters",
    "deployment_text",
    "forget_state",
    "interfaces",
    "load_rules",
    "read_counters",
    "remote_access_text",
    "resolution_of",
]

_FILES: dict[Variant, str] = {
    "dual": "first-call.toml",
    "dual-nat": "first-call-nat.toml",
    "single-nat": "first-call-single-nic.toml",
    "dual-stack": "first-call-dual-stack.toml",
}


_REMOTE_ACCESS_HOSTS = ("unified_cm", "imp_server", "unity_connection", "onprem_media")


def deployment_text(variant: Variant) -> str:
    """The deployment file that belongs to a variant of the lab."""
    return (resources.files("seaway.lab") / "deployments" / _FILES[variant]).read_text(encoding="utf-8")


def remote_access_text(variant: Variant) -> str:
    """The same site, where TURN is for remote clients with ICE pass-through instead of endpoints of SIP calls."""
    text = deployment_text(variant).replace("turn = true\n", "mra = true\nmra_ice = true\n")
    around = "".join(f'{name} = ["10.0.1.40"]\n' for name in _REMOTE_ACCESS_HOSTS)
    return text.replace("[hosts]\n", "[hosts]\n" + around)


def resolution_of(variant: Variant) -> Resolution:
    deployment: Deployment = parse_deployment(deployment_text(variant), _FILES[variant])
    return resolve(deployment)


def interfaces(network: Network, at: str) -> dict[str, str]:
    """Zone or NIC name -> interface name, as `nftables.render` wants it."""
    if at in ("inner", "outer"):
        return {"internal": "internal", "dmz": "dmz", "internet": "internet"}
    if at in ("core1", "core2"):
        return {"inner": "eth0"}
    return {nic.name: nic.name for nic in network.plan.host(at).nics}


def load_rules(network: Network, resolution: Resolution, without_rows: frozenset[str] = frozenset()) -> None:
    """Load every ruleset, without the rules of some rows. Counters start at zero. Raises LabError."""

    def load(at: str) -> None:
        text = nftables.render(resolution, at, interfaces=interfaces(network, at), without_rows=without_rows)
        (network.dir / f"{at}.nft").write_text(text)
        network.run(at, ["nft", "-f", "-"], text)

    nodes, firewalls = resolution.deployment.nodes, resolution.deployment.firewalls
    there = {*(each.name for each in nodes), *(each.name for each in firewalls)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, [each for each in FILTERS if each in there]))


def forget_state(network: Network) -> None:
    """Empty the connection tracking of every filter: no packet may pass on what an earlier rule let in."""

    def forget(at: str) -> None:
        network.run(at, ["conntrack", "-F"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(forget, FILTERS))


@dataclass(slots=True)
class Count:
    """Packets of one row at one firewall: in the direction of the row, and its replies."""

    forward: int = 0
    reply: int = 0

    @property
    def packets(self) -> int:
        return self.forward + self.reply


@dataclass(slots=True)
class Counters:
    """What one firewall counted."""

    rows: dict[str, Count] = field(default_factory=dict)
    dropped: int = 0
    icmp: int = 0


def parse_counters(text: str) -> Counters:
    """From `nft -j list counters`."""
    found = Counters()
    for item in json.loads(text)["nftables"]:
        counter = item.get("counter")
        if counter is None:
            continue
        name, packets = str(counter["name"]), int(counter["packets"])
        if name.startswith("dropped"):
            found.dropped += packets
        elif name.startswith("icmp_"):
            found.icmp += packets
        else:
            count = found.rows.setdefault(name.removesuffix("_reply").replace("_", "-"), Count())
            if name.endswith("_reply"):
                count.reply += packets
            else:
                count.forward += packets
    return found


def read_counters(network: Network) -> dict[str, Counters]:
    """Counters of every firewall and node. Raises LabError."""
    with ThreadPoolExecutor(4) as pool:
        texts = pool.map(lambda at: network.run(at, ["nft", "-j", "list", "counters"]), FILTERS)
        return {at: parse_counters(text) for at, text in zip(FILTERS, texts, strict=True)}
