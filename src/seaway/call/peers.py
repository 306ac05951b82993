"""Whether the peers of neighbour zones answer: each is asked with OPTIONS, and left out while it is silent.

Any final response but 503 says that a peer is there, also a challenge, which is not answered (R37).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from seaway.call.config import ControlConfig
from seaway.call.events import LogEvent
from seaway.call.own import OwnRequest
from seaway.call.zones import Zones
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.io import Hop
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.sides import Sides, host_port
from seaway.wire.endpoint import shown
from seaway.wire.sip.message import Response

__all__ = ["Peers"]

_PATIENCE = 8.0  # seconds for an answer
_AGAIN = 15.0  # seconds until a silent peer is asked again, when the interval is longer


class _Peer(OwnRequest):
    """One peer of one zone."""

    def __init__(self, owner: Peers, zone: str, hop: Hop, interval: float) -> None:
        self._owner = owner
        self.zone = zone
        self.hop = hop
        self.interval = interval  # 0: it is never asked
        self.state = "unknown"
        self.reason = ""
        self.due = 0.0
        self.asked = False  # an OPTIONS is under way

    def response(self, client: ClientTransaction, response: Response, now: float) -> None:
        if response.status == 503:
            self._owner.heard(self, "503 Service Unavailable", now)
        elif response.status >= 200:
            self._owner.heard(self, "", now)

    def failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        self._owner.heard(self, reason or f"no answer in {_PATIENCE:g} s", now)


class Peers:
    """Of one node. `sweep` is called every few seconds."""

    def __init__(
        self, config: ControlConfig, zones: Zones, sides: Sides, proxy: Proxy, outputs: deque[Any],
        random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self._sides = sides
        self._proxy = proxy
        self._outputs = outputs
        self._random = random
        self._node = config.node.encode()
        self._domain = config.domains[0].encode()
        self._zones = {
            each.name: [_Peer(self, each.name, hop, each.monitor) for hop in zones.peers(each.name)[1]]
            for each in config.neighbours
            if each.addresses
        }
        self._monitored = [peer for peers in self._zones.values() for peer in peers if peer.interval]

    def sweep(self, now: float) -> None:
        """Ask those whose time has come."""
        for peer in self._monitored:
            if peer.due <= now and not peer.asked:
                peer.asked = True
                self._ask(peer, now)

    def down(self, zone: str) -> dict[Hop, str]:
        """The silent peers of a neighbour, and why they are thought to be."""
        return {peer.hop: peer.reason for peer in self._zones.get(zone, ()) if peer.state == "failed"}

    def heard(self, peer: _Peer, failure: str, now: float) -> None:
        """How an OPTIONS ended; `failure` is "" when the peer is there."""
        peer.asked = False
        spread = 0.9 + 0.2 * self._random(1)[0] / 255  # so that the nodes of a site do not ask all at once
        peer.due = now + spread * (min(peer.interval, _AGAIN) if failure else peer.interval)
        state = "failed" if failure else "active"
        if state != peer.state:
            fields: dict[str, object] = {
                "zone": peer.zone, "peer": shown((peer.hop.host, peer.hop.port)), "state": state, "reason": failure,
            }  # fmt: skip
            self._outputs.append(LogEvent("zone.peer", fields, "warning" if failure else "info"))
        peer.state, peer.reason = state, failure

    def rows(self) -> list[dict[str, object]]:
        """The neighbours, for `seaway status zones`."""
        rows: list[dict[str, object]] = []
        for name, peers in self._zones.items():
            states = {peer.state for peer in peers}
            state = "active" if "active" in states else "failed" if states == {"failed"} else "configured"
            places = [f"{shown((peer.hop.host, peer.hop.port))} {peer.state}" for peer in peers]
            reason = next((peer.reason for peer in peers if peer.reason), "")
            rows.append(
                {"name": name, "kind": "neighbour", "state": state, "reason": reason, "peer": ", ".join(places)}
            )
        return rows

    def _ask(self, peer: _Peer, now: float) -> None:
        hop = peer.hop
        branch = b"z9hG4bK" + self._random(8).hex().encode()
        name = self._random(8).hex().encode()
        uri = b"sip:%b;transport=%b" % (host_port((hop.host, hop.port)), hop.transport.encode())
        lines = [
            b"OPTIONS %b SIP/2.0" % uri,
            self._sides.via(hop) + branch,
            b"Max-Forwards: 1",
            b"From: <sip:%b@%b>;tag=%b" % (self._node, self._domain, name[:8]),
            b"To: <%b>" % uri,
            b"Call-ID: %b@%b" % (name, self._node),
            b"CSeq: 1 OPTIONS",
            b"Content-Length: 0",
            b"",
            b"",
        ]
        self._proxy.layer.send_request(branch, b"OPTIONS", b"\r\n".join(lines), hop, peer, now, _PATIENCE)
