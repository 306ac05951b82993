"""How a node looks from outside, from its listeners (the octets themselves are in `core/sip/sides.py`)."""

from __future__ import annotations

from seaway.call.config import ControlConfig, Listener
from seaway.core.sip.io import Address, TransportName
from seaway.core.sip.sides import Sides, host_port
from seaway.wire.endpoint import version_of

__all__ = ["sides_of"]


def sides_of(config: ControlConfig) -> Sides:
    """Via and Record-Route addresses by transport and NIC, and every spelling that names this node."""
    advertised: dict[int, dict[tuple[TransportName, str], Address]] = {4: {}, 6: {}}
    own: set[bytes] = set()
    # The WebSocket port last: only browsers reach it. Before it the traversal port: with one NIC it shares the NIC with
    # 5061, and phones outside cannot reach it. Before that the port that wants client certificates.
    for listener in sorted(config.listeners, key=_reachable):
        family = advertised[version_of(listener.address)]
        family.setdefault((listener.transport, listener.nic), listener.advertised)
        for address in (listener.address, listener.advertised):
            default = host_port((address[0], 5060))
            own |= {host_port(address), default, default.removesuffix(b":5060")}  # IPv6 in brackets only
    return Sides(advertised[4], frozenset(own), advertised[6])


def _reachable(listener: Listener) -> tuple[bool, bool, bool]:
    """False before true: the ports by which most peers can reach us come first."""
    return listener.transport == "wss", listener.zone is not None, listener.mutual
