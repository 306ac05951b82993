"""Sockets of a node with both address families. The IPv6 address that machines have is ::1, so it is the edge's."""

from __future__ import annotations

import asyncio
import os
import re
import socket

import pytest

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution, resolve
from seaway.core.turn.io import ChannelFlowAdded, ClientKey, RelayKey
from seaway.observe.counters import Counters
from seaway.runtime.admission import Admission
from seaway.runtime.driver import Driver
from seaway.runtime.listener import Connections
from seaway.runtime.sockets import SocketError, Sockets
from seaway.runtime.stream import StreamKind
from seaway.runtime.turn_accept import Crowd
from seaway.runtime.turn_flows import TurnFlows
from tests.media.fake_table import FakeTable
from tests.runtime.rig import DEPLOYMENT, EDGE_OUTER, OUTSIDE, EchoCore, run

TEXT = DEPLOYMENT.replace(f'outer.address = "{EDGE_OUTER}/24"', f'outer.address = "{EDGE_OUTER}/24"\n{{}}')
FAR = "2001:db8:9::9"


def resolution(address6: str = "::1/128") -> Resolution:
    return resolve(parse_deployment(TEXT.replace("{}", f'nic.outer.address6 = "{address6}"')))


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
        try:
            made.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@needs_ipv6
def test_a_row_listens_on_each_address() -> None:
    edge = Sockets(resolution(), "edge1")
    with (
        edge.listen("T11-07", "outer", 5061) as first,
        edge.listen("T11-07", "outer", 5061, family=6) as second,
        edge.udp("T11-11", "outer", 36000, family=4) as third,
        edge.udp("T11-11", "outer", 36000, family=6) as fourth,
    ):
        assert [each.entry.local[0] for each in (first, second, third, fourth)] == [EDGE_OUTER, "::1"] * 2
        assert second.getsockname()[:2] == ("::1", 5061)
        assert second.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert edge.rows_at("tcp", ("::1", 5061)) == edge.rows_at("tcp", (EDGE_OUTER, 5061))


def test_a_family_the_nic_lacks() -> None:
    edge = Sockets(resolution(), "edge1")
    with pytest.raises(SocketError, match="port 7001/tcp on the inner NIC over IPv6: the row listens on no such"):
        edge.listen("T11-01", "inner", 7001, family=6)


@needs_ipv6
def test_an_outgoing_connection_has_the_family_of_its_peer() -> None:
    edge = Sockets(resolution(), "edge1")
    with (
        edge.dial("T11-04", (FAR, 5061), nic="outer") as six,
        edge.dial("T11-04", (OUTSIDE, 5061), nic="outer") as four,
    ):
        assert (six.family, six.entry.local[0]) == (socket.AF_INET6, "::1")
        assert (four.family, four.entry.local[0]) == (socket.AF_INET, EDGE_OUTER)


@pytest.mark.parametrize("host", ["::1", "::", "ff02::1", "::ffff:127.0.0.1", "::ffff:203.0.113.9"])
def test_r35_ipv6_destinations_that_are_none(host: str) -> None:
    """R35: own addresses, multicast, unspecified, and IPv4 in the form of IPv6, which no IPv4 rule would meet."""
    edge = Sockets(resolution(), "edge1")
    with pytest.raises(SocketError, match=re.escape(f"[{host}]:5061/tcp")):
        edge.choose(("T11-04",), Transport.TCP, (host, 5061), "outer")
    assert edge.choose(("T11-04",), Transport.TCP, (FAR, 5061), "outer") == "T11-04"


@needs_ipv6
def test_an_ipv6_port_in_use_names_who_holds_it() -> None:
    edge = Sockets(resolution(), "edge1")
    with socket.create_server(("::1", 5061), family=socket.AF_INET6), pytest.raises(SocketError) as caught:
        edge.listen("T11-07", "outer", 5061, family=6)
    assert "[::1]:5061/tcp: the port is in use by" in str(caught.value) and f"(pid {os.getpid()})" in str(caught.value)


def test_a_missing_ipv6_address_says_so() -> None:
    with pytest.raises(SocketError, match="this host does not have the address"):
        Sockets(resolution("2001:db8:77::1/64"), "edge1").listen("T11-07", "outer", 5061, family=6)


def test_the_fast_path_admits_both_families() -> None:
    """Packets of a row pass there in either family, and never from one to the other."""
    admits = Admission(resolution("2001:db8:3::20/64"), "edge1")
    assert admits((EDGE_OUTER, 36000), (OUTSIDE, 4000), True) == "T11-11"
    assert admits(("2001:db8:3::20", 36000), (FAR, 4000), True) == "T11-11"
    assert admits(("2001:db8:3::20", 36000), (FAR, 4000), False) is not None
    assert admits(("2001:db8:3::20", 36000), (OUTSIDE, 4000), True) is None
    assert admits((EDGE_OUTER, 36000), (FAR, 4000), True) is None


def test_an_ipv6_network_is_one_source_of_connections() -> None:
    """All addresses of a /64 are one household's, or one attacker's (R69)."""
    crowd = Crowd(10, 2)
    assert crowd.enter("2001:db8:0:1::1") and crowd.enter("2001:db8:0:1::2") and not crowd.enter("2001:db8:0:1::3")
    assert crowd.enter("2001:db8:0:2::1") and crowd.enter("203.0.113.1") and crowd.enter("203.0.113.2")
    crowd.leave("2001:db8:0:1::1")
    assert crowd.enter("2001:db8:0:1::3") and crowd.count == 5


def test_an_ipv6_network_is_one_source_of_sip_connections() -> None:
    async def main() -> None:
        driver = Driver(EchoCore(), Counters())
        connections = Connections(driver, limit=10, per_source=1, patience=30.0)
        pairs = [socket.socketpair() for _ in range(3)]
        for made, host in zip(pairs, ("2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"), strict=True):
            connections.admit(made[0], host, StreamKind("tcp", "outer", "T11-06", None), None)
        assert len(connections) == 2
        assert driver.counters.get("sip.stream.over_limit") == 1
        assert pairs[1][0].fileno() < 0
        connections.close()
        for made in pairs:
            made[1].close()
        await asyncio.sleep(0)

    run(main)


@pytest.mark.parametrize("reads", [True, False])
def test_channels_between_families_are_the_workers(reads: bool) -> None:
    """The worker relays between the families, the kernel within one: there the core relays, and nothing is refused."""
    table, counters = FakeTable(), Counters()
    table.reads_sockets = reads
    flows = TurnFlows(table, counters)
    client = ClientKey("udp", ("2001:db8:3::20", 3478), (FAR, 4000))
    relay = RelayKey("udp", ("203.0.113.20", 24000))
    peer = ("198.51.100.7", 5000)
    flows.add(ChannelFlowAdded(client, 0x4000, relay, relay.local, peer, False))
    assert (len(flows), len(table.flows)) == ((2, 2) if reads else (0, 0))
    assert not counters.get("turn.flow.refused")
