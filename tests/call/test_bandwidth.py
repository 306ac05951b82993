"""Bandwidth of calls through call control: offers are brought down, calls without room refused, room given back."""

from __future__ import annotations

from seaway.policy.bandwidth import BandwidthPolicy, Link, Pipe, Place
from seaway.wire.sdp.bandwidth import rate_of
from seaway.wire.sdp.session import parse_sdp

from ..support.messages import sdp
from ..support.nodes import CORE, FakeRelay
from .test_searching import PEERS, Site, answering, rule

POLICY = BandwidthPolicy(
    (Place("DefaultSubZone"), Place("DefaultZone"), *(Place(name) for name in PEERS)),
    (Pipe("line", total=1000),),
    (Link("out", ("DefaultSubZone", "pbx"), ("line",)), Link("inside", ("DefaultSubZone", "cm"))),
)


def video(rate: int) -> bytes:
    return sdp("10.0.0.20", 30000, video=30002) + b"b=AS:%d\r\n" % rate


def site() -> Site:
    here = Site(
        rule(1, "pbx", type="prefix", pattern="out"), rule(2, "cm", type="prefix", pattern="in"), bandwidth=POLICY
    )
    here.core.relay = FakeRelay(CORE)
    here.core.core.media_ready(here.net.now)
    here.net.drain(here.core)
    for peer in here.peers.values():
        answering(peer, (0.1, 180))
        peer.script.append((0.3, 200, sdp(peer.address[0], 40000, video=40002)))
    return here


def used(here: Site) -> object:
    return next(row["used_kbps"] for row in here.core.core.snapshot("bandwidth", 0.0) if row["name"] == "line")


def test_calls_over_one_line() -> None:
    here = site()
    first = here.call("out1@example.test", body=video(536))
    assert first.acked and used(here) == 600
    offer = here.peers["pbx"].received[0].body
    assert rate_of(parse_sdp(offer)) == 600 and b"b=AS:536" in offer
    second = here.call("out2@example.test", body=video(536))
    assert second.acked and used(here) == 1000
    assert rate_of(parse_sdp(here.peers["pbx"].received[-1].body)) == 400  # what was left
    third = here.call("out3@example.test", body=video(536))
    assert third.statuses[-1] == 488
    why = here.core.events("request.refused")[-1]["why"]
    assert why == "there is no bandwidth: pipe line has 0 of 1000 kbit/s left"
    assert here.call("in1@example.test", body=video(536)).acked  # another way
    here.caller.bye(first)
    here.net.run(2.0)
    assert used(here) == 400
    assert here.call("out4@example.test", body=video(236)).acked and used(here) == 700


def test_a_refused_call_gives_back_what_it_held() -> None:
    here = site()
    here.peers["pbx"].script = [(0.1, 486, b"")]
    assert here.call("out1@example.test", body=video(536)).statuses[-1] == 486
    assert used(here) == 0


def test_the_rate_of_a_call_is_shown() -> None:
    here = site()
    here.call("out1@example.test", body=video(136))
    assert [each["kbps"] for each in here.core.core.snapshot("calls", here.net.now)] == [200]
