"""Searches through call control: steps, forks, failover of peers, and media that is right for each zone."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from seaway.call.config import ControlConfig, DnsZone, EnumZone, NeighbourZone, Rule
from seaway.call.control import Control
from seaway.core.dns.io import Naptr, Srv
from seaway.core.sip.io import Hop
from seaway.policy.search_settings import SearchRule, Transform
from seaway.policy.zone_settings import ZoneSettings

from ..support.messages import header, sdp
from ..support.net import Network
from ..support.nodes import CORE, Pair, control, node
from ..support.phone import Dialog, Phone

PEERS = {"cm": "10.0.0.30", "pbx": "10.0.0.40", "pstn": "10.0.0.50"}


def rule(priority: int, target: str, **more: Any) -> SearchRule:
    more.setdefault("mode", "alias-pattern" if "pattern" in more else "any-alias")
    return SearchRule(priority, target, **more)


class Site:
    """A core with phones, and neighbours that answer every call as their script says."""

    def __init__(
        self, *rules: SearchRule, peers: dict[str, str] = PEERS, transport: Any = "udp", **changes: Any
    ) -> None:
        self.net = Network(3)
        zones = tuple(NeighbourZone(name, (address,), 5060, "udp") for name, address in peers.items())
        changes = {"neighbours": zones, "rules": (), "search_rules": rules, **changes}
        self.core = node(self.net, control(**changes))
        far = Hop(transport, CORE, 5060, "inner")
        self.peers = {name: Phone(self.net, name, (address, 5060), far) for name, address in peers.items()}

    @property
    def hop(self) -> Hop:
        return Hop("udp", CORE, 5060, "inner")

    def phone(self, user: str, last: int) -> Phone:
        phone = Phone(self.net, user, (f"10.0.0.{last}", 5060), self.hop)
        assert phone.register() == 200
        return phone

    def call(self, alias: str, seconds: float = 3.0, body: bytes = b"") -> Dialog:
        caller = self.caller = getattr(self, "caller", None) or self.phone("alice", 20)
        dialog = caller.call(f"sip:{alias}", body)
        self.net.run(seconds)
        return dialog

    def rings(self) -> dict[str, int]:
        return {
            name: count for name, peer in self.peers.items()
            if (count := sum(each.method == b"INVITE" for each in peer.received))
        }  # fmt: skip

    def record(self) -> dict[str, object]:
        return self.core.core.snapshot("searches", self.net.now)[0]


def answering(peer: Phone, *steps: tuple[float, int]) -> None:
    peer.script = [(delay, status, b"") for delay, status in steps]


# -- steps


def test_a_call_goes_from_step_to_step_until_somebody_has_the_alias() -> None:
    site = Site(rule(10, "registrations"), rule(20, "cm"), rule(30, "pbx"), rule(40, "pstn"))
    answering(site.peers["cm"], (0.1, 404))
    dialog = site.call("1234@example.test")
    assert dialog.statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}
    site.caller.bye(dialog)
    site.net.run(2)
    assert site.caller.results[-1] == ("BYE", 200)


@pytest.mark.parametrize("status", [403, 404, 408, 410, 480, 483, 484, 500, 503, 504])
def test_what_lets_the_search_go_on(status: int) -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    answering(site.peers["cm"], (0.1, status))
    assert site.call("1234@example.test").statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}


@pytest.mark.parametrize("status", [302, 401, 415, 486, 488, 600, 603])
def test_what_ends_the_search(status: int) -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    answering(site.peers["cm"], (0.1, status))
    dialog = site.call("1234@example.test")
    assert dialog.statuses[-1] == status and site.rings() == {"cm": 1}


def test_a_silent_peer_is_given_up_for_the_next_step() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    answering(site.peers["cm"])
    site.peers["cm"].layer.receive_request = lambda *_: None  # type: ignore[method-assign]
    assert site.call("1234@example.test", 40).statuses[-1] == 200 and site.rings() == {"pbx": 1}


def test_equal_priorities_ring_together_and_the_first_answer_wins() -> None:
    site = Site(rule(10, "cm"), rule(10, "pbx"), rule(20, "pstn"))
    answering(site.peers["cm"], (0.1, 180), (2.0, 200))
    answering(site.peers["pbx"], (0.1, 180), (0.5, 200))
    dialog = site.call("1234@example.test")
    assert dialog.statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}
    assert [each.ended for each in site.peers["cm"].dialogs.values()] == ["cancelled"]


def test_rfc5393_without_breadth_for_all_they_ring_one_after_the_other() -> None:
    site = Site(rule(10, "cm"), rule(10, "pbx"), rule(20, "pstn"))
    answering(site.peers["cm"], (0.1, 404))
    caller = site.caller = site.phone("alice", 20)
    dialog = caller.call("sip:1@example.test", b"", "Max-Breadth: 1")
    site.net.run(3)
    assert dialog.statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}
    assert header(site.peers["pbx"].received[0].serialise(), "max-breadth") == ["1"]


def test_r35_a_search_has_an_end() -> None:
    rules = [rule(n, "cm", type="prefix", pattern="1", behaviour="add-prefix", replace=f"{n}") for n in range(1, 60)]
    site = Site(*rules)
    answering(site.peers["cm"], (0.01, 404))
    assert site.call("1@example.test", 20).statuses == [404]
    assert site.rings() == {"cm": 30}


def test_nobody_is_asked_twice_whichever_rules_lead_there() -> None:
    """RFC 3261 §16.5. The second rule takes the domain away, which is put back on the way out."""
    strip = {"type": "suffix", "pattern": "@example.test", "behaviour": "strip"}
    site = Site(rule(10, "cm"), rule(10, "cm", **strip), rule(20, "cm", **strip), rule(30, "pbx"))
    answering(site.peers["cm"], (0.1, 404))
    assert site.call("1@example.test").statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}


def test_stop_keeps_the_search_from_later_steps() -> None:
    site = Site(rule(10, "cm", type="suffix", pattern="@example.test", on_match="stop"), rule(20, "pbx"))
    answering(site.peers["cm"], (0.1, 404))
    assert site.call("1234@example.test").statuses == [404] and site.rings() == {"cm": 1}


def test_cancel_stops_the_search() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    answering(site.peers["cm"], (0.1, 180))
    dialog = site.call("1234@example.test", 1)
    site.caller.cancel(dialog)
    site.net.run(3)
    assert dialog.statuses[-1] == 487 and site.rings() == {"cm": 1}
    assert site.record()["status"] == 487


def test_who_rings_too_long_is_given_up_for_the_next_step() -> None:
    """Timer C (RFC 3261 §16.8): the 487 is the answer to our CANCEL, not to the caller's."""
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    answering(site.peers["cm"], (0.1, 180))
    assert site.call("1234@example.test", 250).statuses[-1] == 200
    assert site.rings() == {"cm": 1, "pbx": 1}


