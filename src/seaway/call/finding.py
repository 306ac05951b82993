"""Where the target of a search rule is reached now: phones registered here, links, neighbours, domains by DNS."""

from __future__ import annotations

from dataclasses import replace

from seaway.call.config import ControlConfig
from seaway.call.found import Found
from seaway.call.paths import Paths
from seaway.call.peers import Peers
from seaway.call.zones import Zone, Zones
from seaway.core.sip.context import Target
from seaway.core.sip.io import Hop, TransportName
from seaway.core.sip.locator import Locator
from seaway.core.sip.registrar import Registrar
from seaway.policy.search_settings import REGISTRATIONS
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["Finder"]


class Finder:
    """Of one node. ENUM zones have no place of their own: `enum` holds their suffixes."""

    def __init__(
        self, config: ControlConfig, zones: Zones, registrar: Registrar, paths: Paths, locator: Locator, peers: Peers
    ) -> None:
        self._peers = peers
        self._zones = zones
        self._registrar = registrar
        self._paths = paths
        self._locator = locator
        self._users = frozenset(user.name.encode() for user in config.users)
        self._dns = {each.name: (Zone(each.name, "dns", each.settings), each) for each in config.dns_zones}
        self.enum = {each.name: each.suffix for each in config.enum_zones}

    def find(self, target: str, alias: bytes, uri: bytes, now: float) -> Found:
        """Look for `alias` (the Request-URI `uri`) at a target that is no ENUM zone."""
        if target == REGISTRATIONS:
            return self._registered(alias, now)
        link = self._zones.links.get(target)
        if link is not None:
            if link.flow is None:
                return Found(None, [], 480, f"zone {target} is {link.machine.state.value}: {link.machine.reason}")
            hops = link.zone.settings.hop_count
            return Found(link.zone, [Target(uri, link.flow, b"z" + target.encode(), hop_count=hops)])
        dns = self._dns.get(target)
        if dns is not None:
            return self._by_dns(dns[0], dns[1].transports, dns[1].verify_name, uri)
        return self._neighbour(target, uri, now)

    def _registered(self, alias: bytes, now: float) -> Found:
        bindings = self._registrar.lookup(alias, now)
        if bindings and (found := self._paths.reach(bindings, now)) is not None:
            return found
        if bindings or alias.rpartition(b"@")[0] in self._users:
            return Found(None, [], 480, "the user is known here but not registered")
        return Found(None, [], 404, "nobody is registered under this alias")

    def _neighbour(self, name: str, uri: bytes, now: float) -> Found:
        zone, hops = self._zones.peers(name)
        down = self._peers.down(name)
        if down:
            hops = tuple(hop for hop in hops if hop not in down)
            if not hops:
                return Found(None, [], 480, f"no peer of zone {name} answers: {next(iter(down.values()))}")
        if len(hops) > 1:  # those that failed a short while ago come last
            hops = tuple(sorted(hops, key=lambda hop: self._locator.failed_lately(hop, now)))
        return Found(zone, [self._to_peers(uri, zone, hops)])

    def _to_peers(self, uri: bytes, zone: Zone, hops: tuple[Hop, ...]) -> Target:
        first, hop_count = hops[0], zone.settings.hop_count
        payload = b"n" if first.transport == "udp" else b"z" + zone.name.encode()
        if len(hops) == 1:
            return self._paths.to_hop(uri, first, payload, hop_count)
        return Target(uri, first, payload, hops[1:], hop_count=hop_count)

    def _by_dns(self, zone: Zone, transports: tuple[TransportName, ...], verify_name: str | None, uri: bytes) -> Found:
        try:
            place = self._paths.place(parse_request_uri(uri))
        except SipError as error:
            return Found(None, [], error.status, error.what)
        allowed = tuple(each for each in transports if each in place.allowed)
        if not allowed or (place.transport is not None and place.transport not in allowed):
            return Found(None, [], 480, f"zone {zone.name} has no transport that {place.host} may be reached by")
        place = replace(place, allowed=allowed, verify_name=verify_name)
        return Found(zone, [Target(uri, place, hop_count=zone.settings.hop_count)])
