"""RFC 5923: a connection is used for the peer that proved its name on it, and for nobody else (R33)."""

from __future__ import annotations

from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.reuse import Aliases

from ...support.messages import as_request, flow, header, request
from ...support.proxies import ProxyBench

HOP = Hop("tls", "192.0.2.20", 5071, "inner", "peer.test")


def opened(*names: str, source: str = "192.0.2.20") -> Flow:
    return flow("tls", (source, 31000), names=names)


def options(via: str) -> bytes:
    return request("OPTIONS", via=via)


def noted(via: str, made: Flow) -> Aliases:
    aliases = Aliases()
    aliases.note(as_request(options(via)), made)
    return aliases


def test_a_connection_stands_for_its_address_and_the_port_of_the_via() -> None:
    made = opened("peer.test", "other.test")
    aliases = noted("SIP/2.0/TLS ignored.test:5071;branch=z9hG4bK1;ALIAS", made)
    assert aliases.flow_for(HOP) is made
    assert aliases.flow_for(Hop("tls", "192.0.2.20", 5071, "inner", "Peer.Test.")) is made
    assert noted("SIP/2.0/TLS peer.test;alias;branch=z9hG4bK1", made).flow_for(
        Hop("tls", "192.0.2.20", 5061, "inner", "other.test")
    )


def test_r33_never_for_another_name_place_or_nic() -> None:
    """R33 (CVE-2020-15260): the same address and port is not enough."""
    made = opened("evil.test")
    aliases = noted("SIP/2.0/TLS peer.test:5071;branch=z9hG4bK1;alias", made)
    assert len(aliases) == 1
    for hop in (
        HOP,
        Hop("tls", "192.0.2.20", 5071, "inner", None),
        Hop("tls", "192.0.2.20", 5071, "outer", "evil.test"),
        Hop("tls", "192.0.2.20", 5072, "inner", "evil.test"),
        Hop("tls", "192.0.2.21", 5071, "inner", "evil.test"),
        Hop("tls", "192.0.2.20", 5071, "inner", "evil.test", "pair"),
    ):
        assert aliases.flow_for(hop) is None, hop


def test_without_a_proved_name_or_the_parameter_there_is_none() -> None:
    assert len(noted("SIP/2.0/TLS p.test:5071;branch=z9hG4bK1;alias", opened())) == 0
    for via in ("SIP/2.0/TLS p.test:5071;branch=z9hG4bK1", "SIP/2.0/TLS alias.test:5071;branch=z9hG4bKalias"):
        assert len(noted(via, opened("p.test"))) == 0


def test_the_last_connection_counts_and_none_is_kept_after_its_end() -> None:
    aliases = Aliases()
    first, second = opened("peer.test"), opened("peer.test")
    for made in (first, second, first):  # once for each connection
        aliases.note(as_request(options("SIP/2.0/TLS p.test:5071;branch=z9hG4bK1;alias")), made)
    assert aliases.flow_for(HOP) is first and len(aliases) == 1
    aliases.closed(second)
    assert aliases.flow_for(HOP) is first
    aliases.closed(first)
    assert aliases.flow_for(HOP) is None and len(aliases) == 0 and not aliases._places


def test_the_proxy_sends_on_it_and_says_alias_itself() -> None:
    bench = ProxyBench([Target(b"sip:bob@peer.test", HOP)])
    caller = flow("udp", ("192.0.2.10", 5060))
    ((where, data),) = bench.receive(request("OPTIONS"), caller)
    assert where == HOP and ";alias;branch=" in header(data, "via")[0]
    made = opened("peer.test")
    bench.proxy.carrier.aliases.note(as_request(options("SIP/2.0/TLS p.test:5071;branch=z9hG4bK9;alias")), made)
    ((where, _),) = bench.receive(request("OPTIONS", branch="z9hG4bK2"), caller)
    assert where is made
    ((where, _),) = bench.receive(request("ACK", branch="z9hG4bK3"), caller)
    assert where is made
