"""Who claims which ports of a node: listeners and pools of one address must not overlap on a transport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from seaway.catalog.ports import MAX_PORT, PortRange
from seaway.catalog.problems import DeploymentError
from seaway.catalog.turn_rows import turn_transports

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment

__all__ = ["Claim", "check_claims", "claims"]


@dataclass(frozen=True, slots=True)
class Claim:
    setting: str
    ports: PortRange
    transports: frozenset[str]
    pool: bool = False  # a range of local ports of outgoing connections or media, not a listener
    movable: bool = True  # False: the port is fixed, so the other setting has to give way


_TCP, _UDP, _BOTH = frozenset({"tcp"}), frozenset({"udp"}), frozenset({"tcp", "udp"})
# Defaults of the guide which overlap without harm (K-09): a relay port is one socket of the pool, bound when free.
_TOLERATED = frozenset({frozenset({"ports.relay", "ports.sip_source"})})


def check_claims(deployment: Deployment) -> None:
    """Raises `DeploymentError` for the first two claims on the same port of one node."""
    for role in ("edge", "core"):
        if not deployment.of_role(role):
            continue
        for one, other in combinations(claims(deployment, role), 2):
            low, high = max(one.ports.low, other.ports.low), min(one.ports.high, other.ports.high)
            shared = one.transports & other.transports
            if low > high or not shared or frozenset({one.setting, other.setting}) in _TOLERATED:
                continue
            wrong, kept = (one, other) if one.movable and not other.movable else (other, one)
            where = f"{low}" if low == high else f"{low}-{high}"
            raise DeploymentError(
                wrong.setting, str(wrong.ports),
                f"{kept.setting} uses {'/'.join(sorted(shared))} {where} on the {role} too",
                "choose other ports for one of them",
            )  # fmt: skip


def claims(deployment: Deployment, role: str) -> Iterator[Claim]:
    """The claims on a node of `role`, fixed listeners first."""
    ports, sip = deployment.ports, deployment.sip
    listeners = (("udp", 5060, _UDP), ("tcp", 5060, _TCP), ("tls", 5061, _TCP), ("mtls", 5062, _TCP))
    for name, port, transports in listeners:
        if getattr(sip, f"{role}_{name}", False):
            yield Claim(f"sip.{role}_{name}", PortRange(port, port), transports, movable=False)
    if getattr(sip, f"{role}_wss", False):
        yield Claim("ports.sip_wss", PortRange(ports.sip_wss, ports.sip_wss), _TCP)
    yield Claim("ports.ssh_admin", PortRange(ports.ssh_admin, ports.ssh_admin), _TCP)
    yield Claim("ports.web_admin", PortRange(ports.web_admin, ports.web_admin), _TCP)
    yield Claim("ports.client_source", ports.client_source, _BOTH, pool=True)
    yield Claim("ports.sip_source", ports.sip_source, _TCP, pool=True)
    yield Claim("ports.h323_source", ports.h323_source, _TCP, pool=True)
    if role == "edge":
        yield from _edge_claims(deployment)
    else:
        yield Claim("ports.media", ports.media, _UDP, pool=True)


def _edge_claims(deployment: Deployment) -> Iterator[Claim]:
    ports, zones = deployment.ports, deployment.sip.zones
    demux = deployment.demux
    # The relay leaves the demultiplexing ports out where they are the start of the media range.
    start = demux.high + 1 if ports.media.low <= demux.low <= ports.media.high else ports.media.low
    yield Claim("ports.media", PortRange(min(start, ports.media.high), ports.media.high), _UDP, pool=True)
    yield Claim("ports.demux", demux, _UDP)
    if deployment.service("h323_calls"):
        yield Claim("services.h323_calls", PortRange(2776, 2777), _TCP, movable=False)
    requests, relayed = turn_transports(deployment)
    if requests:
        yield Claim("ports.turn", deployment.turn, requests)
        yield Claim("ports.relay", ports.relay, relayed | _UDP, pool=True)
        if ports.turn_tcp443 and deployment.turn != PortRange(443, 443):
            yield Claim("ports.turn_tcp443", PortRange(443, 443), _TCP)
    for setting, first, transports in (
        ("ports.traversal_sip", ports.traversal_sip, _TCP),
        ("ports.traversal_h323", ports.traversal_h323, _UDP),
    ):
        last = first + zones - 1
        if last > MAX_PORT:
            raise DeploymentError(setting, first, f"{zones} zones need ports up to {last}", "choose a lower first port")
        yield Claim(setting, PortRange(first, last), transports)
