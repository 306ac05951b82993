"""Static NAT and port translations at a firewall, as nftables chains.

The filter rules see translated packets: destinations are translated before the filter, sources after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution

__all__ = ["nat_chains"]


def nat_chains(resolution: Resolution, at: str, interfaces: Mapping[str, str]) -> list[str]:
    """The two NAT chains; no line when the deployment has nothing to translate at `at`."""
    mapped = _mapped(resolution)
    if not mapped:
        return []
    outside = interfaces[_outside(resolution, at)]
    before = [*_port_translations(resolution, at, mapped)]
    for public, real in mapped.items():
        # From inside as well: the core of a deployment with one NIC uses the public address (NAT reflection, J-06).
        before.append(f'{_family(public)} daddr {public} dnat {_family(public)} to {real} comment "static NAT"')
    after = [
        f'oifname "{outside}" {_family(real)} saddr {real} snat {_family(public)} to {public} comment "static NAT"'
        for public, real in mapped.items()
    ]
    return [
        "",
        "\tchain prerouting {",
        "\t\ttype nat hook prerouting priority dstnat; policy accept;",
        *(f"\t\t{rule}" for rule in before),
        "\t}",
        "",
        "\tchain postrouting {",
        "\t\ttype nat hook postrouting priority srcnat; policy accept;",
        *(f"\t\t{rule}" for rule in after),
        "\t}",
    ]


def _mapped(resolution: Resolution) -> dict[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    return {
        nic.public: real.ip
        for node in resolution.deployment.nodes
        for _, nic in node.nics
        if nic.public is not None and (real := nic.of_family(nic.public.version)) is not None
    }


def _outside(resolution: Resolution, at: str) -> str:
    between = resolution.deployment.firewall(at).between
    return "internet" if "internet" in between else between[1]


def _port_translations(
    resolution: Resolution, at: str, mapped: dict[IPv4Address | IPv6Address, IPv4Address | IPv6Address]
) -> list[str]:
    rules: dict[str, None] = {}
    for connection in resolution.connections:
        translation = connection.row.translation
        if translation is None or translation.at != at or connection.carrier.transport is Transport.IP:
            continue
        for public, real in mapped.items():
            if f"{real}/{real.max_prefixlen}" in connection.destination.networks:
                target = f"[{real}]" if real.version == 6 else str(real)
                rules[
                    f"{_family(public)} daddr {public} {connection.carrier.transport} dport {translation.outside_port} "
                    f'dnat {_family(public)} to {target}:{translation.inside_port} comment "{connection.row.id}"'
                ] = None
    return list(rules)


def _family(address: IPv4Address | IPv6Address) -> str:
    return "ip" if address.version == 4 else "ip6"
