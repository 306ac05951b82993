"""The typed messages between `signal` and the `relay` process; one JSON object per line (`encoding.py`).

This is the boundary behind which a native engine can sit. The relay owns ports, sockets, latching and counters; the
signalling side owns calls. A *session* is the media of one call on one node; it has *streams* (one per SDP m-line);
each stream has two *legs*, `a` (towards the caller) and `b` (towards the callee); each leg has two *components*,
`rtp` and `rtcp`. Packets that arrive on one leg leave on the other, unchanged or as `Security` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "AddStreams", "Address", "Close", "Closed", "Command", "Component", "Describe", "Described", "DirectionStats",
    "Event", "Failed", "Fingerprint", "HashName", "Ice", "Idle", "Latched", "LegAddress", "LegKind", "LegName",
    "LegRequest", "LegTotals", "List", "Listed", "Open", "Opened", "Pause", "Relabel", "Reply", "Secured", "Security",
    "SecurityFailed", "SecurityMode", "SessionInfo", "SetRemote", "SrtpKey", "SrtpSuite", "Stats", "StatsReply",
    "StreamAddress", "StreamRequest", "StreamStats",
]  # fmt: skip

Address = tuple[str, int]
LegName = Literal["a", "b"]
Component = Literal["rtp", "rtcp"]

LegKind = Literal["plain", "demux", "probe"]
"""plain: own port pair, latches on the first packet from an allowed source.
demux: the edge's shared demultiplexing ports; a flow is bound by a valid probe (edge, towards the core).
probe: own port pair; sends authenticated probes to the edge's demultiplexing ports (core, towards the edge)."""


SrtpSuite = Literal[
    "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
]  # fmt: skip
"""Names as in `a=crypto`: RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2."""

HashName = Literal["sha-256", "sha-384", "sha-512"]
"""Hashes of `a=fingerprint` that are strong enough; weaker ones are refused before they get here."""

SecurityMode = Literal["pass", "verify", "rtp", "srtp", "dtls"]
"""pass: nothing is known of keys; packets pass as they are.
verify: packets pass as they are, but only those that authenticate under a key of the far side count (R13).
rtp: media without SRTP, which ends here.
srtp: SRTP with keys from signalling (RFC 4568), which ends here.
dtls: SRTP with keys from a DTLS handshake (RFC 5764), both of which end here.
Packets cross a stream when both legs are of {pass, verify}, or both of {rtp, srtp, dtls}; else they are dropped, so
that nothing leaves in clear because a message is still on its way."""


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """A master key. `key`: base64 of master key and master salt together, as after `inline:` (RFC 4568 §6.1), with
    padding. `mki`: hexadecimal digits of the master key identifier that each packet carries; "" for none."""

    suite: SrtpSuite
    key: str = field(repr=False)
    mki: str = ""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`a=fingerprint` (RFC 8122 §5): `value` is upper-case hexadecimal pairs with colons."""

    hash: HashName
    value: str


@dataclass(frozen=True, slots=True)
class LegRequest:
    kind: LegKind
    nic: str  # "inner" | "outer"
    rows: tuple[str, str]  # catalog rows of the RTP and the RTCP socket
    family: int | None = None  # IP version of its local address, 4 or 6; None: IPv4 where the NIC has both
    knocks: bool = False  # the far side is a relay like this one, which waits for our packets as we do for its


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
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StreamAddress:
    a: LegAddress
    b: LegAddress


@dataclass(frozen=True, slots=True)
class Opened:
    request: int
    session: str
    streams: tuple[StreamAddress, ...]  # for AddStreams: only the new ones
    fingerprint: str = ""
    """Of the certificate that this relay shows in DTLS: SHA-256, as `Fingerprint.value`. "": it has no DTLS."""


@dataclass(frozen=True, slots=True)
class SetRemote:
    """What signalling says of the far side of one leg: a hint, never a licence to send.

    `allowed` are IP addresses from which a first packet may latch (the SDP address, the signalling source).
    `ufrag`/`password`: for probe legs, the credential received from the edge. No reply unless it fails; the `Failed`
    then has request 0. `clocks` has RTP clock rates of the payload types, for the jitter: (payload type, Hz).
    `ssrcs`: when there are any, only RTP and RTCP of these decides where a plain leg's far side is.
    `opaque`: it is no RTP (BFCP over UDP, others): any datagram of an allowed source passes.
    """

    session: str
    stream: int
    leg: LegName
    rtp: Address
    rtcp: Address
    allowed: tuple[str, ...]
    ufrag: str | None = None
    password: str | None = field(default=None, repr=False)
    clocks: tuple[tuple[int, int], ...] = ()
    ssrcs: tuple[int, ...] = ()
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Security:
    """How the media of one leg is protected. Replaces what was said before; send it ahead of the `SetRemote` of the
    same SDP. A leg of which nothing was said is "pass". No reply unless it fails; the `Failed` has request 0.

    `receive`: keys with which the far side protects what it sends, from its own SDP; any of them counts until the
    answer tells which of several was chosen (verify, srtp). `send`: with which we protect what we send to it, from our
    own SDP (srtp). A key that was there before goes on with its packet indexes; `receive` and `send` are never the
    same key (RFC 3711 §9.1). `role`: "passive" waits for the far side's handshake, "active" begins one. `fingerprints`
    of the far side's certificate: one of them has to match, an empty list matches nothing (dtls). The same fingerprints
    and role again leave an association alone, others begin a new one (RFC 8842 §4).
    """

    session: str
    stream: int
    leg: LegName
    mode: SecurityMode
    receive: tuple[SrtpKey, ...] = ()
    send: SrtpKey | None = None
    role: Literal["passive", "active"] = "passive"
    fingerprints: tuple[Fingerprint, ...] = ()


@dataclass(frozen=True, slots=True)
class Ice:
    """How the far side of a plain leg proves where it is: ICE, of which we are the lite side (RFC 8445 §2.5). Replaces
    what was said before; send it ahead of the `SetRemote` of the same SDP. No reply unless it fails; the `Failed` has
    request 0.

    `ufrag`, `password`: our own short-term credential, as in our SDP; "": the leg has no ICE and latches. `remote`: the
    far side's ufrag, as in its SDP, which its checks have to name; "": any. A lite side sends no checks and needs no
    password of the far side. Another credential of ours is a restart (RFC 8445 §9): what was selected before
    has media until there is a new nomination. `mux`: RTCP comes and goes on the RTP port (RFC 5761), ICE or not.
    """

    session: str
    stream: int
    leg: LegName
    ufrag: str = ""
    password: str = field(default="", repr=False)
    remote: str = ""
    mux: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether RTP of the far side of one leg goes no further, because both sides have said that it sends none (R20);
    RTCP APP neither, other RTCP passes. The far side stays known, and is learned anew, as if nothing was. No reply
    unless it fails; the `Failed` has request 0."""

    session: str
    stream: int
    leg: LegName
    paused: bool


