"""Where nothing is sent, whoever names it: R35, and R60 for what the DNS says."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.model import Transport
from seaway.catalog.resolve import resolve
from seaway.runtime.destinations import Destinations
from seaway.runtime.sockets import SocketError, Sockets
from tests.runtime.rig import DEPLOYMENT, EDGE_OUTER, OUTSIDE, deployment

_REAL = DEPLOYMENT.replace(EDGE_OUTER, "203.0.113.20").replace(
    OUTSIDE, "198.51.100.9"
)  # an edge with an ordinary address outside
_NET = EDGE_OUTER.rsplit(".", 2)[0]


def real() -> str:
    """The rig's deployment moved off loopback."""
    return _REAL.replace(f"{_NET}.1.", "10.9.1.").replace(f"{_NET}.2.", "10.9.2.")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "this node itself"), ("127.8.9.10", "this node itself"), ("::1", "this node itself"),
        ("203.0.113.20", "this node itself"), ("10.9.2.20", "this node itself"),
        ("169.254.169.254", "this wire only"), ("fe80::1", "this wire only"),
        ("224.0.1.75", "no unicast"), ("ff02::1", "no unicast"), ("203.0.113.255", "no unicast"),
        ("255.255.255.255", "no unicast"), ("0.0.0.0", "no unicast"), ("0.1.2.3", "no unicast"), ("::", "no unicast"),
        ("240.0.0.1", "no unicast"), ("::ffff:127.0.0.1", "no unicast"), ("::127.0.0.1", "no unicast"),
        ("198.51.100.9", None), ("192.0.2.1", None), ("10.20.30.40", None), ("2001:db8::9", None),
    ],
)  # fmt: skip
def test_r35_r60_what_a_peer_or_the_dns_names(host: str, reason: str | None) -> None:
    """R60 (CVE-2019-1679): after DNS the same list holds for the address that is connected to."""
    found = Destinations(parse_deployment(real()).node("edge1")).refusal(ip_address(host))
    assert found is None if reason is None else found is not None and reason in found


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_the_internet_of_a_row_ends_before_this_machine(transport: Transport) -> None:
    parsed = parse_deployment(real())
    sockets = Sockets(resolve(parsed), "edge1")
    rows = ("T11-04",) if transport is Transport.TCP else ("T11-05",)
    assert sockets.choose(rows, transport, ("198.51.100.9", 5060), "outer") == rows[0]
    for host in ("127.0.0.1", "169.254.169.254", "10.9.1.10"):
        with pytest.raises(SocketError):
            sockets.choose(rows, transport, (host, 5060), "outer")


def test_a_lab_on_loopback_may_use_it() -> None:
    found = Destinations(deployment().node("edge1"))
    assert found.refusal(ip_address(OUTSIDE)) is None and found.refusal(ip_address(EDGE_OUTER)) is not None
