from __future__ import annotations

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
    assert sides.via(Hop("tls", "x", 5061, "outer")) == b"Via: SIP/2.0/TLS [2001:db8::1]:5061;rport;branch="
    assert sides.record_route(flow("udp")) % b"T" == b"Record-Route: <sip:T@10.0.0.1:5060;lr>"
    outer = sides.record_route(flow("tls", nic="outer"))
    assert outer % b"T" == b"Record-Route: <sip:T@[2001:db8::1]:5061;transport=tls;lr>"
    assert sides.own == {b"us.test", b"10.0.0.1:5060", b"[2001:db8::1]:5061"}


def test_a_transport_without_listener_names_one_that_there_is() -> None:
    sides = Sides({("udp", "inner"): ("10.0.0.1", 5060)}, frozenset())
    assert sides.has("udp", "inner") and not sides.has("tls", "inner") and not sides.has("udp", "outer")
    for nic in ("inner", "outer"):
        assert sides.via(Hop("tls", "x", 1, nic)) == b"Via: SIP/2.0/TLS 10.0.0.1:5060;rport;branch="
        assert sides.record_route(Hop("tls", "x", 1, nic)) % b"T" == b"Record-Route: <sip:T@10.0.0.1:5060;lr>"


def test_a_node_without_any_listener_can_still_dial() -> None:
    sides = Sides({}, frozenset())
    assert sides.via(Hop("tls", "x", 1, "inner")) == b"Via: SIP/2.0/TLS anonymous.invalid;rport;branch="
