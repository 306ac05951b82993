"""Everything a lab run stands on, built and taken down together: hosts, name servers, rules, pair, phones' site."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import Resolution, resolve
from seaway.lab.accounts import USERS, LabUser
from seaway.lab.dns import DOMAIN, start_dns
from seaway.lab.firewall import deployment_text, load_rules
from seaway.lab.loopback import LOOPBACK_DEPLOYMENT, LOOPBACK_EDGE, LOOPBACK_PROXY
from seaway.lab.machines import Loopback, Machines, Namespaces
from seaway.lab.names import NameServer
from seaway.lab.network import Network, locked, remove
from seaway.lab.pair import NODES, Pair
from seaway.lab.plan import Variant
from seaway.lab.session import Session, Site
from seaway.runtime.config import EngineName
from seaway.wire.endpoint import shown

__all__ = ["Stage"]


@dataclass(slots=True)
class Stage:
    machines: Machines
    pair: Pair
    resolution: Resolution
    site: Site
    network: Network | None = None

    def session(self) -> Session:
        return Session(self.machines, self.pair, self.site)

    @classmethod
    @contextlib.contextmanager
    def in_namespaces(
        cls,
        name: str,
        variant: Variant,
        deployment: str | None = None,
        engine: EngineName = "auto",
        turn: tuple[str, ...] = (),
        users: tuple[LabUser, ...] = (),
        prepare: Callable[[Pair, Network], None] | None = None,
        nodes: tuple[str, ...] = (),
    ) -> Iterator[Stage]:
        """A real lab with rules loaded and names served; the nodes are not started yet. `turn`: more lines for the
        edge's [turn] table. `users`, `nodes`: further ones. `prepare` may add to the nodes' files. Raises LabError."""
        text = deployment or deployment_text(variant)
        resolution = resolve(parse_deployment(text, "lab deployment"))
        with locked(name):
            network = Network.build(name, variant)
            machines = Namespaces(network)
            try:
                start_dns(network)
                load_rules(network, resolution)
                plan = network.plan
                pair = Pair(
                    machines, text, dns_check=(f"edge1.{DOMAIN}",), engine=engine, turn=turn,
                    traversal_host=plan.edge_inner6 or None, users=(*USERS, *users),
                    nodes=(*NODES, *nodes),
                )  # fmt: skip
                pair.prepare()
                if prepare is not None:
                    prepare(pair, network)
                out = plan.host("dns-out")
                site = Site(
                    edge_proxy=f"edge1.{DOMAIN}:5061",
                    core_proxy=f"{plan.host('core1').address}:5060",
                    dns=shown((out.address6 if plan.dual_stack else out.address, 53)),
                    outside_six=plan.dual_stack,
                )
                yield cls(machines, pair, resolution, site, network)
            finally:
                machines.close()
                remove(name)

    @classmethod
    @contextlib.contextmanager
    def on_loopback(cls) -> Iterator[Stage]:
        """The same pair on loopback addresses: no root, no firewalls. Raises LabError."""
        resolution = resolve(parse_deployment(LOOPBACK_DEPLOYMENT, "loopback deployment"))
        machines = Loopback()
        names = NameServer({f"edge1.{DOMAIN}": LOOPBACK_EDGE})
        try:
            pair = Pair(machines, LOOPBACK_DEPLOYMENT)
            pair.prepare()
            site = Site(f"edge1.{DOMAIN}:5061", LOOPBACK_PROXY, names.address, loopback=True)
            yield cls(machines, pair, resolution, site)
        finally:
            machines.close()
            names.close()
