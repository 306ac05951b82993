from __future__ import annotations

import pytest

from seaway.core.sip.io import Hop
from seaway.core.sip.sides import Sides, host_port

from ...support.messages import flow


def test_addresses_as_they_stand_in_sip() -> None:
    assert host_port(("192.0.2.1", 5060)) == b"192.0.2.1:5060"
    assert host_port(("2001:db8::1", 5061)) == b"[2001:db8::1]:5061"


def test_via_and_record_route_of_each_side() -> None:
    sides = Sides(
        {("udp", "inner"): ("10.0.0.1", 5060), ("tls", "outer"): ("2001:db8::1", 5061)}, frozenset((b"us.test",))
    )
    assert sides.via(flow("udp")) == b"Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch="
    assert sides.via(Hop("tls", "x", 5061, "outer")) == b"Via: SIP/2.0/TLS [2001:db8::1]:5061;rport;alias;branch="
    assert sides.record_route(flow("udp")) % b"T" == b"Record-Route: <sip:T@10.0.0.1:5060;lr>"
    outer = sides.record_route(flow("tls", nic="outer"))
    assert outer % b"T" == b"Record-Route: <sip:T@[2001:db8::1]:5061;transport=tls;lr>"
    assert sides.own == {b"us.test", b"10.0.0.1:5060", b"[2001:db8::1]:5061"}


def test_a_transport_without_listener_names_one_that_there_is() -> None:
    sides = Sides({("udp", "inner"): ("10.0.0.1", 5060)}, frozenset())
    assert sides.has("udp", "inner") and not sides.has("tls", "inner") and not sides.has("udp", "outer")
    for nic in ("inner", "outer"):
        assert sides.via(Hop("tls", "x", 1, nic)) == b"Via: SIP/2.0/TLS 10.0.0.1:5060;rport;alias;branch="
        assert sides.record_route(Hop("tls", "x", 1, nic)) % b"T" == b"Record-Route: <sip:T@10.0.0.1:5060;lr>"


def test_both_families_of_a_side() -> None:
    four, six = {("udp", "inner"): ("10.0.0.1", 5060)}, {("udp", "inner"): ("fd00::1", 5060)}
    sides = Sides(four, frozenset(), six)  # type: ignore[arg-type]
    flows = [flow("udp"), flow("udp", local=("fd00::1", 5060), remote=("fd00::9", 5060))]
    assert [sides.via(each) for each in flows] == [
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=", b"Via: SIP/2.0/UDP [fd00::1]:5060;rport;branch=",
    ]  # fmt: skip
    routes = [sides.record_route(each) for each in flows]
    assert routes[0] is not routes[1], "a request that changes the family is recorded twice (RFC 5658)"
    assert routes[1] % b"T" == b"Record-Route: <sip:T@[fd00::1]:5060;lr>"
    assert sides.via(Hop("udp", "fd00::9", 5060, "inner")) == sides.via(flows[1])
    assert sides.own == {b"10.0.0.1:5060", b"[fd00::1]:5060"}


@pytest.mark.parametrize("first", [True, False])
def test_one_family_serves_for_both(first: bool) -> None:
    """Where only one family listens, its addresses are named; each side is one object."""
    one = {("tls", "outer"): ("203.0.113.1" if first else "2001:db8::1", 5061)}
    sides = Sides(one, frozenset()) if first else Sides({}, frozenset(), one)  # type: ignore[arg-type]
    hops = [Hop("tls", host, 5061, "outer") for host in ("192.0.2.7", "2001:db8::7", "name.test")]
    assert len({sides.via(each) for each in hops}) == 1
    assert len({id(sides.record_route(each)) for each in hops}) == 1


def test_a_node_without_any_listener_can_still_dial() -> None:
    sides = Sides({}, frozenset())
    assert sides.via(Hop("tls", "x", 1, "inner")) == b"Via: SIP/2.0/TLS anonymous.invalid;rport;alias;branch="
