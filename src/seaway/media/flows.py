"""Flows: what a fast path is told to do with established media, and what it counts. No Python runs for these packets.

A flow is one direction of one media stream. Its key is where packets arrive and where they come from; its action says
where they go on to, and whether a prefix of four octets is stripped or added: TURN ChannelData (RFC 8656 §12.4) or an
H.460.19 multiplexID. A packet without a flow, and a packet that a fast path cannot handle (fragments, IP options, too
long for the link, malformed, STUN on a media port), goes up to the socket of its port, where Python decides.

Engines of this interface are in `runtime/fastpath/`; `media/engine.py` and `core/turn` say which flows there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from socket import socket
from typing import NamedTuple, Protocol

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.receiver import FIRST_COUNTERS, SourceIndex
from seaway.media.protocol import Address

__all__ = [
    "Cipher", "CipherTable", "DatagramUp", "Flow", "FlowCounters", "FlowError", "FlowKey", "FlowKind", "FlowTable",
    "PortKind", "Prefix",
]  # fmt: skip


class PortKind(IntEnum):
    """How a fast path reads packets of a local port."""

    PLAIN = 1  # no prefix: found by the 4-tuple alone
    CHANNEL = 2  # TURN server port: ChannelData has its number in the key; everything else goes up
    MUX = 3  # each packet starts with a 4-octet multiplexID (H.460.19), which is in the key


class FlowKind(IntEnum):
    """What passes and what is counted."""

    MEDIA = 1  # well-formed RTP, SRTP, RTCP, SRTCP only, with RTP statistics; the rest (STUN, DTLS, garbage) goes up
    DATA = 2  # any payload (TURN relays what it is given); packets and octets are counted
    RTP = 3  # as MEDIA, but RTCP goes up too: it leaves by another port than RTP (RFC 5761)


class FlowKey(NamedTuple):
    """`prefix`: channel number on a CHANNEL port, multiplexID on a MUX port, `None` on a PLAIN port."""

    local: Address  # IP literal of our NIC and port, as packets carry them
    remote: Address
    prefix: int | None = None


class Prefix(NamedTuple):
    """Four octets put in front of the payload. CHANNEL: number and payload length (RFC 8656 §12.4), no padding over
    UDP. MUX: the multiplexID."""

    kind: PortKind
    value: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A packet that arrives with `key` leaves from `out_local` to `out_remote`, its own prefix stripped (when the key
    has one) and `add` in front. Both ends are of one address family, but for engines that say otherwise."""

    key: FlowKey
    out_local: Address
    out_remote: Address
    add: Prefix | None = None
    kind: FlowKind = FlowKind.MEDIA
    clock: int = 8000
    """Hz of the RTP clock, of payload types that `clocks` does not have."""
    clocks: tuple[tuple[int, int], ...] = ()
    """Payload type -> Hz; at most 4 are used."""
    receive: int = 0
    """The `Cipher` that opens what comes; 0: it comes in clear, or passes as it is."""
    send: int = 0
    """The `Cipher` that seals what goes; 0: it goes in clear, or as it came."""
    verify: bool = False
    """What comes has to be authentic under `receive` and passes as it is."""


@dataclass(frozen=True, slots=True)
class FlowCounters:
    """What one flow did since it was added. Times in seconds of the monotonic clock. Octets are those of the UDP
    payload, RTP header included, prefix not."""

    packets: int = 0  # passed on, RTP and RTCP
    octets: int = 0
    rtcp_packets: int = 0
    last_seen: float | None = None
    lost: int = 0  # RFC 3550 §A.3, not below 0
    reordered: int = 0
    jitter_ms: float = 0.0  # RFC 3550 §6.4.1
    max_gap_ms: float = 0.0  # longest pause between two RTP packets
    unauthenticated: int = 0  # dropped; they count nowhere else


class DatagramUp(NamedTuple):
    """A datagram that had no flow, from an engine which reads the sockets itself."""

    local: Address
    source: Address
    data: bytes


class FlowError(Exception):
    """A fast path refused. `str()` is one line: what, why, what to do. Media then takes the slow path."""


@dataclass(frozen=True, slots=True)
class Cipher:
    """SRTP under one master key in one direction, as a fast path has it. `id` is random and never 0."""

    id: int
    master: MasterKey
    sends: bool
    known: tuple[SourceIndex, ...] = ()
    counters: int = FIRST_COUNTERS
    """Rollover counters to try for a source that is new, when it receives."""


class CipherTable(Protocol):
    """SRTP of a fast path: the packet indexes of a key are there and nowhere else, so that none is used twice. What
    comes up and has a key is transformed there too."""

    def keep(self, cipher: Cipher) -> None:
        """Have it; one with the same id and key goes on, and learns what is known. Raises `FlowError`."""

    def leave(self, cipher: int) -> tuple[SourceIndex, ...] | None:
        """It is not needed any more and goes with its last flow. Its indexes; `None`: it was not there."""

    def indexes(self, cipher: int) -> tuple[SourceIndex, ...] | None: ...

    def transform(self, cipher: int, packet: bytes, *, rtcp: bool, verify: bool = False) -> bytes | None:
        """The packet opened, or sealed; `verify`: as it is when it is authentic. `None`: it does not count, or must not
        be sent. Raises `FlowError`."""


class FlowTable(Protocol):
    """One fast path. Calls are cheap and do not block; none raises but where it says so."""

    engine: str
    """ "xdp-native", "xdp-generic", "tc" or "userspace", as `seaway status relay` shows it."""
    reason: str
    """One line: why this engine."""
    reads_sockets: bool
    """True: the engine reads the attached sockets, and what has no flow comes from `receive()`. False: packets without
    a flow arrive at the sockets as ever, and Python reads them, but for those sockets that `reads` names."""

    verifies: bool
    """Whether flows with `verify` are for this engine; else SRTP that passes is verified when its source is learned."""

    @property
    def ciphers(self) -> CipherTable | None:
        """`None`: flows with `receive` or `send` are refused."""

    def reads(self, local: Address) -> bool:
        """Whether the engine reads this attached socket: `reads_sockets`, or for one of several engines its answer."""

    def attach(self, made: socket, kind: PortKind) -> None:
        """Flows may use this bound UDP socket's local address from now on. Raises `FlowError`."""

    def detach(self, local: Address) -> None:
        """Before the socket is closed; flows of this address are removed by the caller before."""

    def add(self, flow: Flow) -> None:
        """Add a flow, or replace the action of one with the same key (its counters go on). Raises `FlowError`."""

    def remove(self, key: FlowKey) -> FlowCounters | None:
        """The last counters; `None` when there was no such flow."""

    def read(self, key: FlowKey) -> FlowCounters | None: ...

    def keys(self) -> list[FlowKey]:
        """All flows of this table's owner, also those that an earlier process of the same owner left."""

    def adopted(self) -> list[tuple[Address, PortKind, int]]:
        """Sockets that an earlier process of the same owner attached and that live on: local address, kind, and a
        descriptor that is the caller's to close. Empty for engines that do not hold sockets."""

    def fileno(self) -> int:
        """Readable when `receive()` has something; -1 when the engine reads no socket at all."""

    def receive(self) -> Iterable[DatagramUp]:
        """Datagrams without a flow from sockets that the engine reads, at most some hundred a call."""

    def close(self) -> None:
        """Let go of the table. Flows of kernel engines and of the worker process live on."""
