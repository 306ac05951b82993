"""The IPv6 side of the lab's dual-stack variant: every host of the plan gets a second address. Pure.

Nothing translates IPv6: the home router only keeps out what nobody inside began, and the site's own hosts have
addresses of the global kind, as a site with IPv6 has. All are of the documentation prefix (RFC 3849).
"""

from __future__ import annotations

from dataclasses import replace

from seaway.lab.plan import Host, Plan, Variant, plan_for

__all__ = ["LAB_PEERS6", "network_plan"]

INSIDE, DMZ, OUTER, COMPANY, PUBLIC, HOME = (f"2001:db8:{part}:" for part in ("1", "2", "3", "fe", "ff", "a"))
LAB_PEERS6 = (f"{PUBLIC}:/64", f"{OUTER}:/64")
"""The lab's internet over IPv6."""

_HOME_FILTER = """table ip6 filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
    meta l4proto ipv6-icmp accept
  }
}
"""

_INSIDE = {
    "core1": "10",
    "core2": "11",
    "cm": "30",
    "bridge": "35",
    "phone-in": "50",
    "dns": "53",
    "admin": "5",
    "peer-in": "60",
}
_PUBLIC = {"scanner": "66", "peer-out": "60", "dns-out": "53"}

_ADDRESSES: dict[str, dict[str, str]] = {
    **{name: {"eth0": f"{INSIDE}:{number}/64"} for name, number in _INSIDE.items()},
    **{name: {"eth0": f"{PUBLIC}:{number}/64"} for name, number in _PUBLIC.items()},
    "phone-out": {"eth0": f"{HOME}:20/64"},
    "home": {"wan": f"{PUBLIC}:10/64", "lan": f"{HOME}:1/64"},
    "internet": {"public": f"{PUBLIC}:1/64", "company": f"{COMPANY}:1/64"},
    "outer": {"internet": f"{COMPANY}:2/64", "dmz": f"{OUTER}:1/64"},
    "inner": {"internal": f"{INSIDE}:1/64", "dmz": f"{DMZ}:1/64"},
    "edge1": {"inner": f"{DMZ}:20/64", "outer": f"{OUTER}:20/64"},
}
_ROUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_INSIDE, (f"default via {INSIDE}:1",)),
    **dict.fromkeys(_PUBLIC, (f"default via {PUBLIC}:1",)),
    "phone-out": (f"default via {HOME}:1",),
    "home": (f"default via {PUBLIC}:1",),
    "internet": (f"{OUTER}:/64 via {COMPANY}:2", f"{HOME}:/64 via {PUBLIC}:10"),
    "outer": (f"default via {COMPANY}:1",),
    "edge1": (f"{INSIDE}:/64 via {DMZ}:1", f"default via {OUTER}:1"),
}


def network_plan(variant: Variant) -> Plan:
    """The network of a variant, with IPv6 where the variant has it."""
    plan = plan_for(variant)
    if variant != "dual-stack":
        return plan
    hosts = tuple(_both(host) for host in plan.hosts)
    edge = _ADDRESSES["edge1"]
    return replace(plan, hosts=hosts, edge_public6=edge["outer"].split("/")[0], edge_inner6=edge["inner"].split("/")[0])


def _both(host: Host) -> Host:
    found = _ADDRESSES[host.name]
    return replace(
        host,
        nics=tuple(replace(nic, address6=found.get(nic.name)) for nic in host.nics),
        routes=(*host.routes, *_ROUTES.get(host.name, ())),
        ruleset=host.ruleset + (_HOME_FILTER if host.name == "home" else ""),
    )
