"""What goes in and out of the SIP cores: flows, hops, outputs. Frozen values, no I/O.

Inputs are methods of the core (`receive(data, flow, now)`, `flow_closed(flow, now)`, `send_failed(...)`,
`handle_timeout(now)`); after each the owner drains `next_output()` until it is `None` and asks `next_deadline()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.core.dns.io import Resolve

__all__ = ["Address", "CloseFlow", "Flow", "Hop", "Output", "Place", "Send", "SendTo", "TransportName"]

Address = tuple[str, int]
"""`(host, port)`: host is an IPv4 or IPv6 literal without brackets."""

TransportName = Literal["udp", "tcp", "tls", "wss"]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A way back to one peer: a connected stream, or a local UDP socket plus the peer's address.

    The runtime makes one object per flow and passes the same object each time, so identity is equality.
    """

    id: int  # unique in this process, never reused
    transport: TransportName
    local: Address  # address our side is bound to
    remote: Address  # source address of the peer
    nic: str  # "inner" | "outer"
    row: str  # catalog row whose socket this is ("T11-07")
    zone: str | None = None  # traversal server zone whose port it came in on / traversal client zone it was dialled for
    peer_names: tuple[str, ...] = ()  # DNS names of the verified peer certificate; () when none was presented

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"

    @property
    def six(self) -> bool:
        """Whether it is IPv6."""
        return ":" in self.local[0]


@dataclass(frozen=True, slots=True)
class Hop:
    """Where to send a message when no flow is known yet. The runtime resolves, picks the row, dials or reuses."""

    transport: TransportName
    host: str  # IP literal or DNS name
    port: int
    nic: str
    verify_name: str | None = None  # name the TLS certificate must carry; None with plain transports
    zone: str | None = None  # set when this is the link of a traversal client zone

    @property
    def six(self) -> bool:
        """Whether it is known to be IPv6; a name counts as IPv4."""
        return ":" in self.host


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is to go when only a name is known: it is located by RFC 3263 (`locating.py`) before it is sent.

    `transport` and `port` are `None` when neither the URI nor the zone says; `allowed` are the transports that may be
    used, preferred first.
    """

    host: str  # IP literal or DNS name, in lower case
    nic: str
    port: int | None = None
    transport: TransportName | None = None
    secure: bool = False  # a sips: URI: TLS or nothing
    allowed: tuple[TransportName, ...] = ("tls", "tcp", "udp")
    verify_name: str | None = None  # name the certificate must carry; default: `host`


@dataclass(slots=True)  # not frozen, whose constructor takes four times as long; nobody changes one
class Send:
    """Octets for a flow. For UDP one datagram; for streams one whole message."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class SendTo:
    """Octets for a hop without a flow. `token` comes back in `sent_on` or `send_failed`."""

    hop: Hop
    data: bytes
    token: int


@dataclass(frozen=True, slots=True)
class CloseFlow:
    flow: Flow
    reason: str


Output = Send | SendTo | CloseFlow | Resolve