@dataclass(frozen=True, slots=True)
class Relabel:
    """What `List` shall return for a session from now on. No reply unless it fails; the `Failed` has request 0."""

    session: str
    label: str


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
    unauthenticated: int = 0  # of `refused`: SRTP and SRTCP that no key authenticates, or that came before
    security: str = (
        ""  # mode of the leg, and the suite when there is one: "dtls AEAD_AES_256_GCM"; "": nothing is known
    )
    paused: int = 0  # packets that were counted and went no further: `Pause`


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
class LegTotals:
    """What came in on all legs of one kind whose RTP socket is of one row, since the relay started; `legs` and the two
    figures of jitter are those of live sessions."""

    row: str
    kind: LegKind
    legs: int
    packets: int
    octets: int
    rtcp_packets: int
    lost: int
    reordered: int
    refused: int
    unauthenticated: int
    mean_jitter_ms: float
    max_jitter_ms: float


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
    port_pairs: int = 0
    """Pairs of the media range: all, those of sessions, and those released a moment ago."""
    port_pairs_used: int = 0
    port_pairs_resting: int = 0
    legs: tuple[LegTotals, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Secured:
    """The DTLS handshake of a leg ended well, with this suite; told for a leg once an association."""

    session: str
    stream: int
    leg: LegName
    suite: SrtpSuite


@dataclass(frozen=True, slots=True)
class SecurityFailed:
    """A leg cannot be protected: media of the stream has ended, the call should. `what` is a stable word:
    `fingerprint` (the certificate is not the signalled one), `profile` (no SRTP profile in common), `handshake`,
    `timeout`. `reason` is one line."""

    session: str
    stream: int
    leg: LegName
    what: str
    reason: str


Command = Open | AddStreams | SetRemote | Security | Ice | Pause | Relabel | Close | Stats | List | Describe
Reply = Opened | Closed | StatsReply | Listed | Described | Failed
Event = Latched | Idle | Secured | SecurityFailed
