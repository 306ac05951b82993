"""Connection reuse (RFC 5923): requests to a peer go back on the TLS connection that it opened, if it asked for that.

A peer asks with the `alias` parameter of its top Via. The connection then stands for its address and the port of that
Via, and is used only towards a name that its verified certificate carries (R33): a peer can speak for itself alone.
"""

from __future__ import annotations

from seaway.core.sip.io import Flow, Hop
from seaway.wire.sip.message import Request
from seaway.wire.sip.via import parse_via

__all__ = ["Aliases"]


class Aliases:
    """One place for each connection; memory is bounded by the connections there are."""

    def __init__(self) -> None:
        self._flows: dict[tuple[str, int], Flow] = {}
        self._places: dict[int, tuple[str, int]] = {}  # by flow id

    def note(self, request: Request, flow: Flow) -> None:
        """A request whose top Via was found well formed, on a flow whose peer has proved its names."""
        if flow.id in self._places or not flow.peer_names:
            return
        index = request.names.index(b"via")
        if b"alias" not in request.lines[index].lower():
            return
        via = parse_via(request.value(index))
        if b"alias" not in via.params:
            return
        place = (flow.remote[0], via.port or 5061)
        older = self._flows.get(place)
        if older is not None:
            del self._places[older.id]
        self._flows[place] = flow
        self._places[flow.id] = place

    def flow_for(self, hop: Hop) -> Flow | None:
        """The connection to use instead of dialling `hop`."""
        flow = self._flows.get((hop.host, hop.port))
        if flow is None or hop.zone is not None or hop.verify_name is None or hop.nic != flow.nic:
            return None
        return flow if hop.verify_name.rstrip(".").lower() in flow.peer_names else None

    def closed(self, flow: Flow) -> None:
        """The connection ended."""
        place = self._places.pop(flow.id, None)
        if place is not None:
            del self._flows[place]

    def __len__(self) -> int:
        return len(self._flows)
