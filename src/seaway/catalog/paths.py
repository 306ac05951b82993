"""Which firewalls a connection crosses, and under which address each of them sees its ends."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment, Firewall

__all__ = ["crossed", "passage", "translator"]


def crossed(deployment: Deployment, source: str, destination: str, *, reflected: bool = False) -> tuple[str, ...]:
    """Names of the firewalls from segment `source` to segment `destination`, in the order of the first packet.

    `dmz.outer`, the outer network of an edge with two NICs, hangs at the firewall towards the internet.
    `reflected`: the destination is addressed by a public address which that firewall translates and sends back (NAT
    reflection, J-06), so the path leads through it although the destination is nearer.
    """
    zones = {source, destination}
    if "dmz.outer" in zones and "internal" in zones:
        # The outer network hangs at the far firewall only: in through the one, back out of the other.
        path = _between(deployment, "internal", "internet")
        return path if source == "internal" else path[::-1]
    if reflected and source == "internal":
        return _between(deployment, source, "internet")
    return _between(deployment, source.removesuffix(".outer"), destination.removesuffix(".outer"))


def passage(deployment: Deployment, path: tuple[str, ...], source: str, destination: str) -> dict[str, tuple[str, str]]:
    """For each firewall of `path` the zones it passes a packet from and to, from zone `source` to `destination`.

    A firewall that sends a packet back to where it came from (NAT reflection) has the same zone twice.
    """
    found: dict[str, tuple[str, str]] = {}
    here: str = source
    for index, name in enumerate(path):
        between = deployment.firewall(name).between
        there: str = between[1] if here == between[0] else between[0]
        last = index + 1 == len(path)
        onward = (destination,) if last else deployment.firewall(path[index + 1]).between
        if there not in onward and here in onward:
            there = here
        found[name] = (here, there)
        here = there
    return found


def _between(deployment: Deployment, source: str, destination: str) -> tuple[str, ...]:
    """The shortest way over the zones. Empty when no firewall stands between, or none leads there."""
    ways: deque[tuple[str, tuple[str, ...]]] = deque([(source, ())])
    seen = {source}
    while ways:
        zone, path = ways.popleft()
        if zone == destination:
            return path
        for firewall in deployment.firewalls:
            if zone in firewall.between:
                far = firewall.between[1] if firewall.between[0] == zone else firewall.between[0]
                if far not in seen:
                    seen.add(far)
                    ways.append((far, (*path, firewall.name)))
    return ()


def translator(deployment: Deployment, path: tuple[str, ...]) -> Firewall | None:
    """The firewall of `path` that translates public addresses; `None` when none does."""
    return next((deployment.firewall(name) for name in path if deployment.firewall(name).nat), None)
