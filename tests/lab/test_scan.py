"""nmap's output, and the ports that rows allow."""

from __future__ import annotations

from seaway.lab.firewall import resolution_of
from seaway.lab.scan import Scan, allowed_tcp, open_ports, udp_ports

_OUTPUT = (
    "# Nmap 7.93 scan\nHost: 203.0.113.20 ()\tStatus: Up\n"
    "Host: 203.0.113.20 ()\tPorts: 5061/open/tcp//sip-tls///, 5062/open/tcp//na///, 22/closed/tcp//ssh///\t"
    "Ignored State: filtered (65532)\n"
)


def test_open_ports_only() -> None:
    assert open_ports(_OUTPUT) == (5061, 5062)
    assert open_ports("Host: 10.0.1.10 ()\tStatus: Up\n") == ()


def test_what_the_rows_allow() -> None:
    rules = resolution_of("dual")
    signalling = tuple(port for port in allowed_tcp(rules, "edge1", "internet") if not 24000 <= port <= 29999)
    assert signalling == (3478, 5061, 5062)
    assert allowed_tcp(rules, "core1", "dmz") == ()
    assert 7001 in allowed_tcp(rules, "edge1", "internal")


def test_an_extra_port_is_a_finding() -> None:
    assert Scan("scanner", "x", (5061,), (5061, 5062)).good
    assert not Scan("scanner", "x", (22, 5061), (5061, 5062)).good


def test_udp_ports_hold_every_boundary() -> None:
    ports = udp_ports(resolution_of("dual"))
    assert {2775, 2776, 2777, 2778, 35999, 36000, 59999, 60000, 5060} <= set(ports)
    assert all(0 < each < 65536 for each in ports) and list(ports) == sorted(set(ports))
