"""A port expression of a row + a deployment -> the concrete ports. A setting of the deployment replaces the default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seaway.catalog.grammar import (
    Alternatives,
    AtLeast,
    BySize,
    EndpointMedia,
    Ephemeral,
    Expression,
    Fixed,
    Range,
    Unspecified,
    parse,
)
from seaway.catalog.model import PortExpr
from seaway.catalog.ports import MAX_PORT, PortRange, PortSet

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment

__all__ = ["port_set", "setting_ports"]

_UNPRIVILEGED = PortRange(1024, MAX_PORT)


def port_set(expression: PortExpr, deployment: Deployment, role: str | None) -> PortSet:
    """The ports of one side of a row. `role` is that of our node there, `None` for other hosts.

    Empty when the row says nothing that becomes a port (`user_defined` without its setting).
    """
    if expression.setting is not None:
        return PortSet(setting_ports(expression.setting, deployment, role))
    return PortSet(_ranges(parse(expression.text), deployment, role))


def setting_ports(setting: str, deployment: Deployment, role: str | None) -> tuple[PortRange, ...]:
    """The value of a setting of the catalog (`features.SETTINGS`) here. Raises `KeyError` for an unknown one."""
    ports, demux = deployment.ports, deployment.demux
    zones = deployment.sip.zones
    media = _media(deployment, role)
    match setting:
        case "media":
            return (media,)
        case "media.even":
            return (_half(media, 0),)
        case "media.odd":
            return (_half(media, 1),)
        case "media.first12":
            return (PortRange(ports.media.low, min(ports.media.low + 11, ports.media.high)),)
        case "demux":
            return (demux,)
        case "demux.rtp":
            return (_half(demux, 0),)
        case "demux.rtcp":
            return (_half(demux, 1),)
        case "turn":
            return (deployment.turn,)
        case "turn.tcp443":
            return (PortRange(443, 443),)
        case "relay":
            return (ports.relay,)
        case "traversal.sip":
            return (PortRange(ports.traversal_sip, ports.traversal_sip + zones - 1),)
        case "traversal.h323":
            return (PortRange(ports.traversal_h323, ports.traversal_h323 + zones - 1),)
        case "sip.source":
            return (ports.sip_source,)
        case "client.source":
            return (ports.client_source,)
        case "h323.source":
            return (ports.h323_source,)
        case "sip.wss":
            return (PortRange(ports.sip_wss, ports.sip_wss),)
        case "ssh.admin":
            return (PortRange(ports.ssh_admin, ports.ssh_admin),)
        case "web.admin":
            return (PortRange(ports.web_admin, ports.web_admin),)
        case "interop.media":
            return (ports.interop,)
        case "mail.port":
            return (ports.mail,) if ports.mail else (PortRange(25, 25), PortRange(587, 587))
        case "mail.tls_port":
            return (ports.mail or PortRange(465, 465),)
        case "call_policy.port":
            return (PortRange(ports.call_policy, ports.call_policy),)
        case "licence_proxy.port":
            return (PortRange(ports.licence_proxy, ports.licence_proxy),) if ports.licence_proxy else ()
    raise KeyError(setting)


def _media(deployment: Deployment, role: str | None) -> PortRange:
    """The media range; on the edge without the demultiplexing ports, which are other rows' (R-13)."""
    media, demux = deployment.ports.media, deployment.demux
    if role == "edge" and media.low <= demux.low and demux.high < media.high:
        return PortRange(demux.high + 1, media.high)
    return media


def _half(ports: PortRange, parity: int) -> PortRange:
    """The even (0) or odd (1) ports of a range of at least two ports."""
    low = ports.low + (ports.low % 2 != parity)
    high = ports.high - (ports.high % 2 != parity)
    return PortRange(low, high, 1 if low == high else 2)


def _ranges(expression: Expression, deployment: Deployment, role: str | None) -> tuple[PortRange, ...]:
    match expression:
        case Fixed(port):
            return (PortRange(port, port),)
        case Range():
            return (expression.ports(),)
        case AtLeast(low):
            return (PortRange(low, MAX_PORT),)
        case Alternatives(options):
            return _joined(each for option in options for each in _ranges(option, deployment, role))
        case BySize():
            chosen = expression.for_size(deployment.size)
            return () if chosen is None else _ranges(chosen, deployment, role)
        case Ephemeral():
            # Our own nodes keep to their client range; other hosts choose any port that needs no privilege.
            return (deployment.ports.client_source,) if role is not None else (_UNPRIVILEGED,)
        case EndpointMedia() | Unspecified():
            return (_UNPRIVILEGED,)
    return ()


def _joined(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Sorted, without ranges that lie in another one (`5060|>=1024` is `>=1024`)."""
    kept: list[PortRange] = []
    for each in sorted(set(ranges), key=lambda one: (one.low, -one.high)):
        if not any(big.step == 1 and big.low <= each.low and each.high <= big.high for big in kept):
            kept.append(each)
    return tuple(kept)
