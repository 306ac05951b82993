"""What call control needs to know of its node: plain values, made by `runtime/config.py` from the node's file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seaway.core.sip.io import Address, TransportName
from seaway.core.sip.registrar import Bounds

__all__ = ["ControlConfig", "Listener", "NeighbourZone", "Rule", "TraversalZone", "User"]


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


@dataclass(frozen=True, slots=True)
class User:
    """A credential of the local store. `ha1` maps the digest algorithm ("SHA-256", "MD5") to its HA1 in hex."""

    name: str
    ha1: dict[str, str]


@dataclass(frozen=True, slots=True)
class TraversalZone:
    """One traversal link. The client (core) dials; the server (edge) listens on its own port."""

    name: str
    role: Literal["client", "server"]
    user: str
    password: str  # never logged
    verify_name: str  # DNS name that the peer's certificate must carry
    host: str = ""  # client only: where to dial (IP literal or DNS name)
    port: int = 7001
    keep_alive: float = 30.0  # seconds between OPTIONS
    ping: float = 15.0  # seconds between CRLF pings


@dataclass(frozen=True, slots=True)
class NeighbourZone:
    """A trusted SIP peer (proxy, call manager). Requests from one of `addresses` belong to this zone."""

    name: str
    addresses: tuple[str, ...]  # IP literals
    port: int
    transport: TransportName
    nic: str = "inner"
    verify_name: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the dial plan. `pattern` is a regular expression that must match the whole `user@domain`."""

    priority: int  # 1..65534, low first
    pattern: str
    target: str  # "registrations" or the name of a zone


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
    rules: tuple[Rule, ...] = ()
    server_name: str = "Seaway"
    secret: bytes = b""  # node secret for nonces and route tokens; at least 16 octets
    media_idle: float = 1800.0  # seconds without any media after which a call's media session is released
