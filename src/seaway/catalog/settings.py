"""The settings of a deployment: ports, SIP listeners, choices between alternatives. Values and their own limits.

What needs more than one setting (system size, nodes, two ranges) is checked in `checks.py`. The limits are those of
the reference guide, chapter 3 (R-07 to R-22).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from seaway.catalog.ports import MAX_PORT, PortRange
from seaway.catalog.problems import Refused

__all__ = ["MEDIA_LIMITS", "Choices", "Frozen", "Ports", "RangeSetting", "RowSwitches", "Sip", "parse_range"]

MEDIA_LIMITS = PortRange(36000, 59999)  # a custom media range lies inside the default one

_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


class Frozen(BaseModel):
    """Settings are values: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)


def parse_range(value: object) -> PortRange:
    """`3478`, `"3478"` or `"36000-59999"` -> `PortRange`. Raises `Refused`."""
    if isinstance(value, PortRange):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused("not a port or a range of ports", 'write a port (3478) or a range ("36000-59999")')
    low = int(match[1])
    high = int(match[2]) if match[2] else low
    if not 0 < low <= MAX_PORT or not 0 < high <= MAX_PORT:
        raise Refused("outside the ports 1 to 65535", "write ports between 1 and 65535")
    if low > high:
        raise Refused("the range ends before it starts", f'write "{high}-{low}"')
    return PortRange(low, high)


def _media(value: object) -> PortRange:
    """R-11, R-22: inside 36000-59999; starts even, so that RTP and RTCP pairs do not straddle the start."""
    ports = parse_range(value)
    if ports.low < MEDIA_LIMITS.low or ports.high > MEDIA_LIMITS.high:
        raise Refused(f"the media range must lie inside {MEDIA_LIMITS}", 'for instance "37000-38200"')
    if ports.low % 2:
        raise Refused(
            "the media range must start at an even port (RTP even, RTCP odd)",
            f"start at {ports.low - 1 if ports.low > MEDIA_LIMITS.low else ports.low + 1} for instance",
        )
    if ports.high == ports.low:
        raise Refused("the media range holds no RTP and RTCP pair", 'write a range, "36000-59999" for instance')
    return ports


def _listening_range(value: object) -> PortRange:
    ports = parse_range(value)
    if ports.low < 1024:
        raise Refused("starts below port 1024", "choose ports from 1024 up")
    return ports


def _unprivileged(value: object) -> int:
    ports = parse_range(value)
    if ports.low != ports.high:
        raise Refused("is a range", "write one port")
    if ports.low < 1024:
        raise Refused("is below port 1024", "choose a port from 1024 up")
    return ports.low


def _ssh(value: object) -> int:
    """N-03: 22 on appliances, 22 or 5022 on virtual machines."""
    if value not in (22, 5022) or isinstance(value, bool):
        raise Refused("administration by SSH is on port 22 or 5022", "write 22 or 5022")
    return 22 if value == 22 else 5022


def _turn(value: object) -> PortRange:
    """R-07: 443 or from 1024 up. How many ports is a matter of the size, see `checks.py`."""
    ports = parse_range(value)
    if ports.low < 1024 and (ports.low, ports.high) != (443, 443):
        raise Refused(
            "TURN listens on 443 or from port 1024 up", "write 3478 (the default), 443 or a port from 1024 up"
        )
    return ports


RangeSetting = Annotated[PortRange, BeforeValidator(parse_range)]
PoolRange = Annotated[PortRange, BeforeValidator(_listening_range)]
UnprivilegedPort = Annotated[int, BeforeValidator(_unprivileged)]


class Ports(Frozen):
    """Table 3 of the guide. `None` means: the default that belongs to the size of the system."""

    media: Annotated[PortRange, BeforeValidator(_media)] = MEDIA_LIMITS
    demux: RangeSetting | None = None
    turn: Annotated[PortRange, BeforeValidator(_turn)] | None = None
    turn_multiplexed: StrictBool = False  # a large system may serve TURN on one port
    turn_tcp443: StrictBool = False
    relay: PoolRange = PortRange(24000, 29999)
    traversal_sip: UnprivilegedPort = 7001  # first zone; each further zone uses the next port
    traversal_h323: UnprivilegedPort = 6001  # likewise
    sip_source: PoolRange = PortRange(25000, 29999)
    client_source: PoolRange = PortRange(30000, 35999)
    h323_source: PoolRange = PortRange(15000, 19999)
    sip_wss: UnprivilegedPort = 7443  # SIP over WebSocket, of either node
    interop: PoolRange = PortRange(56000, 57000)
    ssh_admin: Annotated[int, BeforeValidator(_ssh)] = 22
    web_admin: Annotated[int, Field(strict=True, ge=1, le=MAX_PORT)] = 443
    mail: RangeSetting | None = None  # 25 or 587 (explicit), 465 (implicit)
    call_policy: Annotated[int, Field(strict=True, ge=1, le=MAX_PORT)] = 443
    licence_proxy: Annotated[int, Field(strict=True, ge=1, le=MAX_PORT)] | None = None  # N-06: no default


class Sip(Frozen):
    """Which SIP listeners are on. UDP and TCP on the edge are off by default (S-01, S-02)."""

    edge_udp: StrictBool = False
    edge_tcp: StrictBool = False
    edge_tls: StrictBool = True
    edge_mtls: StrictBool = True
    core_udp: StrictBool = True
    core_tcp: StrictBool = True
    core_tls: StrictBool = True
    edge_wss: StrictBool = False
    core_wss: StrictBool = False
    zones: Annotated[StrictInt, Field(ge=1, le=1000)] = 1  # traversal server zones on the edge
    zone_transport: Literal["tls", "tcp"] = "tls"


class Choices(Frozen):
    """Where the guide offers alternatives of which one is needed (N-04, N-05, N-07)."""

    edge_dns: Literal["internal", "external"] = "internal"
    edge_ntp: Literal["internal", "external"] = "internal"
    licensing: Literal["edge", "direct", "cssm", "proxy"] = "edge"
    mail: Literal["explicit", "implicit"] = "explicit"
    ldap: Literal["plain", "tls"] = "tls"
    syslog: Literal["udp", "tcp", "tls"] = "tls"
    cluster_sip: Literal["tls", "tcp"] = "tls"


class RowSwitches(Frozen):
    """Single rows by id: optional rows that are wanted, and rows that are not (FW-02)."""

    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
