"""Settings of the TURN core. Built by the runtime from the configuration file; checked here once, not per request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from seaway.catalog.ports import MAX_PORT, PortRange, PortSet
from seaway.core.turn.io import Family

__all__ = ["Network", "TurnConfig", "UserKeys", "user_keys"]

Network = IPv4Network | IPv6Network

_HIGH_PORTS = PortSet((PortRange(1024, MAX_PORT),))
MAX_REALM = 28
"""Octets. A challenge with such a realm is within three times the request that browsers start with (28 octets)."""


@dataclass(frozen=True, slots=True, repr=False)
class UserKeys:
    """What is stored of a password, per algorithm (RFC 8489 §18.5); `None`: that algorithm is refused for the user."""

    md5: bytes | None = None
    sha256: bytes | None = None

    def __repr__(self) -> str:
        return "UserKeys(...)"


def user_keys(user: str, realm: str, password: str) -> UserKeys:
    """RFC 8489 §9.2.2. The caller has prepared user and password with OpaqueString (RFC 8265)."""
    text = f"{user}:{realm}:{password}".encode()
    return UserKeys(hashlib.md5(text, usedforsecurity=False).digest(), hashlib.sha256(text).digest())


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TurnConfig:
    """Hosts are IP literals. Times in seconds."""

    realm: str
    relay_ports: PortRange
    nonce_secret: bytes
    """At least 16 octets; the same in all workers and after a restart, so that nonces stay good."""
    users: Mapping[str, UserKeys] = field(default_factory=dict)
    secrets: tuple[bytes, ...] = ()
    """Shared secrets of time-limited credentials; the first is the current one, the others are on their way out."""
    sha256: bool = True
    """Offer and accept passwords hashed with SHA-256 (RFC 8489 §9.2)."""
    md5: bool = True
    nonce_lifetime: float = 600.0
    software: str = "Seaway"
    """Empty: no SOFTWARE in answers."""
    unauthenticated_binding: bool = False

    families: frozenset[Family] = frozenset((4,))
    """For which relay ports can be opened."""
    public: Mapping[str, str] = field(default_factory=dict)
    """Relay NIC host -> host as the far side sees it, for NICs behind a static address translation."""
    own: tuple[str, ...] = ()
    """All addresses of this node and its cluster peers, as seen here and outside: never peers (R2)."""
    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    """Networks peers may, and may not, be in. See `peer_policy.py`."""
    inside: tuple[Network, ...] = ()
    """Networks of the site's inside: refused like special ones, also where their addresses are global, as with IPv6."""
    nat64: tuple[IPv6Network, ...] = ()
    """Translation prefixes besides the well-known one."""

    default_lifetime: int = 600
    """RFC 8656 §3.2; also the shortest one granted."""
    max_lifetime: int = 3600
    max_allocations: int = 1800
    per_user: int = 10
    per_source: int = 100
    max_permissions: int = 64
    max_channels: int = 64

    tcp_relay: bool = False
    """RFC 6062. Off by default (R3)."""
    tcp_peer_ports: PortSet = _HIGH_PORTS

    def __post_init__(self) -> None:
        if not 0 < len(self.realm.encode()) <= MAX_REALM:
            raise ValueError(f"TURN realm {self.realm!r}: 1 to {MAX_REALM} octets, so that challenges stay small")
        if len(self.nonce_secret) < 16:
            raise ValueError("the TURN nonce secret needs at least 16 octets")
        if not self.md5 and not self.sha256:
            raise ValueError("TURN: one of the password algorithms MD5 and SHA-256 must be on")
        if not self.families:
            raise ValueError("TURN: relay addresses of at least one address family are needed")
        if not 0 < self.default_lifetime <= self.max_lifetime:
            raise ValueError(f"TURN lifetimes: {self.default_lifetime} s is not within {self.max_lifetime} s")
        for network in self.nat64:
            if network.prefixlen not in (32, 40, 48, 56, 64, 96):
                raise ValueError(f"NAT64 prefix {network}: RFC 6052 §2.2 knows /32, /40, /48, /56, /64 and /96")
