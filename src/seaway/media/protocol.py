"""The typed messages between `signal` and the `relay` process; one JSON object per line (`encoding.py`).

This is the boundary behind which a native engine can sit. The relay owns ports, sockets, latching and counters; the
signalling side owns calls. A *session* is the media of one call on one node; it has *streams* (one per SDP m-line);
each stream has two *legs*, `a` (towards the caller) and `b` (towards the callee); each leg has two *components*,
`rtp` and `rtcp`. Packets that arrive on one leg leave on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AddStreams",
    "Address",
    "Close",
    "Closed",
    "Command",
    "Component",
    "Describe",
    "Described",
    "DirectionStats",
    "Event",
    "Failed",
    "Idle",
    "Latched",
    "LegAddress",
    "LegKind",
    "LegName",
    "LegRequest",
    "List",
    "Listed",
    "Open",
    "Opened",
    "Reply",
    "SessionInfo",
    "SetRemote",
    "Stats",
    "StatsReply",
    "StreamAddress",
    "StreamRequest",
    "StreamStats",
]  # fmt: skip

Address = tuple[str, int]
LegName = Literal["a", "b"]
Component = Literal["rtp", "rtcp"]

LegKind = Literal["plain", "demux", "probe"]
"""plain: own port pair, latches on the first packet from an allowed source.
demux: the edge's shared demultiplexing ports; a flow is bound by a valid probe (edge, towards the core).
probe: own port pair; sends authenticated probes to the edge's demultiplexing ports (core, towards the edge)."""


@dataclass(frozen=True, slots=True)
class LegRequest:
    kind: LegKind
    nic: str  # "inner" | "outer"
    rows: tuple[str, str]  # catalog rows of the RTP and the RTCP socket


@dataclass(frozen=True, slots=True)
class StreamRequest:
    a: LegRequest
    b: LegRequest


@dataclass(frozen=True, slots=True)
class Open:
    """Allocate a session. `label` is opaque to the relay and returned by `List` (the signalling side's call keys)."""

    request: int
    session: str
    label: str
    streams: tuple[StreamRequest, ...]


@dataclass(frozen=True, slots=True)
class AddStreams:
    """More m-lines in a later offer; the new streams are appended."""

    request: int
    session: str
    streams: tuple[StreamRequest, ...]


@dataclass(frozen=True, slots=True)
class LegAddress:
    """What to write into SDP for this leg. `ufrag` and `password` are set for demux legs only (RFC 8489 short-term)."""

    rtp: Address
    rtcp: Address
    ufrag: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class StreamAddress:
    a: LegAddress
    b: LegAddress


@dataclass(frozen=True, slots=True)
class Opened:
    request: int
    session: str
    streams: tuple[StreamAddress, ...]  # for AddStreams: only the new ones


@dataclass(frozen=True, slots=True)
class SetRemote:
    """What signalling says of the far side of one leg: a hint, never a licence to send.

    `allowed` are IP addresses from which a first packet may latch (the SDP address, the signalling source).
    `ufrag`/`password`: for probe legs, the credential received from the edge. No reply unless it fails; the `Failed`
    then has request 0. `clocks` has RTP clock rates of the payload types, for the jitter: (payload type, Hz).
    `ssrcs`: when there are any, only RTP and RTCP of these decides where a plain leg's far side is.
    """

    session: str
    stream: int
    leg: LegName
    rtp: Address
    rtcp: Address
    allowed: tuple[str, ...]
    ufrag: str | None = None
    password: str | None = None
    clocks: tuple[tuple[int, int], ...] = ()
    ssrcs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    request: int
    session: str


@dataclass(frozen=True, slots=True)
class DirectionStats:
    """One direction, counted where it enters: packets from leg x. Jitter in milliseconds (RFC 3550 §6.4.1, audio clock
    from the payload type or 8000), `max_gap` the longest pause between two packets in milliseconds."""

    packets: int
    octets: int
    rtcp_packets: int
    lost: int
    jitter_ms: float
    max_gap_ms: float
    refused: int  # packets dropped: wrong source, no latch, malformed
    source: Address | None  # latched RTP source
    reordered: int = 0  # packets that came after a later one


@dataclass(frozen=True, slots=True)
class StreamStats:
    from_a: DirectionStats
    from_b: DirectionStats


@dataclass(frozen=True, slots=True)
class Closed:
    request: int
    session: str
    streams: tuple[StreamStats, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    request: int
    session: str | None = None  # None: all sessions


@dataclass(frozen=True, slots=True)
class SessionInfo:
    session: str
    label: str
    streams: tuple[StreamStats, ...]
    addresses: tuple[StreamAddress, ...]


@dataclass(frozen=True, slots=True)
class StatsReply:
    request: int
    sessions: tuple[SessionInfo, ...]


@dataclass(frozen=True, slots=True)
class List:
    """After a restart of `signal`: which sessions live, with their labels."""

    request: int


@dataclass(frozen=True, slots=True)
class Listed:
    request: int
    sessions: tuple[SessionInfo, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """What the relay runs on; see `Described`."""

    request: int


@dataclass(frozen=True, slots=True)
class Described:
    """`engine` carries established media ("python": none does), `reason` is one line why. `not_fast` counts flows that
    it could not have or that no row admits, `last_not_fast` says why for the last one."""

    request: int
    engine: str
    reason: str
    sessions: int
    flows: int
    not_fast: int
    last_not_fast: str
    rows: tuple[tuple[str, int], ...]  # packets that the engine carried, by the row that admitted them, in and out
    unknown_source: int  # packets at demultiplexing ports of no flow
    unsent: int
    oversize: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A command could not be carried out. `reason` is one clear line; `what` a stable word (`ports-exhausted`)."""

    request: int
    session: str | None
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Latched:
    session: str
    stream: int
    leg: LegName
    component: Component
    source: Address


@dataclass(frozen=True, slots=True)
class Idle:
    """No packet in either direction of any stream for `seconds`."""

    session: str
    seconds: float


Command = Open | AddStreams | SetRemote | Close | Stats | List | Describe
Reply = Opened | Closed | StatsReply | Listed | Described | Failed
Event = Latched | Idle
