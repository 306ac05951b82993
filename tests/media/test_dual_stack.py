"""Legs of each address family: which ports are opened, which demultiplexing pair serves, what a successor makes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from seaway.catalog.ports import PortRange
from seaway.media.engine import Engine
from seaway.media.legs import DemuxPair, PortKey
from seaway.media.memory import describe, session_memory
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Failed, LegKind, LegRequest, Open, Opened, StreamRequest

HOSTS = {("inner", 4): "10.9.0.1", ("inner", 6): "fd00::1", ("outer", 4): "203.0.113.1", ("outer", 6): "2001:db8::1"}


class TwoFamilies:
    """Ports of a node with both families on each NIC."""

    def __init__(self) -> None:
        self._keys = count(1)
        self.opened: dict[PortKey, Address] = {}

    def open(self, row: str, nic: str, port: int, family: int | None = None) -> tuple[PortKey, Address]:
        key = next(self._keys)
        self.opened[key] = (HOSTS[nic, family or 4], port)
        return key, self.opened[key]

    def close(self, key: PortKey) -> None:
        del self.opened[key]


def octets() -> Iterator[bytes]:
    for number in count(1):
        yield number.to_bytes(16, "big")


def engine() -> tuple[Engine, TwoFamilies]:
    ports = TwoFamilies()
    pairs = []
    for family in (4, 6):
        (rtp, one), (rtcp, two) = (ports.open("T11-09", "inner", port, family) for port in (2776, 2777))
        pairs.append(DemuxPair("inner", rtp, rtcp, (one, two), {rtp: {}, rtcp: {}}))
    source = octets()
    pool = PortPool(PortRange(36000, 36100))
    return Engine(ports, pool, lambda size: next(source)[-size:], demux=pairs), ports


def leg(kind: LegKind, nic: str, family: int | None) -> LegRequest:
    return LegRequest(kind, nic, ("T11-09", "T11-10") if kind == "demux" else ("T11-11", "T11-12"), family)


@pytest.mark.parametrize(("family", "host"), [(None, "203.0.113.1"), (4, "203.0.113.1"), (6, "2001:db8::1")])
@pytest.mark.parametrize(("link", "shared"), [(None, "10.9.0.1"), (4, "10.9.0.1"), (6, "fd00::1")])
def test_each_leg_has_the_family_that_was_asked_for(
    family: int | None, host: str, link: int | None, shared: str
) -> None:
    made, _ = engine()
    request = StreamRequest(leg("plain", "outer", family), leg("demux", "inner", link))
    reply = made.command(Open(1, "s", "label", (request,)), 0.0)
    assert isinstance(reply, Opened)
    (stream,) = reply.streams
    assert (stream.a.rtp[0], stream.a.rtcp[0]) == (host, host)
    assert (stream.b.rtp, stream.b.rtcp) == ((shared, 2776), (shared, 2777))


def test_a_family_without_demultiplexing_ports_is_an_error() -> None:
    made, ports = engine()
    before = dict(ports.opened)
    request = StreamRequest(leg("plain", "outer", 6), leg("demux", "outer", 6))
    assert isinstance(made.command(Open(1, "s", "label", (request,)), 0.0), Failed)
    assert ports.opened == before, "nothing is left open"


def test_a_successor_opens_the_same_addresses() -> None:
    made, _ = engine()
    request = StreamRequest(leg("plain", "outer", 6), leg("demux", "inner", 6))
    opened = made.command(Open(1, "s", "label", (request,)), 0.0)
    assert isinstance(opened, Opened)
    session = made._table.sessions["s"]
    memory, _ = session_memory(describe(session))
    assert [each.request.family for each in memory.streams[0]] == [6, 6]
    successor, ports = engine()
    assert not memory.streams[0][0].request.knocks
    assert successor.restore(describe(session), 1.0) is None
    assert (opened.streams[0].a.rtp) in ports.opened.values()
