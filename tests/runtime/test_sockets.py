"""Sockets by row: what a row gives is opened and named, everything else is refused with row, address and remedy."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator

import pytest

from seaway.catalog.model import Transport
from seaway.runtime.sockets import SocketError, Sockets
from tests.runtime.rig import CORE, DNS, EDGE_INNER, EDGE_OUTER, INSIDE, OUTSIDE, resolution


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Sockets, Sockets]]:
    resolved = resolution()
    yield Sockets(resolved, "core1"), Sockets(resolved, "edge1")


@pytest.fixture
def core(pair: tuple[Sockets, Sockets]) -> Sockets:
    return pair[0]


@pytest.fixture
def edge(pair: tuple[Sockets, Sockets]) -> Sockets:
    return pair[1]


def test_every_open_socket_names_its_row(core: Sockets) -> None:
    with core.listen("Y01-02", "inner", 5060), core.udp(("Y01-01", "T11-02"), "inner", 5060):
        table = [(each.transport, each.local, each.rows) for each in core.table()]
        assert table == [("tcp", (CORE, 5060), ("Y01-02",)), ("udp", (CORE, 5060), ("Y01-01", "T11-02"))]
    assert core.table() == []


@pytest.mark.parametrize(
    ("row", "nic", "port", "reason"),
    [
        ("T11-07", "outer", 5063, "the row allows 5061"),
        ("T11-07", "inner", 5061, "listens on no such transport and NIC"),
        ("T11-02", "outer", 5060, "edge1 has no part in this row"),
        ("T11-04", "outer", 25000, "listens on no such transport and NIC"),  # a source row is no listener
        ("Z99-01", "outer", 5060, "has no part in this row"),
    ],
)
def test_listening_outside_the_row_is_refused(edge: Sockets, row: str, nic: str, port: int, reason: str) -> None:
    with pytest.raises(SocketError, match=reason) as caught:
        edge.listen(row, nic, port)
    assert caught.value.row == row and "\n" not in str(caught.value) and edge.table() == []


def test_udp_outside_the_row_is_refused(edge: Sockets) -> None:
    with pytest.raises(SocketError, match="the row allows 36000-59998/even"):
        edge.udp("T11-11", "outer", 36001)  # RTP is even
    with pytest.raises(SocketError, match="no row was named"):
        edge.udp((), "outer", 36000)
    with edge.udp("T11-11", "outer", 36000) as made:
        assert made.getsockname() == (EDGE_OUTER, 36000)


def test_dialling_takes_the_local_port_from_the_row(core: Sockets) -> None:
    with socket.create_server((EDGE_INNER, 7001)):
        made = [core.dial("T11-01", (EDGE_INNER, 7001), nic="inner") for _ in range(20)]
        ports = {each.getsockname()[1] for each in made}
        assert len(ports) == 20 and all(25000 <= port <= 29999 for port in ports)
        assert all(each.entry.remote == (EDGE_INNER, 7001) and not each.getblocking() for each in made)
        for each in made:
            each.close()


def test_a_port_that_another_program_holds_is_passed_over(core: Sockets) -> None:
    first, last = 25000, 25003
    claim = core._claim("T11-03", Transport.TCP, "inner", first, 4)
    held = [socket.create_server((CORE, port)) for port in range(first, last)]
    try:
        candidates = [port for port in core._candidates(claim) if port <= last]
        assert sorted(candidates) == [first, first + 1, first + 2, last]  # not known to us: the kernel says no
        for _ in range(50):
            with core.dial("T11-03", (INSIDE, 5070), nic="inner") as made:
                assert made.getsockname()[1] >= last
    finally:
        for each in held:
            each.close()


def test_a_port_rests_after_use(core: Sockets) -> None:
    with core.dial("T11-03", (INSIDE, 5070), nic="inner") as made:
        port = made.getsockname()[1]
    claim = core._claim("T11-03", Transport.TCP, "inner", port, 4)
    assert next(reversed(list(core._candidates(claim)))) == port  # last of all


@pytest.mark.parametrize(
    ("row", "remote", "reason"),
    [
        ("T11-01", (EDGE_INNER, 7002), "the row does not lead there"),
        ("T11-01", (OUTSIDE, 7001), "the row does not lead there"),
        ("T11-03", (INSIDE, 22), "the row does not lead there"),
        ("T11-07", (EDGE_OUTER, 5061), "core1 opens nothing by this row"),
        ("T11-01", ("edge1.example.test", 7001), "no IP address"),
    ],
)
def test_dialling_elsewhere_is_refused(core: Sockets, row: str, remote: tuple[str, int], reason: str) -> None:
    with pytest.raises(SocketError, match=reason):
        core.dial(row, remote, nic="inner")


def test_a_datagram_client_is_connected(core: Sockets) -> None:
    with core.datagram_client("T5-04", (DNS, 53), "inner") as made:
        assert made.getpeername() == (DNS, 53) and 30000 <= made.getsockname()[1] <= 35999


ROWS = ("T11-03", "T11-04")


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("224.0.1.75", 5060, "no unicast address"),
        ("255.255.255.255", 5060, "no unicast address"),
        ("0.0.0.0", 5060, "no unicast address"),
        ("ff02::1", 5060, "no unicast address"),
        (EDGE_OUTER.rsplit(".", 1)[0] + ".255", 5060, "no unicast address"),
        (EDGE_OUTER, 5060, "an address of this node itself"),
        (EDGE_INNER, 5060, "an address of this node itself"),
        (CORE, 5060, "no catalog row allows"),  # the inside is not the internet
        (OUTSIDE, 80, "no catalog row allows"),
        ("2001:db8::1", 5060, "no catalog row allows"),
        ("example.test", 5060, "no IP address"),
    ],
)
def test_a_destination_named_by_a_peer_is_guarded(edge: Sockets, host: str, port: int, reason: str) -> None:
    with pytest.raises(SocketError, match=reason):
        edge.choose(ROWS, Transport.TCP, (host, port), "outer")


def test_the_row_of_a_destination(core: Sockets, edge: Sockets) -> None:
    assert edge.choose(ROWS, Transport.TCP, (OUTSIDE, 5070), "outer") == "T11-04"
    assert core.choose(ROWS, Transport.TCP, (INSIDE, 5070), "inner") == "T11-03"
    assert core.choose(("T11-02", "Y01-01"), Transport.UDP, (INSIDE, 5060), "inner") == "T11-02"
    assert edge.choose(("T11-05",), Transport.UDP, (OUTSIDE, 5060), "outer") == "T11-05"  # replies to who opened


def test_a_port_in_use_names_who_holds_it(edge: Sockets) -> None:
    with socket.create_server((EDGE_OUTER, 5061)), pytest.raises(SocketError) as caught:
        edge.listen("T11-07", "outer", 5061)
    comm = open("/proc/self/comm").read().strip()  # noqa: SIM115
    pattern = (
        rf"row T11-07, {re.escape(EDGE_OUTER)}:5061/tcp: the port is in use by {comm} \(pid {os.getpid()}\); stop "
    )
    assert re.match(pattern, str(caught.value))


def test_a_missing_address_says_so() -> None:
    from seaway.catalog.resolve import resolve
    from tests.runtime.rig import DEPLOYMENT, parse_deployment

    elsewhere = parse_deployment(DEPLOYMENT.replace(f"{EDGE_OUTER}/24", "203.0.113.20/24"))
    with pytest.raises(SocketError, match="this host does not have the address; give it to the NIC"):
        Sockets(resolve(elsewhere), "edge1").listen("T11-07", "outer", 5061)


def test_rows_of_an_address(edge: Sockets) -> None:
    assert edge.rows_at("udp", (EDGE_INNER, 2776)) == ("T11-09",)
    assert set(edge.rows_at("udp", (EDGE_OUTER, 36000))) == {"T11-11", "T11-13"}
