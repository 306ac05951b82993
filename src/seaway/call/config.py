"""What call control needs to know of its node: plain values, made by `runtime/config.py` from the node's file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seaway.core.sip.io import Address, TransportName
from seaway.core.sip.registrar import Bounds
from seaway.policy.bandwidth import BandwidthPolicy
from seaway.policy.call_policy import CallPolicy
from seaway.policy.patterns import PatternType
from seaway.policy.search_settings import SearchRule, Transform
from seaway.policy.subzones import Membership
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

__all__ = [
    "ControlConfig", "DnsZone", "EnumZone", "Identity", "Listener", "NeighbourZone", "Registrations", "Rule",
    "TraversalZone", "User",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening SIP socket as other hosts see it; `advertised` is what goes into Via, Record-Route and Contact."""

    transport: TransportName
    address: Address
    advertised: Address
    nic: str
    row: str
    mutual: bool = False  # client certificate required (5062, 7001)
    zone: str | None = None  # traversal server zone of this port
    more: tuple[str, ...] = ()  # further rows of this socket, in the order of the catalog

    @property
    def rows(self) -> tuple[str, ...]:
        return (self.row, *self.more)


@dataclass(frozen=True, slots=True)
class User:
    """A credential of the local store. `ha1` maps the digest algorithm ("SHA-256", "MD5") to its HA1 in hex."""

    name: str
    ha1: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraversalZone:
    """One traversal link. The client (core) dials; the server (edge) listens on its own port."""

    name: str
    role: Literal["client", "server"]
    user: str
    password: str = field(repr=False)
    verify_name: str  # DNS name that the peer's certificate must carry
    host: str = ""  # client only: where to dial (IP literal or DNS name)
    port: int = 7001
    keep_alive: float = 30.0  # seconds between OPTIONS
    ping: float = 15.0  # seconds between CRLF pings
    settings: ZoneSettings = field(default_factory=ZoneSettings)


@dataclass(frozen=True, slots=True)
class NeighbourZone:
    """A trusted SIP peer (proxy, call manager): its `addresses` are the peers of one cluster. Requests from one of them
    belong to this zone; those towards it go to the first that answers."""

    name: str
    addresses: tuple[str, ...]  # IP literals
    port: int
    transport: TransportName
    nic: str = "inner"
    verify_name: str | None = None
    settings: ZoneSettings = field(default_factory=ZoneSettings)
    monitor: float = 0.0  # seconds between OPTIONS to each peer; 0: never
    peer_node: bool = False  # another node of our own, of the same role: media takes the rows of clusters


def _untrusted() -> ZoneSettings:
    return ZoneSettings(authentication="check")


@dataclass(frozen=True, slots=True)
class DnsZone:
    """Other domains, found by RFC 3263. Nobody comes in from it: who calls us from there is in the default zone."""

    name: str
    transports: tuple[TransportName, ...] = ("tls", "tcp", "udp")  # that may be used, preferred first
    verify_name: str | None = None  # what certificates must carry; default: the domain that was looked up
    settings: ZoneSettings = field(default_factory=_untrusted)


@dataclass(frozen=True, slots=True)
class EnumZone:
    """Numbers in E.164, found by RFC 6116 under `suffix`. The search goes on with the URI that was found."""

    name: str
    suffix: str = "e164.arpa"


@dataclass(frozen=True, slots=True)
class Rule:
    """A search rule in its short form. `pattern` is a regular expression that must match the whole `user@domain`."""

    priority: int  # 1..65534, low first
    pattern: str
    target: str  # "registrations" or the name of a zone


@dataclass(frozen=True, slots=True)
class Registrations:
    """How registrations of the domain `name` are taken. `register_on`: `None` for this node, else the zone of the node
    that keeps them and the users. `allow` and `deny` are patterns over the address-of-record: with `allow` one of them
    must match, none of `deny` may."""

    name: str
    register_on: str | None = None
    allow: tuple[tuple[PatternType, str], ...] = ()
    deny: tuple[tuple[PatternType, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the authenticated `user` may speak for besides himself: patterns over the address-of-record in From."""

    user: str
    may_be: tuple[tuple[PatternType, str], ...]


@dataclass(frozen=True, slots=True)
class ControlConfig:
    node: str
    role: Literal["core", "edge", "gateway"]
    domains: tuple[str, ...]
    realm: str
    listeners: tuple[Listener, ...]
    users: tuple[User, ...] = ()
    registrar: Bounds = field(default_factory=Bounds)
    traversal: tuple[TraversalZone, ...] = ()
    neighbours: tuple[NeighbourZone, ...] = ()
    dns_zones: tuple[DnsZone, ...] = ()
    enum_zones: tuple[EnumZone, ...] = ()
    default_zone: DefaultZone = field(default_factory=DefaultZone)
    local_zone: ZoneSettings = field(default_factory=_untrusted)  # endpoints that are registered here
    transforms: tuple[Transform, ...] = ()
    rules: tuple[Rule, ...] = ()
    search_rules: tuple[SearchRule, ...] = ()
    registrations: tuple[Registrations, ...] = ()  # of domains; others are taken here, of everybody
    identities: tuple[Identity, ...] = ()
    digest_algorithms: tuple[str, ...] = ()  # offered in challenges, best first; (): what some user has a form for
    watchers: tuple[str, ...] = ()  # users who may watch the registrations of all (RFC 3680)
    persistent: bool = False  # registrations are kept over a restart by whoever drives this
    server_name: str = "Seaway"
    secret: bytes = field(default=b"", repr=False)  # node secret for nonces and route tokens; at least 16 octets
    media_idle: float = 1800.0  # seconds without any media after which a call's media session is released
    refer: Literal["handle", "pass", "refuse"] = "handle"  # REFER and Replaces in calls through the B2BUA
    b2bua_calls: int = 10_000  # calls through the B2BUA at a time; beyond: 503
    policy: CallPolicy = field(default_factory=CallPolicy)
    bandwidth: BandwidthPolicy | None = None  # None: nobody counts
    memberships: tuple[Membership, ...] = ()  # of subzones
