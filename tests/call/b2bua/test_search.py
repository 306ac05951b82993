"""The B2BUA asks what the search gives: step by step, peers and flows in turn, in several zones, for policy scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seaway.call.config import NeighbourZone
from seaway.core.sip.io import Hop
from seaway.policy.call_policy import CallPolicy
from seaway.policy.cpl.read import read_script
from seaway.policy.search_settings import SearchRule
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

from ...support.messages import sdp
from ...support.nodes import CORE
from ...support.ua import Sent, Ua, values
from .bench import ALICE, SETTINGS, Bench

PLACES = {"cm": "10.0.0.60", "pbx": "10.0.0.70", "mail": "10.0.0.80"}


def rule(priority: int, target: str, **more: Any) -> SearchRule:
    more.setdefault("mode", "alias-pattern" if "pattern" in more else "any-alias")
    return SearchRule(priority, target, **more)


class Site(Bench):
    """A core with neighbours, all of whose calls go through the B2BUA."""

    def __init__(self, *rules: SearchRule, zone: ZoneSettings | None = None, **changes: Any) -> None:
        always = zone or ZoneSettings(b2bua="always")
        neighbours = tuple(
            NeighbourZone(name, (place,), 5060, "udp", settings=always) for name, place in PLACES.items()
        )
        super().__init__(
            replace(SETTINGS, b2bua="auto"), neighbours=neighbours, rules=(), search_rules=rules, **changes
        )
        self.peers = {
            name: Ua(self.net, name, (place, 5060), Hop("udp", CORE, 5060, "inner")) for name, place in PLACES.items()
        }
        self.alice = self.ua("alice")

    def call(self, alias: str = "1234@example.test", *headers: str) -> Sent:
        return self.alice.start(f"sip:{alias}", sdp(ALICE, 30000), *headers)

    def end(self, sent: Sent) -> None:
        self.alice.ask(sent.dialogs[next(iter(sent.acked))], "BYE")
        self.net.run(0.5)
        self.over()


def answer(site: Site, name: str, status: int = 200, **more: Any) -> None:
    peer = site.peers[name]
    peer.reply(peer.take("INVITE", 40), status, sdp(PLACES[name], 40000) if status == 200 else b"", **more)
    site.net.run(0.3)


def test_the_next_step_is_asked_when_one_has_failed() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    sent = site.call()
    answer(site, "cm", 404)
    assert sent.final == 0 and site.calls()[0]["mode"] == "b2bua"
    answer(site, "pbx")
    assert sent.final == 200 and sent.statuses == [200]
    record = site.core.snapshot("searches", site.net.now)[0]
    assert record["status"] == 200 and record["targets"] == ["cm", "pbx"]
    site.end(sent)


@pytest.mark.parametrize("status", [486, 603])
def test_who_is_busy_ends_the_search(status: int) -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    sent = site.call()
    answer(site, "cm", status)
    assert sent.final == status and not site.peers["pbx"].history
    assert site.core.snapshot("searches", site.net.now)[0]["status"] == status
    site.over()


def test_all_steps_fail_and_the_best_failure_is_told() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    sent = site.call()
    answer(site, "cm", 480)
    answer(site, "pbx", 500)
    assert sent.final == 480
    site.over()


def test_two_zones_ring_and_one_answers() -> None:
    site = Site(rule(10, "cm"), rule(10, "pbx"))
    sent = site.call()
    one = site.peers["cm"].take("INVITE")
    site.peers["cm"].reply(one, 180)
    site.net.run(0.2)
    answer(site, "pbx")
    assert sent.final == 200 and one.cancelled
    site.end(sent)


def test_a_first_step_through_the_proxy_a_second_through_the_b2bua() -> None:
    site = Site(rule(10, "registrations"), rule(20, "cm"))
    bob = site.ua("bob")
    sent = site.call("bob@example.test")
    came = bob.take("INVITE")
    assert values(came.request, "record-route"), "that one is proxied"
    bob.reply(came, 480)
    answer(site, "cm")
    assert sent.final == 200 and not any(b"record-route" in each.names for each in sent.responses if each.status == 200)
    site.end(sent)


def test_cancel_between_two_steps() -> None:
    site = Site(rule(10, "cm"), rule(20, "pbx"))
    sent = site.call()
    answer(site, "cm", 404)
    site.alice.cancel_call(sent)
    site.net.run(0.3)
    assert sent.final == 487
    came = site.peers["pbx"].take("INVITE")
    site.peers["pbx"].reply(came, 180)
    site.net.run(0.3)
    assert came.cancelled
    site.over()


def test_the_second_peer_of_a_zone() -> None:
    always = ZoneSettings(b2bua="always")
    cluster = NeighbourZone("cm", (PLACES["cm"], PLACES["pbx"]), 5060, "udp", settings=always)
    again = Bench(
        replace(SETTINGS, b2bua="auto"), rules=(), search_rules=(rule(10, "cm"),), neighbours=(cluster,)
    )  # fmt: skip
    peers = {name: Ua(again.net, name, (PLACES[name], 5060), Hop("udp", CORE, 5060, "inner")) for name in ("cm", "pbx")}
    alice = again.ua("alice")
    sent = alice.start("sip:1234@example.test", sdp(ALICE, 30000))
    first, second = peers["cm"], peers["pbx"]
    first.reply(first.take("INVITE"), 503)
    came = second.take("INVITE")
    second.reply(came, 200, sdp(PLACES["pbx"], 40000))
    again.net.run(0.3)
    assert sent.final == 200


MAIL = '<location url="sip:mail1@example.test" clear="yes"><proxy/></location>'


def scripted(body: str) -> Site:
    rules = (rule(10, "mail", type="prefix", pattern="mail"), rule(20, "cm"))
    return Site(*rules, policy=CallPolicy(script=read_script(f"<cpl><incoming>{body}</incoming></cpl>".encode())))


def test_a_policy_script_sends_the_busy_to_voice_mail() -> None:
    site = scripted(f"<proxy><busy>{MAIL}</busy></proxy>")
    sent = site.call()
    answer(site, "cm", 486)
    answer(site, "mail")
    assert sent.final == 200
    site.end(sent)


def test_a_policy_script_gives_a_time() -> None:
    site = scripted(f'<proxy timeout="5"><noanswer>{MAIL}</noanswer></proxy>')
    sent = site.call()
    came = site.peers["cm"].take("INVITE")
    site.peers["cm"].reply(came, 180)
    site.net.run(4)
    assert not came.cancelled
    site.net.run(2)
    assert came.cancelled
    answer(site, "mail")
    assert sent.final == 200
    site.end(sent)


def test_a_policy_script_rejects_after_a_failure() -> None:
    site = scripted('<proxy><busy><reject status="reject" reason="Gone fishing"/></busy></proxy>')
    sent = site.call()
    answer(site, "cm", 486)
    assert sent.final == 603
    site.over()


def test_who_asks_is_told_to_trusted_zones_without_places() -> None:
    """RFC 3325: asserted by us, in the words of our domain."""
    site = Site(rule(10, "cm"), default_zone=DefaultZone(replace(SETTINGS, b2bua="auto")))
    site.call()
    came = site.peers["cm"].take("INVITE")
    assert values(came.request, "p-asserted-identity") == ["<sip:alice@example.test>"]
