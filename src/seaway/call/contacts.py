"""From bindings to targets: over which flow or path a registered phone is reached, and in which order.

Bindings of one q ring together, those of a lower q when the higher have failed (RFC 3261 §16.6). Flows of one device
are tried one after the other (RFC 5626 §7). A binding that came through a proxy or the other node is reached by its
Path (RFC 3327 §5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    `zones` has the zone of a target by its `id`; `None` is for phones that are registered here directly.
    """

    __slots__ = ("groups", "zones")

    def __init__(self, groups: list[list[Target]], zones: dict[int, Zone | None]) -> None:
        self.groups = groups
        self.zones = zones


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
        self._hop_count = zones.local.settings.hop_count
        self._payload = payload

    def reach(self, bindings: list[Binding], now: float) -> Reached:
        """Targets for `bindings` (best first) that can be reached now."""
        usable = [(each, target) for each in bindings if (target := self.target(each)) is not None]
        if len(usable) < 2:
            return Reached([[target] for _, target in usable], self._places(usable))
        groups: dict[int, dict[object, Target]] = {}
        for binding, target in usable:
            group = groups.setdefault(binding.q, {})
            device = binding.instance if binding.reg_id else binding.number
            first = group.get(device)
            if first is not None:
                target = replace(first, others=(*first.others, target))
            group[device] = target
        made = [list(groups[q].values()) for q in sorted(groups, reverse=True)]
        return Reached(made, self._places([(each.mark, each) for group in made for each in group]))

    def _places(self, targets: Sequence[tuple[Binding | None, Target]]) -> dict[int, Zone | None]:
        return {
            id(target): self._zones.named(binding.zone)
            for binding, target in targets
            if binding is not None and binding.zone is not None
        }

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
            return Target(binding.uri, flow, b"n", mark=mark, hop_count=self._hop_count)
        return Target(binding.uri, flow, self._payload(flow), lines=routes, mark=mark, hop_count=self._hop_count)

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
            if flow is None:
                return None
            hop_count = link.zone.settings.hop_count
            return Target(binding.uri, flow, payload, lines=_routes(binding), mark=binding, hop_count=hop_count)
        neighbour = self._zones.neighbour(name)
        if neighbour is None:
            return None
        hop = neighbour[1]
        made = self._to_hop(binding.uri, hop, b"n" if hop.transport == "udp" else payload)
        return replace(made, lines=_routes(binding), mark=binding, hop_count=neighbour[0].settings.hop_count)


def _routes(binding: Binding) -> tuple[bytes, ...]:
    return tuple([b"Route: " + value for value in binding.path]) if binding.path else ()