def test_other_methods_search_too() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    caller = site.phone("alice", 20)
    site.peers["cm"].request_received = lambda server, request, flow, now: site.peers["cm"]._respond(  # type: ignore[method-assign]
        server, request, 404
    )
    caller._ask("MESSAGE", "sip:1@example.test", "<sip:alice@example.test>;tag=m", "<sip:1@example.test>", "m1", 1, [],
                b"", lambda response: None)  # fmt: skip
    site.net.run(3)
    assert caller.results[-1] == ("MESSAGE", 200)


def test_nobody_is_told_what_the_dial_plan_is() -> None:
    site = Site(rule(10, "cm", type="prefix", pattern="9"))
    assert site.call("1234@example.test").statuses == [404] and site.rings() == {}
    row = site.record()
    assert (row["status"], row["why"], row["zone"]) == (404, "no search rule matches", "local")


# -- aliases


def test_a_transform_and_a_rule_change_the_request_uri() -> None:
    site = Site(
        rule(10, "cm", type="regex", pattern=r"(\d+)@pstn\.test", behaviour="replace", replace=r"+\1@cm.test"),
        transforms=(Transform(1, "regex", r"9(\d+)@.*", "replace", r"\1@pstn.test"),),
    )
    assert site.call("9555@example.test").statuses[-1] == 200
    assert site.peers["cm"].received[0].uri == b"sip:+555@cm.test"
    assert site.peers["cm"].received[0].require(b"to").endswith(b"<sip:9555@example.test>"), "To stays what it was"


