"""From an edge's `[turn]` table, its deployment and the catalog's rows to the settings of the TURN core."""

from __future__ import annotations

import hashlib
import unicodedata

from seaway.catalog.deployment import Deployment
from seaway.catalog.places import zone_networks
from seaway.core.turn.config import Network, TurnConfig, UserKeys, user_keys
from seaway.core.turn.special import SPECIAL
from seaway.runtime.config import ConfigError
from seaway.runtime.turn_places import RelayPlaces
from seaway.runtime.turn_settings import Turn, TurnUser

__all__ = ["turn_config"]

_ALLOCATIONS = {"small": 1800, "medium": 1800, "large": 6000}


def turn_config(turn: Turn, deployment: Deployment, relays: RelayPlaces, secret: bytes) -> TurnConfig:
    """`secret`: of the node, at least 16 octets; nonces are made of it. Raises `ConfigError`."""
    realm = turn.realm or deployment.domain
    nics = [nic for node in deployment.nodes for _, nic in node.nics]
    own = [str(each.ip) for nic in nics for each in nic.addresses]
    own += [str(nic.public) for nic in nics if nic.public is not None]
    try:
        return TurnConfig(
            realm=realm,
            nonce_secret=hashlib.sha256(b"turn nonce" + secret).digest(),
            users={_prepared(each.name): _keys(each, realm) for each in turn.users},
            secrets=tuple(each.encode() for each in turn.secrets),
            unauthenticated_binding=turn.binding_open,
            families=frozenset(relays),
            relay_ports=deployment.ports.relay,
            public={str(each.address): str(each.public) for each in relays.values() if each.public != each.address},
            own=tuple(dict.fromkeys(own)),
            allow=turn.allow_peers,
            deny=turn.deny_peers,
            inside=_inside(deployment),
            default_lifetime=turn.lifetime,
            max_lifetime=turn.maximum_lifetime,
            max_allocations=turn.allocations or _ALLOCATIONS[deployment.size],
            per_user=turn.allocations_per_user,
            per_source=turn.allocations_per_source,
            tcp_relay=turn.tcp_relays,
        )
    except ValueError as error:
        raise ConfigError("turn", None, str(error), "see docs/configuration.md") from None


def _inside(deployment: Deployment) -> tuple[Network, ...]:
    """The site's inside networks that are not refused anyway: global addresses, which with IPv6 are the rule (R1)."""
    inside = zone_networks(deployment)["internal"]
    return tuple(each for each in inside if not any(_within(each, special) for special in SPECIAL))


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def _keys(user: TurnUser, realm: str) -> UserKeys:
    if user.password is not None:
        return user_keys(_prepared(user.name), realm, _prepared(user.password))
    md5, sha256 = user.key_md5, user.key_sha256
    return UserKeys(bytes.fromhex(md5) if md5 else None, bytes.fromhex(sha256) if sha256 else None)


def _prepared(text: str) -> str:
    """OpaqueString of RFC 8265 §4.2.2, as far as it concerns what an administrator types: spaces and NFC."""
    spaces = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)
    return unicodedata.normalize("NFC", spaces)
