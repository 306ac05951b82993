"""Sessions, streams, legs and components of the Python relay: its state, and what each kind of leg does with a packet.

A component is one direction's end: it owns a local port (or shares a demultiplexing port), knows where its far side
is, and counts what comes from there. `peer` is the component on the other leg to which packets pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.core.traversal.probe import ProbeSender
from seaway.media.flows import Flow
from seaway.media.ice import IceLite
from seaway.media.latch import Latch
from seaway.media.protection import Shield
from seaway.media.protocol import (
    Address,
    Component,
    LegAddress,
    LegKind,
    LegName,
    LegRequest,
    StreamAddress,
)
from seaway.media.stats import DirectionCounter
from seaway.wire.endpoint import version_of

__all__ = ["ComponentState", "DemuxPair", "LegState", "PortKey", "SessionState", "StreamState"]

PortKey = int
"""Names one local socket; given by whoever opens it."""


@dataclass(slots=True, eq=False)
class ComponentState:
    session: SessionState
    stream: int
    leg: LegName
    component: Component
    kind: LegKind
    local: PortKey
    address: Address
    """Of the local port, as packets carry it."""
    counter: DirectionCounter
    remote: Address | None = None
    """Where to send; `None`: nowhere yet. A plain leg's is learned, a demux leg's bound by a probe, a probe leg's
    set once the edge answered."""

    peer: ComponentState | None = None
    sibling: ComponentState | None = None
    """The other component of the same leg."""

    latch: Latch | None = None  # plain legs
    ice: IceLite | None = None
    """Plain legs with ICE: it decides in place of the latch."""

    mux: bool = False
    """RTCP of this leg is on its RTP port (RFC 5761)."""

    probe: ProbeSender | None = None  # probe legs
    sequence: int = 0  # demux legs: highest probe sequence
    consent_ends: float = 0.0  # demux legs
    early: tuple[bytes, Address, float] | None = None
    """The last datagram of a handshake that was refused, and when: the signalling that allows it may be on its way."""

    due: float | None = None  # deadline of this component's timer that is in the queue
    shield: Shield | None = None
    """How media of this leg is protected, shared by its components; `None`: it passes, nothing is known."""

    paused: bool = False
    """What its far side sends is not for the other (`Pause`)."""

    opaque: bool = False
    """Any datagram from the far side passes, not RTP and RTCP alone."""

    knocks: bool = False
    """The first datagrams, also of media, go to the signalled address: `LegRequest.knocks`."""

    flow: Flow | None = None
    """What a fast path was told to do with packets from the far side; `None`: they all come here."""

    def way_out(self, *, rtcp: bool) -> ComponentState | None:
        """Where a packet that came in here leaves: at the peer, but for RTCP when one leg multiplexes it."""
        peer = self.peer
        if not rtcp or peer is None or peer.mux is self.mux:
            return peer
        wanted = "rtp" if peer.mux else "rtcp"
        return peer if peer.component == wanted else peer.sibling


@dataclass(slots=True, eq=False)
class LegState:
    rtp: ComponentState
    rtcp: ComponentState
    address: LegAddress
    port: int | None  # even port of the pool; None for demux legs
    request: LegRequest
    demux: DemuxPair | None = None
    user: bytes = b""  # demux legs: the probes' user name and key
    key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.rtp.sibling, self.rtcp.sibling = self.rtcp, self.rtp

    @property
    def components(self) -> tuple[ComponentState, ComponentState]:
        return self.rtp, self.rtcp


@dataclass(slots=True, eq=False)
class DemuxPair:
    """One pair of the edge's demultiplexing ports. Flows are found by source; probes by user name."""

    nic: str
    rtp: PortKey
    rtcp: PortKey
    addresses: tuple[Address, Address]
    flows: dict[PortKey, dict[Address, ComponentState]]
    legs: dict[bytes, LegState] = field(default_factory=dict)

    @property
    def family(self) -> int:
        """The IP version."""
        return version_of(self.addresses[0])


@dataclass(slots=True, eq=False)
class StreamState:
    a: LegState
    b: LegState

    def leg(self, name: LegName) -> LegState:
        return self.a if name == "a" else self.b

    @property
    def shields(self) -> list[Shield]:
        found = [each.shield for leg in (self.a, self.b) for each in leg.components]
        return [each for each in found if each is not None]

    @property
    def address(self) -> StreamAddress:
        return StreamAddress(self.a.address, self.b.address)


@dataclass(slots=True, eq=False)
class SessionState:
    name: str
    label: str
    last_packet: float
    streams: list[StreamState] = field(default_factory=list)
    closed: bool = False

    @property
    def components(self) -> list[tuple[ComponentState, LegState]]:
        """All, in order, each with its leg."""
        legs = [leg for stream in self.streams for leg in (stream.a, stream.b)]
        return [(each, leg) for leg in legs for each in leg.components]