def test_an_alias_that_lost_its_domain_gets_ours() -> None:
    site = Site(rule(10, "cm", type="suffix", pattern="@example.test", behaviour="strip"))
    site.call("1234@example.test")
    assert site.peers["cm"].received[0].uri == b"sip:1234@example.test"


def test_r21_what_an_alias_hides_in_escapes_stays_escaped() -> None:
    """The user part of a URI may hold anything as %XX: it must not become octets of the request line."""
    site = Site(rule(10, "cm", type="regex", pattern="(.*)@.*", behaviour="replace", replace=r"\1@cm.test"))
    assert site.call("a%20b%3Ec%40d@example.test").statuses[-1] == 200
    assert site.peers["cm"].received[0].uri == b"sip:a%20b%3Ec%40d@cm.test"
    assert site.call("a%0D%0AX-Evil:%201@example.test").statuses[-1] == 404


def test_a_request_uri_that_a_rule_does_not_change_passes_as_it_came() -> None:
    site = Site(rule(10, "cm"))
    site.call("1234@example.test;user=phone")
    assert site.peers["cm"].received[0].uri == b"sip:1234@example.test;user=phone"


def test_calls_to_an_address() -> None:
    site = Site(rule(10, "cm", mode="any-ip-address"))
    assert site.call("192.0.2.7").statuses[-1] == 200
    assert site.peers["cm"].received[0].uri == b"sip:192.0.2.7"
    assert site.call(CORE).statuses[-1] == 404, "our own address without a user is nobody"


# -- sources


def test_sources_and_authentication() -> None:
    trusted = NeighbourZone("cm", (PEERS["cm"],), 5060, "udp", settings=ZoneSettings("treat-as-authenticated"))
    others = tuple(NeighbourZone(name, (PEERS[name],), 5060, "udp") for name in ("pbx", "pstn"))
    site = Site(
        rule(10, "pstn", authenticated=True, source="all-zones"), rule(20, "pbx", source="cm"),
        neighbours=(trusted, *others),
    )  # fmt: skip
    answering(site.peers["pstn"], (0.1, 404))
    assert site.call("1@example.test").statuses == [404], "a phone is authenticated, but not in zone cm"
    assert site.rings() == {"pstn": 1}
    dialog = site.peers["cm"].call("sip:1@example.test")
    site.net.run(3)
    assert dialog.statuses[-1] == 200 and site.rings() == {"pstn": 2, "pbx": 1}
    dialog = site.peers["pbx"].call("sip:1@example.test")
    site.net.run(3)
    assert dialog.statuses == [404] and site.rings() == {"pstn": 2, "pbx": 1}


def test_hop_count_of_a_zone() -> None:
    zone = NeighbourZone("cm", (PEERS["cm"],), 5060, "udp", settings=ZoneSettings(hop_count=5))
    site = Site(rule(10, "cm"), neighbours=(zone,))
    site.call("1@example.test")
    received = site.peers["cm"].received[0].serialise()
    assert header(received, "max-forwards") == ["5"] and header(received, "max-breadth") == ["60"]


def test_hop_count_of_the_local_zone() -> None:
    site = Site(rule(10, "registrations"), local_zone=ZoneSettings("check", hop_count=3))
    bob = site.phone("bob", 21)
    site.call("bob@example.test")
    assert header(bob.received[-1].serialise(), "max-forwards") == ["3"]


# -- peers of one neighbour


