"""The `[turn]` table of an edge's configuration file: who may use the TURN server, for what, and how much of it.

Ports and addresses are the catalog's. What the TURN core gets of this is made in `turn_config.py`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator

from seaway.catalog.problems import Refused
from seaway.runtime.settings import Password, Seconds, Settings

__all__ = ["Turn", "TurnUser"]

_HEX = {"key_sha256": re.compile(r"[0-9a-f]{64}"), "key_md5": re.compile(r"[0-9a-f]{32}")}


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError:
        pass
    raise Refused("is not an address or a network", 'write for instance "198.51.100.0/24"')


def _server(value: object) -> IPv4Address | IPv6Address:
    try:
        if isinstance(value, str):
            return ip_address(value)
    except ValueError:
        pass
    raise Refused("is not an address", 'write for instance "198.51.100.20"')


Servers = tuple[Annotated[IPv4Address | IPv6Address, BeforeValidator(_server)], ...]
Networks = tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)], ...]
Lifetime = Annotated[StrictInt, Field(ge=1, le=86400)]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class TurnUser(Settings):
    """A long-term credential (RFC 8489 §9.2): the password, or keys made of it."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    password: Annotated[Password | None, Field(repr=False)] = None
    key_sha256: Annotated[str | None, Field(repr=False)] = None
    key_md5: Annotated[str | None, Field(repr=False)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        stored = [name for name in _HEX if getattr(self, name) is not None]
        if (self.password is None) == (not stored):
            raise Refused(f"user {self.name}: give either password or key_sha256/key_md5", "keep one of them")
        for name in stored:
            if not _HEX[name].fullmatch(getattr(self, name)):
                raise Refused(
                    f"user {self.name}: {name} is not a digest in lower-case hex",
                    "make it with `seaway node ha1 USER REALM`",
                )
        return self


class Turn(Settings):
    realm: Annotated[str, Field(min_length=1, max_length=128)] | None = None  # default: the domain of the deployment
    users: Annotated[tuple[TurnUser, ...], Field(alias="user")] = ()
    secrets: Annotated[tuple[Password, ...], Field(repr=False)] = ()  # shared with whoever makes short-lived names
    allow_peers: Networks = ()  # also where the default policy refuses
    deny_peers: Networks = ()  # in any case
    binding_open: StrictBool = False  # Binding without credentials
    tcp_relays: StrictBool = False  # RFC 6062
    allocations: Count | None = None  # default: of the size of the system
    allocations_per_user: Count = 100
    allocations_per_source: Count = 200
    alternates: Servers = ()  # other servers, at the same port, for clients when this one is full (300 Try Alternate)
    lifetime: Lifetime = 600  # granted when a client asks for none or less
    maximum_lifetime: Lifetime = 3600
    connections: Count = 4000  # over TCP and TLS
    connections_per_source: Count = 200
    first_request: Seconds = 30.0  # a connection that has not sent a whole request by then is closed

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [each.name for each in self.users]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refused(f"user {twice[0]} occurs twice", "give each its own name")
        if not self.users and not self.secrets:
            raise Refused("nobody could use it", "add [[turn.user]] or secrets, or remove [turn]")
        if self.lifetime > self.maximum_lifetime:
            raise Refused("lifetime is above maximum_lifetime", "lower lifetime")
        return self
