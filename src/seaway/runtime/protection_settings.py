"""The `[protection]` table of a node's configuration file, and who is exempt in a deployment."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from seaway.catalog.deployment import Deployment
from seaway.catalog.entities import ENTITIES
from seaway.catalog.problems import Refused
from seaway.catalog.resolve import Resolution
from seaway.policy.intrusion import DEFAULTS, LONGEST_BLOCK, Category, Trigger
from seaway.runtime.settings import Settings

if TYPE_CHECKING:
    from seaway.runtime.config import NodeConfig

__all__ = ["ProtectionTable", "exempt_networks", "triggers"]

Network = IPv4Network | IPv6Network


def _network(value: object) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(ip_network(value))
    except ValueError:
        raise Refused("is no address or network", 'write for instance "198.51.100.0/24"') from None


class CategoryTable(Settings):
    enabled: StrictBool = True
    threshold: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    window: Annotated[float, Field(gt=0, le=86400)] | None = None
    block: Annotated[float, Field(ge=1, le=LONGEST_BLOCK)] | None = None


class ProtectionTable(Settings):
    enabled: StrictBool = True
    nftables: StrictBool = True
    exempt: Annotated[tuple[Annotated[str, BeforeValidator(_network)], ...], Field(max_length=1000)] = ()
    authentication: CategoryTable = CategoryTable()
    enumeration: CategoryTable = CategoryTable()
    scanner: CategoryTable = CategoryTable()
    malformed: CategoryTable = CategoryTable()
    flood: CategoryTable = CategoryTable()
    handshake: CategoryTable = CategoryTable()


def triggers(table: ProtectionTable) -> dict[Category, Trigger]:
    """The categories with what is set for them."""
    found = {}
    for category, usual in DEFAULTS.items():
        given: CategoryTable = getattr(table, category.value)
        found[category] = Trigger(
            given.threshold or usual.threshold,
            given.window or usual.window,
            given.block or usual.block,
            table.enabled and given.enabled,
        )
    return found


def exempt_networks(config: NodeConfig, deployment: Deployment, resolution: Resolution) -> tuple[Network, ...]:
    """Who is never blocked: this host, all nodes of the deployment, the addresses of neighbour zones, the hosts of the
    inside and the DMZ that the deployment names, and what is configured. A network that is the whole internet does not
    count."""
    table = config.protection
    peers = [address for each in config.neighbours for address in each.addresses]
    found = [ip_network(each) for each in ("127.0.0.0/8", "::1/128", *resolution.node_addresses)]
    found += [ip_network(each) for each in table.exempt]
    for address in peers:
        with suppress(ValueError):  # a name: it proves itself by its certificate
            found.append(ip_network(address))
    for entity, networks in deployment.hosts.items():
        if ENTITIES[entity].zones != ("internet",):
            found += networks
    return tuple(dict.fromkeys(each for each in found if each.prefixlen))
