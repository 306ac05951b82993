"""The typed model of a catalog row. The data is in `data/*.toml`, one file per chapter; `load.py` reads it.

A row keeps two things apart: what the reference guide prints (`Side.ports`, `Row.transport`), and what Seaway uses
where the guide is silent, inconsistent or looser than it needs to be (`Side.used`, `Row.used_transport`, `Anomaly`).
Views and listeners use `Side.effective` and `Row.carriers`; the printed value stays for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Anomaly",
    "Carrier",
    "Kind",
    "Opens",
    "PortExpr",
    "Row",
    "Security",
    "Side",
    "Translation",
    "Transport",
]  # fmt: skip


class Transport(StrEnum):
    """What a firewall sees."""

    TCP = "tcp"
    UDP = "udp"
    IP = "ip"  # bare IP protocol; number in Carrier.protocol
    UNSPECIFIED = "unspecified"


class Security(StrEnum):
    """What runs on top; apart from the transport (guide G-02)."""

    NONE = "none"
    TLS = "tls"
    MTLS = "mtls"
    HTTPS = "https"
    SSH = "ssh"


class Opens(StrEnum):
    """Who sends the first packet, and how the other direction is covered."""

    SOURCE = "source"  # the source opens; replies belong to this row (stateful)
    ONE_WAY = "one-way"  # this row is one direction only; the other direction has a row of its own


class Kind(StrEnum):
    CONNECTION = "connection"  # a row that becomes connections
    DEFAULT_RANGE = "default-range"  # table 3, P-10: a default of a setting, never a connection by itself
    REMARK = "remark"  # prose: an example or a rule about other rows


@dataclass(frozen=True, slots=True)
class Carrier:
    transport: Transport
    security: Security = Security.NONE
    protocol: int | None = None  # IP protocol number, only with Transport.IP


@dataclass(frozen=True, slots=True)
class PortExpr:
    """A port expression as data.

    `text` is the normal form of the guide's value (grammar: `443`, `1024-65535`, `36000-59998/even`, `>=1024`,
    `22|5022`, `small,medium: A; large: B`, `ephemeral`, `endpoint_media`, `user_defined`, `n/a`, `unspecified`).
    `setting` names the deployment setting whose value replaces the default in `text`, for instance `media`,
    `media.even`, `media.odd`, `demux.rtp`, `demux.rtcp`, `turn`, `relay`, `traversal.sip`, `traversal.h323`,
    `sip.source`, `client.source`; `None` when the value is fixed.
    """

    text: str
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a row: `entity` is a token of `entities.py` (`core`, `edge.public`, `sip_endpoint.remote`)."""

    entity: str
    ports: PortExpr
    used: PortExpr | None = None  # differs from `ports` only with an anomaly or a refinement that says why
    used_entity: str | None = None  # same for the entity (T6-05: external_dns instead of internal_dns)

    @property
    def effective(self) -> PortExpr:
        return self.used or self.ports

    @property
    def effective_entity(self) -> str:
        return self.used_entity or self.entity


@dataclass(frozen=True, slots=True)
class Translation:
    """A port and address translation on the way (T20-03: public 80 -> 9980 on the outer NIC)."""

    outside_entity: str
    outside_port: int
    inside_entity: str
    inside_port: int
    at: str  # firewall that translates: "outer"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Where the guide contradicts itself or leaves a gap, what we use instead, and why.

    `id` is `A-01` ... `A-42` for the guide's own inconsistencies, `U-01` ... where Seaway only narrows or completes a
    value. Defined once in `data/anomalies.toml`; a row names the ids, the loader fills in the values of that row.
    """

    what: str
    field: str  # "source.ports", "destination.entity", "transport", "text" (wording only, nothing used differs)...
    printed: str
    used: str
    why: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    id: str  # "T11-01", "P-06"; own additions: "Y01-01"
    table: str  # "3" ... "30", "prose", or "own" for additions
    chapter: int
    section: str
    purpose: str
    kind: Kind
    feature: str  # the service that needs it; see features.py
    source: Side
    destination: Side
    transport: str  # normal form of the guide: "tcp", "udp+tcp", "tcp|tls", "ip/51", ...
    carriers: tuple[Carrier, ...]  # what we use: of `used_transport` where that is set
    choose_one: bool  # True: the deployment uses one of the carriers (`|`); False: all (`+`, single)
    preferred: str | None = None  # with choose_one: the alternative used unless a setting says otherwise ("tls")
    used_transport: str | None = None  # differs from `transport` only with an anomaly that says why
    opens: Opens = Opens.SOURCE
    default_on: bool = True
    optional: bool = False
    requires: tuple[str, ...] = ()  # necessary: a switch ("sip.edge_tcp", "turn.tcp443"), "size=large", "role=core"
    group: str | None = None  # alternatives: of one group only the configured choice is used ("edge-dns")
    choice: str | None = None  # which alternative of `group` this row is ("internal")
    translation: Translation | None = None
    since: str | None = None  # version bounds as in the guide: "X8.8"
    until: str | None = None  # exclusive: "<X8.8"
    idle_timeout: int | None = None  # seconds a firewall must keep an idle connection, at least
    notes: tuple[str, ...] = ()
    footnotes: tuple[str, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    same_as: tuple[str, ...] = ()  # rows that describe the same flow in another chapter (T25-06 = T11-09)
    source_line: int | None = None  # line in the reference text
