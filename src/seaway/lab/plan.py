"""The lab's network as values: hosts, segments, addresses, routes. Pure; `network.py` makes it real, and `plan6.py`
adds the IPv6 of the dual-stack variant.

    phone-out -- home ----------\
    scanner, peer-out, dns-out -- internet -- outer -- edge1 -- inner -- core1, phone-in, dns, admin, peer-in, core2,
                                                                                    cm, bridge

Two firewalls, `outer` and `inner`, stand where the catalog's zones meet. A segment with more than two hosts has its
bridge inside the router's namespace, so the bridge is that router's interface and carries its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FILTERS", "VARIANTS", "Host", "Link", "Nic", "Plan", "Variant", "plan_for"]

Variant = Literal["dual", "dual-nat", "single-nat", "dual-stack"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

FILTERS = ("inner", "outer", "core1", "core2", "edge1")
"""Hosts that load a ruleset of the catalog: two firewalls and the nodes' own host firewalls."""


@dataclass(frozen=True, slots=True)
class Nic:
    """An interface as its host sees it. `address` with prefix length; `None` for a bridge port."""

    name: str
    address: str | None = None
    bridge: bool = False
    address6: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    nics: tuple[Nic, ...]
    routes: tuple[str, ...] = ()  # `ip route add` arguments
    router: bool = False
    ruleset: str = ""  # nftables text of its own (home NAT); firewalls get theirs from the catalog

    @property
    def address(self) -> str:
        """First address, without prefix length."""
        return next(nic.address.split("/")[0] for nic in self.nics if nic.address)

    @property
    def address6(self) -> str:
        """First IPv6 address, without prefix length. Raises `StopIteration` outside the dual-stack variant."""
        return next(nic.address6.split("/")[0] for nic in self.nics if nic.address6)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The first address of each family, without prefix lengths."""
        six = next((nic.address6 for nic in self.nics if nic.address6), None)
        return (self.address,) if six is None else (self.address, six.split("/")[0])


@dataclass(frozen=True, slots=True)
class Link:
    """A cable between two interfaces; with `right_bridge` the right end is a port of that bridge."""

    left: tuple[str, str]
    right: tuple[str, str]
    right_bridge: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    variant: Variant
    hosts: tuple[Host, ...]
    links: tuple[Link, ...]
    edge_public: str  # address of the edge as the internet sees it
    edge_inner: str  # address of the edge as the core dials it
    edge_outer: str  # address on the edge's outward NIC
    edge_public6: str = ""  # set in the dual-stack variant
    edge_inner6: str = ""

    @property
    def dual_stack(self) -> bool:
        return bool(self.edge_public6)

    @property
    def edge_publics(self) -> tuple[str, ...]:
        """The addresses of the edge as the internet sees it."""
        return (self.edge_public, self.edge_public6) if self.edge_public6 else (self.edge_public,)

    def host(self, name: str) -> Host:
        """The host called `name`. Raises KeyError."""
        for each in self.hosts:
            if each.name == name:
                return each
        raise KeyError(name)


# A home router rewrites source ports as well: media must come back to the port that was seen, not to the one in SDP.
HOME_NAT = """table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" meta l4proto { tcp, udp } masquerade to :20000-60000 random
    oifname "wan" masquerade
  }
}
table ip filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
  }
}
"""

_INTERNAL = {"core1": 10, "core2": 11, "cm": 30, "bridge": 35, "phone-in": 50, "dns": 53, "admin": 5, "peer-in": 60}
_PUBLIC = {"scanner": 66, "peer-out": 60, "dns-out": 53}


def _leaf(name: str, address: str, gateway: str) -> Host:
    return Host(name, (Nic("eth0", address),), (f"default via {gateway}",))


def plan_for(variant: Variant) -> Plan:
    """The network of one deployment variant."""
    hosts = [_leaf(name, f"10.0.1.{n}/24", "10.0.1.1") for name, n in _INTERNAL.items()]
    links = [Link((name, "eth0"), ("inner", f"p{n}"), "internal") for name, n in _INTERNAL.items()]
    hosts += [_leaf(name, f"198.51.100.{n}/24", "198.51.100.1") for name, n in _PUBLIC.items()]
    links += [Link((name, "eth0"), ("internet", f"p{n}"), "public") for name, n in _PUBLIC.items()]
    hosts += [
        _leaf("phone-out", "192.168.1.20/24", "192.168.1.1"),
        Host(
            "home",
            (Nic("wan", "198.51.100.10/24"), Nic("lan", "192.168.1.1/24")),
            ("default via 198.51.100.1",),
            router=True,
            ruleset=HOME_NAT,
        ),
    ]
    links += [
        Link(("phone-out", "eth0"), ("home", "lan")),
        Link(("home", "wan"), ("internet", "p10"), "public"),
        Link(("outer", "internet"), ("internet", "company")),
    ]
    inward = Nic("internal", "10.0.1.1/24", bridge=True)
    uplink, internet_nics = (
        Nic("internet", "203.0.113.2/28"),
        (Nic("public", "198.51.100.1/24", bridge=True), Nic("company", "203.0.113.1/28")),
    )
    hosts.append(Host("internet", internet_nics, ("203.0.113.16/28 via 203.0.113.2",), router=True))
    up = "default via 203.0.113.1"
    if variant == "single-nat":
        # One segment: both firewalls and the edge. The core reaches the edge by its public address, so the
        # packets go through the outer firewall's translation and back in (NAT reflection).
        hosts += [
            Host(
                "outer",
                (Nic("dmz", "10.0.2.2/24", bridge=True), uplink),
                (up, "10.0.1.0/24 via 10.0.2.1"),
                router=True,
            ),
            Host("inner", (inward, Nic("dmz", "10.0.2.1/24")), ("default via 10.0.2.2",), router=True),
            # Answers to the core go back through the translation; the other internal hosts are reached directly.
            Host(
                "edge1",
                (Nic("inner", "10.0.2.20/24"),),
                ("default via 10.0.2.2", "10.0.1.0/24 via 10.0.2.1", "10.0.1.10/32 via 10.0.2.2"),
            ),
        ]
        links += [
            Link(("inner", "dmz"), ("outer", "p1"), "dmz"),
            Link(("edge1", "inner"), ("outer", "p20"), "dmz"),
        ]
        public, inner, outer = "203.0.113.20", "203.0.113.20", "10.0.2.20"
    else:
        nat = variant == "dual-nat"
        outer = "10.0.3.20" if nat else "203.0.113.20"
        near, edge_out = ("10.0.3.1/24", "10.0.3.20/24") if nat else ("203.0.113.17/28", "203.0.113.20/28")
        hosts += [
            Host("outer", (Nic("dmz", near), uplink), (up,), router=True),
            Host("inner", (inward, Nic("dmz", "10.0.2.1/24")), router=True),
            Host(
                "edge1",
                (Nic("inner", "10.0.2.20/24"), Nic("outer", edge_out)),
                ("10.0.1.0/24 via 10.0.2.1", f"default via {near.split('/')[0]}"),
            ),
        ]
        links += [Link(("edge1", "inner"), ("inner", "dmz")), Link(("edge1", "outer"), ("outer", "dmz"))]
        public, inner = "203.0.113.20", "10.0.2.20"
    return Plan(variant, tuple(hosts), tuple(links), public, inner, outer)
