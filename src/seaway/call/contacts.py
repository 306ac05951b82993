"""From bindings to targets: over which flow or path a registered phone is reached, and in which order.

Bindings of one q ring together, those of a lower q when the higher have failed (RFC 3261 §16.6). Flows of one device
are tried one after the other (RFC 5626 §7). A binding that came through a proxy or the other node is reached by its
Path (RFC 3327 §5.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from seaway.call.zones import Zone, Zones
from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.registrar import Binding, Registrar
from seaway.core.sip.routing import uri_host_port
from seaway.core.sip.sides import host_port

__all__ = ["Contacts", "Reached"]


class Reached:
    """Where the bindings of a user lead: `groups` of targets, each rings when those before have failed.

    All are in `zone`, `None` for phones that are registered here directly.
    """

    __slots__ = ("groups", "zone")

    def __init__(self, zone: Zone | None, groups: list[list[Target]]) -> None:
        self.zone = zone
        self.groups = groups


class Contacts:
    """The registered contacts of one node as targets.

    `payload` gives the route token payload towards a flow, `to_hop` the target for URI, hop and payload.
    """

    def __init__(
        self, registrar: Registrar, zones: Zones, payload: Callable[[Flow], bytes],
        to_hop: Callable[[bytes, Hop, bytes], Target],
    ) -> None:  # fmt: skip
        self._to_hop = to_hop
        self._registrar = registrar
        self._zones = zones
        self._payload = payload

    def reach(self, bindings: list[Binding], now: float) -> Reached:
        """Targets for `bindings` (best first) that can be reached now; those of one zone, that of the best."""
        usable = [(each, target) for each in bindings if (target := self.target(each)) is not None]
        if not usable:
            return Reached(None, [])
        place = usable[0][0].zone
        zone = self._zone(place)
        if len(usable) == 1:
            return Reached(zone, [[usable[0][1]]])
        groups: dict[int, dict[object, Target]] = {}
        for binding, target in usable:
            if binding.zone != place:
                continue
            group = groups.setdefault(binding.q, {})
            device = binding.instance if binding.reg_id else binding.number
            first = group.get(device)
            group[device] = target if first is None else replace(first, others=(*first.others, target))
        return Reached(zone, [list(groups[q].values()) for q in sorted(groups, reverse=True)])

    def target(self, binding: Binding) -> Target | None:
        """The target for one binding; `None` when its connection or zone is gone."""
        if binding.zone is not None:
            return self._through(binding, binding.zone)
        flow = binding.flow
        if flow is None:
            return None
        routes = _routes(binding)
        mark = binding if binding.reg_id or routes else None
        if flow.transport == "udp" and not routes and uri_host_port(binding.uri) == host_port(flow.remote):
            return Target(binding.uri, flow, b"n", mark=mark)
        return Target(binding.uri, flow, self._payload(flow), routes=routes, mark=mark)

    def of_gruu(self, uri: bytes, now: float) -> list[Binding] | None:
        """Bindings of the device that a GRUU stands for, best first; `None` when `uri` is no GRUU of ours."""
        return self._registrar.by_gruu(uri, now) if b";gr" in uri else None

    def settled(self, uri: bytes, now: float) -> bytes:
        """The Request-URI of a request inside a dialog: a GRUU of ours becomes the contact (RFC 5627 §6.1)."""
        if b";gr" not in uri:
            return uri
        bindings = self._registrar.by_gruu(uri, now)
        return bindings[0].uri if bindings else uri

    def _through(self, binding: Binding, name: str) -> Target | None:
        """Behind a zone: the first Path value is that of its far end."""
        payload = b"z" + name.encode()
        link = self._zones.links.get(name)
        if link is not None:
            flow = link.flow
            return (
                Target(binding.uri, flow, payload, routes=_routes(binding), mark=binding) if flow is not None else None
            )
        neighbour = self._zones.neighbour(name)
        if neighbour is None:
            return None
        hop = neighbour[1]
        made = self._to_hop(binding.uri, hop, b"n" if hop.transport == "udp" else payload)
        return replace(made, routes=_routes(binding), mark=binding)

    def _zone(self, name: str | None) -> Zone | None:
        if name is None:
            return None
        link = self._zones.links.get(name)
        if link is not None:
            return link.zone
        neighbour = self._zones.neighbour(name)
        return neighbour[0] if neighbour is not None else None


def _routes(binding: Binding) -> tuple[bytes, ...]:
    return tuple([b"Route: " + value for value in binding.path]) if binding.path else ()
