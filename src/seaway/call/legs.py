"""The media legs of a node: which kind towards which zone, by which catalog rows, seen at which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

from seaway.call.config import ControlConfig
from seaway.call.sdp_anchor import RemoteMedia
from seaway.call.zones import Zone
from seaway.core.sip.io import Flow, Hop
from seaway.media.protocol import LegAddress, LegName, LegRequest, StreamAddress
from seaway.wire.endpoint import canonical, version_of
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import Session

__all__ = ["Legs", "check_families", "media_family"]

_TRAVERSAL = ("T11-09", "T11-10")  # RTP and RTCP between core and edge
_OUTSIDE = ("T11-11", "T11-12")  # endpoints outside, at the edge
_INSIDE = ("Y01-06", "Y01-07")  # endpoints inside, at the core
_BETWEEN = ("T10-03", "T10-03")  # nodes of one role


Both = tuple[LegRequest, LegRequest]


class Legs:
    """Of one node."""

    def __init__(self, config: ControlConfig) -> None:
        self._edge = config.role == "edge"
        self._nodes = frozenset(each.name for each in config.neighbours if each.peer_node)
        self._public = {each.address[0]: each.advertised[0] for each in config.listeners}
        self._families = frozenset((each.nic, version_of(each.address)) for each in config.listeners)

    def towards(self, zone: Zone, where: object) -> LegRequest:
        """The leg that faces `zone`, of the address family of the flow or hop `where` that signalling takes there."""
        if zone.kind == "traversal-server":
            leg = LegRequest("demux", "inner", _TRAVERSAL)
        elif zone.kind == "traversal-client":
            leg = LegRequest("probe", "inner", _TRAVERSAL)
        elif zone.kind == "neighbour" and zone.name in self._nodes:
            leg = LegRequest("plain", "inner", _BETWEEN, knocks=True)
        else:
            leg = LegRequest("plain", "outer", _OUTSIDE) if self._edge else LegRequest("plain", "inner", _INSIDE)
        return self._in(leg, _family_of(where))

    def meeting(self, legs: Both, side: LegName, session: Session) -> Both:
        """`legs` before they are made, that of `side` in the address family in which its endpoint wants media."""
        a, b = legs
        family = media_family(session)
        if side == "a" and a.kind == "plain":
            return self._in(a, family), b
        return (a, self._in(b, family)) if side == "b" and b.kind == "plain" else legs

    def _in(self, leg: LegRequest, family: int | None) -> LegRequest:
        """`leg` in this family, when its NIC has it."""
        return replace(leg, family=family) if (leg.nic, family) in self._families else leg

    def as_seen(self, leg: LegAddress) -> LegAddress:
        """The relay's addresses as the other side reaches them: static NAT maps hosts, never ports."""
        (rtp, rtp_port), (rtcp, rtcp_port) = leg.rtp, leg.rtcp
        return replace(leg, rtp=(self._public.get(rtp, rtp), rtp_port), rtcp=(self._public.get(rtcp, rtcp), rtcp_port))


def media_family(session: Session) -> int | None:
    """The IP version of the first running stream's address; `None` when there is none (names, hold by 0.0.0.0)."""
    for index, each in enumerate(session.media):
        connection = session.connection_of(index)
        if each.enabled and connection is not None:
            return _version(connection.address)
    return None


def check_families(remote: Sequence[RemoteMedia | None], streams: Sequence[StreamAddress], side: LegName) -> None:
    """Whether the relay's ports towards `side` can reach its media. Raises `SdpError` (488) when families differ."""
    for each, stream in zip(remote, streams, strict=False):
        wanted = _version(each.rtp[0]) if each is not None else None
        ours = _version((stream.a if side == "a" else stream.b).rtp[0])
        if wanted is not None and wanted != ours:
            raise SdpError(f"media at an IPv{wanted} address, but this call has IPv{ours} there", status=488)


@lru_cache(maxsize=1000)
def _version(host: str) -> int | None:
    try:
        address = ip_address(canonical(host))
    except ValueError:
        return None
    return None if address.is_unspecified else address.version


def _family_of(where: object) -> int | None:
    if isinstance(where, Flow):
        return 6 if where.six else 4
    return _version(where.host) if isinstance(where, Hop) else None