def cluster(transport: str = "udp") -> Site:
    zone = NeighbourZone("cm", ("10.0.0.30", "10.0.0.31"), 5060, transport)  # type: ignore[arg-type]
    peers = {"one": "10.0.0.30", "two": "10.0.0.31"}
    return Site(rule(10, "cm"), peers=peers, transport=transport, neighbours=(zone,))


def test_the_second_peer_is_asked_when_the_first_says_503() -> None:
    site = cluster()
    answering(site.peers["one"], (0.1, 503))
    dialog = site.call("1@example.test")
    assert dialog.statuses[-1] == 200 and site.rings() == {"one": 1, "two": 1}


def test_a_peer_that_failed_comes_last_for_a_while_and_the_dialog_stays_where_it_is() -> None:
    site = cluster()
    site.peers["one"].layer.receive_request = lambda *_: None  # type: ignore[method-assign]
    dialog = site.call("1@example.test", 10)
    assert dialog.statuses[-1] == 200 and site.rings() == {"two": 1}
    began = site.net.now
    dialog = site.call("2@example.test", 1)
    assert dialog.statuses[-1] == 200 and site.net.now - began <= 1.01, "the first is not waited for again"
    site.caller.bye(dialog)
    site.net.run(2)
    assert site.peers["two"].dialogs[dialog.call_id].ended == "bye received"


def test_requests_of_a_dialog_go_to_the_peer_that_has_it() -> None:
    """Over a stream the route token names the zone only: Route or Request-URI say which of its peers."""
    site = cluster("tcp")
    answering(site.peers["one"], (0.1, 503))
    dialog = site.call("1@example.test")
    assert dialog.statuses[-1] == 200 and site.rings() == {"one": 1, "two": 1}
    site.caller.bye(dialog)
    site.net.run(2)
    assert site.caller.results[-1] == ("BYE", 200)
    assert site.peers["two"].dialogs[dialog.call_id].ended == "bye received"


@pytest.mark.parametrize("last", [30, 31])
def test_requests_from_any_peer_belong_to_the_zone(last: int) -> None:
    site = Site(rule(10, "registrations", source="cm"), peers={"x": f"10.0.0.{last}"},
                neighbours=(NeighbourZone("cm", ("10.0.0.30", "10.0.0.31"), 5060, "udp"),))  # fmt: skip
    site.phone("bob", 21)
    dialog = site.peers["x"].call("sip:bob@example.test")
    site.net.run(3)
    assert dialog.statuses[-1] == 200


# -- DNS and ENUM


def test_a_dns_zone_takes_every_domain() -> None:
    site = Site(rule(10, "internet"), dns_zones=(DnsZone("internet", ("udp",)),), peers={"far": "192.0.2.9"},
                neighbours=())  # fmt: skip
    site.net.names["far.test"] = "192.0.2.9"
    assert site.call("bob@far.test").statuses[-1] == 200
    assert site.call("bob@nowhere.test").statuses == [480]
    assert site.call("bob@127.0.0.1;transport=tcp").statuses == [480], "no transport of the zone"
    assert site.call("bob@224.0.0.1").statuses == [403], "R35"


def test_r35_a_dns_zone_never_leads_to_this_node() -> None:
    site = Site(rule(10, "internet", type="regex", pattern=".*", behaviour="replace", replace=f"x@{CORE}"),
                dns_zones=(DnsZone("internet", ("udp",)),))  # fmt: skip
    assert site.call("bob@far.test").statuses == [482]


def test_enum_gives_a_uri_that_is_looked_for_anew() -> None:
    site = Site(rule(10, "numbers", type="prefix", pattern="+"), rule(20, "cm", type="suffix", pattern="@far.test"),
                rule(30, "pstn"), enum_zones=(EnumZone("numbers", "e164.test"),))  # fmt: skip
    site.net.records["4.3.2.1.9.4.e164.test", "NAPTR"] = (Naptr(10, 10, "u", "E2U+sip", "!^.*$!sip:bob@far.test!", ""),)
    assert site.call("+491234@example.test").statuses[-1] == 200
    assert site.rings() == {"cm": 1} and site.peers["cm"].received[0].uri == b"sip:bob@far.test"
    assert site.call("+5@example.test").statuses[-1] == 200, "unknown: the next rule"
    assert site.rings() == {"cm": 1, "pstn": 1}
    assert site.call("+abc@example.test").statuses[-1] == 200, "no number: the next rule"


