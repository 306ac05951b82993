"""The media legs of a node: which kind towards which zone, by which catalog rows, seen at which address."""

from __future__ import annotations

from dataclasses import replace

from seaway.call.config import ControlConfig
from seaway.call.zones import Zone
from seaway.media.protocol import LegAddress, LegRequest

__all__ = ["Legs"]

_TRAVERSAL = ("T11-09", "T11-10")  # RTP and RTCP between core and edge
_OUTSIDE = ("T11-11", "T11-12")  # endpoints outside, at the edge
_INSIDE = ("Y01-06", "Y01-07")  # endpoints inside, at the core


class Legs:
    """Of one node."""

    def __init__(self, config: ControlConfig) -> None:
        self._edge = config.role == "edge"
        self._public = {each.address[0]: each.advertised[0] for each in config.listeners}

    def towards(self, zone: Zone) -> LegRequest:
        """The leg that faces `zone`."""
        if zone.kind == "traversal-server":
            return LegRequest("demux", "inner", _TRAVERSAL)
        if zone.kind == "traversal-client":
            return LegRequest("probe", "inner", _TRAVERSAL)
        return LegRequest("plain", "outer", _OUTSIDE) if self._edge else LegRequest("plain", "inner", _INSIDE)

    def as_seen(self, leg: LegAddress) -> LegAddress:
        """The relay's addresses as the other side reaches them: static NAT maps hosts, never ports."""
        (rtp, rtp_port), (rtcp, rtcp_port) = leg.rtp, leg.rtcp
        return replace(leg, rtp=(self._public.get(rtp, rtp), rtp_port), rtcp=(self._public.get(rtcp, rtcp), rtcp_port))
