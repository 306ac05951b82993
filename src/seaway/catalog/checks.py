"""Checks across several settings of a deployment, and what it is warned about.

Each check raises the `DeploymentError` that names the setting to change. Ids in the comments (R-07, K-03) are those of
the reference guide's requirements.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from seaway.catalog.claims import check_claims
from seaway.catalog.entities import ENTITIES
from seaway.catalog.features import FEATURES
from seaway.catalog.layout import check_firewalls, check_names, check_nodes
from seaway.catalog.ports import PortRange
from seaway.catalog.problems import DeploymentError, did_you_mean
from seaway.catalog.turn_rows import turn_transports

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment

__all__ = ["check_deployment", "warnings_of"]

_CLASSIC_PAIRS = (PortRange(2776, 2777), PortRange(36000, 36001))


def check_deployment(deployment: Deployment) -> None:
    """All checks, the most basic first. Raises `DeploymentError`."""
    check_names(deployment)
    _check_services(deployment)
    check_nodes(deployment)
    check_firewalls(deployment)
    _check_demux(deployment)
    _check_turn(deployment)
    _check_shared_ports(deployment)
    check_claims(deployment)


def _check_services(deployment: Deployment) -> None:
    for name in deployment.services:
        if name not in FEATURES:
            raise DeploymentError(
                f"services.{name}",
                deployment.services[name],
                "unknown service",
                did_you_mean(name, FEATURES, plural="services"),
            )
    for token, networks in deployment.hosts.items():
        entity = ENTITIES.get(token)
        if entity is None:
            known = [name for name, each in ENTITIES.items() if not each.node]
            raise DeploymentError(
                f"hosts.{token}", None, "unknown kind of host", did_you_mean(token, known, plural="hosts")
            )
        if entity.node:
            raise DeploymentError(
                f"hosts.{token}", None, "is a node of this deployment", "give its address in [node.nic.inner]"
            )
        if not networks:
            raise DeploymentError(
                f"hosts.{token}", "[]", "no address", "name at least one address, or leave the line out"
            )


def _check_demux(deployment: Deployment) -> None:
    """R-12 to R-18: a pair on small and medium systems, the first 12 media ports on large ones."""
    media, demux = deployment.ports.media, deployment.ports.demux
    if deployment.size == "large":
        first = PortRange(media.low, media.low + 11) if media.high - media.low >= 13 else None
        if first is None:
            raise DeploymentError(
                "ports.media",
                str(media),
                "a large system needs its first 12 ports for multiplexed media",
                "widen the range",
            )
        if demux is not None and demux != first:
            raise DeploymentError(
                "ports.demux", str(demux), "a large system always uses the first 12 ports of ports.media",
                f'leave it out or write "{first}"',
            )  # fmt: skip
        return
    pairs = [*_CLASSIC_PAIRS]
    if media.low != 36000:
        pairs.append(PortRange(media.low, media.low + 1))
    if demux is not None and demux not in pairs:
        raise DeploymentError(
            "ports.demux", str(demux), f"not a pair for multiplexed media on a {deployment.size} system",
            "write " + " or ".join(f'"{pair}"' for pair in pairs),
        )  # fmt: skip


def _check_turn(deployment: Deployment) -> None:
    """R-07, R-08: one port on small and medium systems; a block of 6 on large ones unless ports are multiplexed."""
    turn, multiplexed = deployment.ports.turn, deployment.ports.turn_multiplexed
    if multiplexed and deployment.size != "large":
        raise DeploymentError(
            "ports.turn_multiplexed", "true", "only a large system multiplexes TURN ports", "remove it"
        )
    if turn is None:
        return
    count = turn.high - turn.low + 1
    if deployment.size != "large" or multiplexed:
        if count != 1:
            raise DeploymentError(
                "ports.turn", str(turn), "this system takes TURN requests on one port", f"write {turn.low}"
            )
    elif count != 6:
        remedy = f'write "{turn.low}-{turn.low + 5}"' if 1024 <= turn.low <= 65530 else 'write for instance "3478-3483"'
        raise DeploymentError(
            "ports.turn", str(turn), "a large system takes TURN requests on a block of 6 ports", remedy
        )


def _check_shared_ports(deployment: Deployment) -> None:
    """Chapter 14 of the requirements: services that want the same port of the edge."""
    ports, on = deployment.ports, deployment.service
    if ports.web_admin == 443 and on("web_proxy"):  # K-01, W-01
        raise DeploymentError(
            "ports.web_admin", 443, "web guests use 443 on the edge (web_proxy)", "write for instance 7443"
        )
    if ports.web_admin == 8443 and on("mra"):  # K-03, W-05
        raise DeploymentError(
            "ports.web_admin", 8443, "remote access uses 8443 on the edge (mra)", "write for instance 7443"
        )
    on_443 = ports.turn_tcp443 or deployment.turn == PortRange(443, 443)
    if on_443 and deployment.version_key < (8, 10):  # T3-08, P-01
        raise DeploymentError(
            "ports.turn", 443, f"{deployment.version} has no TURN on 443", "choose version X8.10 or later"
        )
    if on_443 and on("web_proxy") and deployment.version_key < (8, 11):  # K-02, W-06
        raise DeploymentError(
            "ports.turn", 443, "before X8.11 web guests and TURN cannot share 443", "keep TURN on 3478"
        )
    if on("ms_gateway") and 3478 not in deployment.turn:  # K-08, X-07
        raise DeploymentError(
            "ports.turn", str(deployment.turn), "the gateway needs TURN on 3478 (ms_gateway)", "write 3478"
        )
    clustered = len(deployment.of_role("edge")) > 1
    if clustered and deployment.version_key < (12, 5, 5):  # W-10
        for index, node in enumerate(deployment.nodes):
            for name, nic in node.nics:
                if nic.public is not None:
                    raise DeploymentError(
                        f"node.{index}.nic.{name}.public", nic.public,
                        "static NAT on an edge cluster needs X12.5.5", "choose a later version",
                    )  # fmt: skip


def warnings_of(deployment: Deployment) -> tuple[str, ...]:
    return tuple(_warnings(deployment))


def _warnings(deployment: Deployment) -> Iterator[str]:
    for node in deployment.nodes:
        if node.single_nic and node.nic.inner.public is not None:  # FW-13
            yield f"{node.name}: static NAT with one NIC; two NICs are advised"
    if deployment.sip.edge_udp:  # S-01
        yield "sip.edge_udp: SIP over UDP on the edge is advised against when it faces the internet"
    if deployment.sip.edge_tcp:  # S-02
        yield "sip.edge_tcp: SIP over plain TCP on the edge is off by default; the signalling is readable on the way"
    if deployment.sip.zone_transport == "tcp":
        yield "sip.zone_transport: the traversal zone runs without TLS"
    relay, sip = deployment.ports.relay, deployment.ports.sip_source
    if "tcp" in turn_transports(deployment)[1] and relay.low <= sip.high and sip.low <= relay.high:  # K-09
        yield f"ports.relay {relay} and ports.sip_source {sip} overlap on TCP when TURN relays over TCP"
    if deployment.of_role("gateway"):
        media, interop = deployment.ports.media, deployment.ports.interop
        if media.low <= interop.high and interop.low <= media.high:
            yield f"ports.interop {interop} lies in the media range {media} of the gateway"
    for one, other in pairwise(deployment.of_role("edge")):
        if one.single_nic != other.single_nic:
            yield f"{one.name} and {other.name}: edges with one and with two NICs in one cluster"