def test_uris_of_enum_are_read_as_any_uri() -> None:
    site = Site(
        rule(10, "numbers", type="prefix", pattern="+"), rule(20, "cm"), enum_zones=(EnumZone("numbers", "e164.test"),)
    )
    site.net.records["1.e164.test", "NAPTR"] = (
        Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:x@far.test?Subject=no!", ""),
        Naptr(2, 1, "u", "E2U+sip", "!^.*$!sip:a%20b@FAR.test:5070;transport=udp!", ""),
    )
    assert site.call("+1@example.test").statuses[-1] == 200
    assert site.peers["cm"].received[0].uri == b"sip:a%20b@far.test:5070"


def test_r35_numbers_that_lead_to_numbers_end() -> None:
    site = Site(rule(10, "numbers"), enum_zones=(EnumZone("numbers", "e164.test"),))
    for digit in "12":
        other = "2" if digit == "1" else "1"
        site.net.records[f"{digit}.e164.test", "NAPTR"] = (
            Naptr(1, 1, "u", "E2U+sip", f"!^.*$!sip:+{other}@example.test!", ""),
        )
    assert site.call("+1@example.test").statuses == [404]
    assert site.record()["why"] == "numbers: +1@example.test is one look-up too many"


def test_a_dns_zone_uses_what_this_node_has() -> None:
    udp = control().config.listeners[:1]
    site = Site(rule(10, "internet"), dns_zones=(DnsZone("internet", ("tls", "udp")),), peers={"far": "192.0.2.9"},
                neighbours=(), listeners=udp)  # fmt: skip
    site.net.names["far.test"] = "192.0.2.9"
    site.net.records["_sips._tcp.far.test", "SRV"] = (Srv(1, 1, 5061, "far.test"),)
    site.net.records["_sip._udp.far.test", "SRV"] = (Srv(1, 1, 5060, "far.test"),)
    assert site.call("bob@far.test").statuses[-1] == 200
    assert {hop.transport for _, hop in site.core.dials} == {"udp"}


def test_cancel_while_a_number_is_looked_up() -> None:
    site = Site(rule(10, "numbers"), rule(20, "cm"), enum_zones=(EnumZone("numbers", "e164.test"),))
    site.net.latency = 0.05
    dialog = site.call("+1@example.test", 0.14)  # challenge and answer; CANCEL arrives while the question is out
    site.caller.cancel(dialog)
    site.net.run(3)
    assert dialog.statuses == [487] and site.rings() == {}


# -- loops


def test_r35_two_nodes_that_point_at_each_other_end() -> None:
    """Every hop changes the alias, so that no loop is seen by its URI, and every node forks."""
    net = Network(5)
    ours, theirs = "10.0.0.1", "10.0.0.2"

    def made(name: str, address: str, other: str) -> ControlConfig:
        config = control().config
        listener = replace(config.listeners[0], address=(address, 5060), advertised=(address, 5060))
        zone = NeighbourZone(f"to-{name}", (other,), 5060, "udp")
        rules = tuple(
            rule(n, zone.name, type="regex", pattern="(.*)", behaviour="add-prefix", replace=str(n)) for n in (1, 2)
        )
        return replace(config, node=name, listeners=(listener,), neighbours=(zone,), rules=(), search_rules=rules)

    for name, address, other in (("a", ours, theirs), ("b", theirs, ours)):
        node(net, Control(made(name, address, other), Random(1).randbytes))
    alice = Phone(net, "alice", ("10.0.0.20", 5060), Hop("udp", ours, 5060, "inner"))
    alice.register()
    alice.call("sip:1@example.test")
    net.run(60)
    invites = len(net.sent(source="a", target="b", start="INVITE")) + len(net.sent(source="b", start="INVITE"))
    assert 0 < invites <= 70


# -- media


def test_each_step_has_media_of_its_own_kind() -> None:
    """First the edge across the link (anchored, demultiplexed leg), then a neighbour inside (not anchored): the offer
    that the neighbour sees is the caller's own."""
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(30, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice = pair.inside("alice")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    offer = sdp("10.0.0.20", 41000)
    cm.script = [(0.2, 200, sdp("10.0.0.30", 42000))]
    dialog = alice.call("sip:nobody@elsewhere.test", offer)
    pair.net.run(3)
    assert dialog.statuses[-1] == 200
    assert cm.dialogs[dialog.call_id].bodies == [offer]
    assert dialog.bodies == [sdp("10.0.0.30", 42000)]
    assert not pair.core_relay.sessions and not pair.edge_relay.sessions, "the ports of the first step are free again"
    alice.bye(dialog)
    pair.idle()


def test_the_other_way_round_the_second_step_is_anchored() -> None:
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(5, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice, bob = pair.inside("alice"), pair.outside("bob")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    cm.script = [(0.1, 404, b"")]
    bob.script = [(0.2, 200, sdp("198.51.100.20", 42000))]
    offer = sdp("10.0.0.20", 41000)
    dialog = alice.call("sip:bob@example.test", offer)
    pair.net.run(3)
    assert dialog.statuses[-1] == 200
    assert cm.dialogs[dialog.call_id].bodies == [offer]
    (got,) = bob.dialogs[dialog.call_id].bodies
    assert b"10.0.0.20" not in got and b"203.0.113.1" in got
    assert len(pair.core_relay.sessions) == 1
    alice.bye(dialog)
    pair.idle()
    assert not pair.core_relay.sessions


def test_a_fork_into_two_zones_gets_the_right_offer_in_each() -> None:
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(20, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice, bob = pair.inside("alice"), pair.outside("bob")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    cm.script = [(0.1, 180, b"")]
    bob.script = [(0.1, 180, b""), (0.5, 200, sdp("198.51.100.20", 42000))]
    offer = sdp("10.0.0.20", 41000)
    dialog = alice.call("sip:bob@example.test", offer)
    pair.net.run(3)
    assert dialog.statuses[-1] == 200
    assert cm.dialogs[dialog.call_id].bodies == [offer] and cm.dialogs[dialog.call_id].ended == "cancelled"
    (got,) = bob.dialogs[dialog.call_id].bodies
    assert b"10.0.0.20" not in got
    assert b"10.0.0.1" in dialog.bodies[-1]
    calls = pair.core.core.snapshot("calls", pair.net.now)
    assert [(each["state"], each["to_zone"]) for each in calls] == [("answered", "traversal")]
    alice.bye(dialog)
    pair.idle()
    assert not pair.core_relay.sessions


def test_what_a_step_had_is_free_when_the_next_rings() -> None:
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(30, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice = pair.inside("alice")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    cm.script = [(0.2, 180, b"")]
    dialog = alice.call("sip:nobody@elsewhere.test", sdp("10.0.0.20", 41000))
    pair.net.run(3)
    assert dialog.statuses[-1] == 180
    assert not pair.core_relay.sessions and len(pair.core_relay.closed) == 1


def test_cancel_while_the_next_step_waits_for_the_relay() -> None:
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(5, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice, bob = pair.inside("alice"), pair.outside("bob")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    cm.script = [(0.1, 404, b"")]
    pair.core_relay.delay = 2.0
    dialog = alice.call("sip:bob@example.test", sdp("10.0.0.20", 41000))
    pair.net.run(1)
    alice.cancel(dialog)
    pair.net.run(5)
    assert dialog.statuses == [487] and not bob.received
    pair.idle()
    assert not pair.core_relay.sessions and len(pair.core_relay.closed) == 1


def test_two_zones_answer_at_once() -> None:
    """Both 200s go to the caller, who ends the one that came second (RFC 3261 §13.2.2.4)."""
    pair = Pair(core={
        "neighbours": (NeighbourZone("cm", ("10.0.0.30",), 5060, "udp"),),
        "search_rules": (SearchRule(20, "cm", mode="any-alias"),),
    })  # fmt: skip
    alice, bob = pair.inside("alice"), pair.outside("bob")
    cm = Phone(pair.net, "cm", ("10.0.0.30", 5060), Hop("udp", CORE, 5060, "inner"))
    cm.script = [(0.06, 200, sdp("10.0.0.30", 42000))]
    bob.script = [(0.05, 200, sdp("198.51.100.20", 42000))]
    alice.call("sip:bob@example.test", sdp("10.0.0.20", 41000))
    pair.net.run(1)
    answers = {
        header(each.data, "to")[0] for each in pair.net.sent("core1", "alice", "SIP/2.0 200") if b"INVITE" in each.data
    }
    assert len(answers) == 2


def test_the_relay_fails_and_the_search_ends() -> None:
    pair = Pair()
    alice = pair.inside("alice")
    pair.core_relay.fail = "no ports left"
    dialog = alice.call("sip:bob@elsewhere.test", sdp("10.0.0.20", 41000))
    pair.net.run(3)
    assert dialog.statuses == [503]
    assert pair.core.core.snapshot("searches", pair.net.now)[0]["why"] == "no media: no ports left"
    pair.idle()


# -- what is kept


def test_r69_the_last_500_searches_are_kept() -> None:
    site = Site(rule(10, "cm"))
    caller = site.phone("alice", 20)
    for number in range(520):
        caller._ask("MESSAGE", f"sip:{number}@example.test", "<sip:alice@example.test>;tag=m", "<sip:x@example.test>",
                    f"m{number}", 1, [], b"", lambda response: None)  # fmt: skip
        site.net.run(0.1)
    rows = site.core.core.snapshot("searches", site.net.now)
    assert len(rows) == 500 and rows[0]["alias"] == "519@example.test"
    assert rows[0]["status"] == 200 and rows[0]["targets"] == ["cm"]


def test_the_short_form_and_search_rules_are_one_plan() -> None:
    site = Site(rule(10, "cm"), rules=(Rule(20, r".*@example\.test", "pbx"),))
    answering(site.peers["cm"], (0.1, 404))
    assert site.call("1@example.test").statuses[-1] == 200 and site.rings() == {"cm": 1, "pbx": 1}


def test_r71_targets_that_fail_at_once_do_not_pile_up() -> None:
    """Each step fails while it is begun: a sips: URI where there is no TLS."""
    rules = [
        rule(n, "internet", type="prefix", pattern="1", behaviour="add-prefix", replace=f"{n}") for n in range(1, 60)
    ]
    site = Site(*rules, dns_zones=(DnsZone("internet", ("udp",)),), listeners=control().config.listeners[:1])
    caller = site.caller = site.phone("alice", 20)
    dialog = caller.call("sips:1@far.test")
    site.net.run(3)
    assert dialog.statuses == [480]


def test_an_invite_that_came_twice_ends_with_one_bye() -> None:
    """Some proxy before us forked it to us twice; the phone answers both with one tag."""
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    bob.script = [(0.2, 200, sdp("198.51.100.20", 42000))]
    dialog = alice.call("sip:bob@example.test", sdp("10.0.0.20", 41000))
    pair.net.run(0.1)
    (invite,) = pair.net.sent("core1", "edge1", "INVITE")
    (link,) = [flow for flow in pair.core.reuse.values() if flow.zone == "traversal"]
    pair.net._write(pair.core, link, invite.data.replace(b"branch=z9hG4bK", b"branch=z9hG4bKtwice", 1))
    pair.net.run(2)
    assert dialog.statuses[-1] == 200 and len(pair.edge_relay.sessions) == 2
    alice.bye(dialog)
    pair.idle()
    assert not pair.edge_relay.sessions
