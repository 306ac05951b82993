"""Bandwidth of calls from their SDP."""

from __future__ import annotations

import pytest

from seaway.call.config import ControlConfig
from seaway.call.rates import NoBandwidth, Rates
from seaway.call.zones import DEFAULT_ZONE, Zone
from seaway.core.sip.io import Flow
from seaway.policy.bandwidth import BandwidthPolicy, Link, Pipe, Place
from seaway.policy.subzones import Membership
from seaway.wire.sdp.bandwidth import rate_of
from seaway.wire.sdp.session import Session, parse_sdp

POLICY = BandwidthPolicy(
    (Place("DefaultSubZone"), Place("ward", within=512), Place("wan")),
    (Pipe("line", total=1000, per_call=600),),
    (Link("out", ("DefaultSubZone", "wan"), ("line",)), Link("in", ("ward", "DefaultSubZone"))),
)
CONFIG = ControlConfig(
    "core1", "core", ("example.test",), "example.test", (), bandwidth=POLICY,
    memberships=(Membership(1, "subnet", "10.0.7.0/24", "ward"),),
)  # fmt: skip
OUT = ("ward", "wan")


def sdp(video: int | None) -> Session:
    rate = b"b=AS:%d\r\n" % video if video is not None else b""
    head = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    return parse_sdp(head + b"m=video 4002 RTP/AVP 96\r\n" + rate)


def test_without_a_policy_nothing_is_touched() -> None:
    rates = Rates(ControlConfig("core1", "core", ("example.test",), "example.test", ()))
    offer = sdp(9000)
    before = offer.serialise()
    assert not rates
    rates.adapt("1", OUT, offer)
    assert offer.serialise() == before
    assert rates.granted("1") is None
    rates.release("1")


def flow(address: str) -> Flow:
    return Flow(1, "udp", ("10.0.0.1", 5060), (address, 5060), "inner", "Y01-01")


def test_places() -> None:
    rates = Rates(CONFIG)
    local, wan = Zone("local", "local"), Zone("wan", "neighbour")
    assert rates.places(local, flow("10.0.7.5"), "a@b", None, flow("10.0.8.5"), "c@d") == ("ward", "DefaultSubZone")
    assert rates.places(DEFAULT_ZONE, flow("10.0.7.5"), "a@b", wan, flow("10.0.7.6"), "c@d") == ("DefaultZone", "wan")


def test_a_call_taken_over_is_not_counted() -> None:
    rates = Rates(CONFIG)
    offer = sdp(960)
    rates.adapt("1", None, offer)
    assert rate_of(offer) == 1024
    assert rates.granted("1") is None


def test_an_offer_is_brought_down_and_the_answer_passes() -> None:
    rates = Rates(CONFIG)
    offer = sdp(960)
    rates.adapt("1", OUT, offer)
    assert rate_of(offer) == 600
    answer = sdp(500)
    before = answer.serialise()
    rates.adapt("1", OUT, answer)
    assert answer.serialise() == before
    assert rates.granted("1") == 600


def test_no_room_then_room_again() -> None:
    rates = Rates(CONFIG)
    for number in ("1", "2"):
        rates.adapt(number, OUT, sdp(536))  # 600, then the 400 that are left
    assert rates.granted("2") == 400
    with pytest.raises(NoBandwidth, match="pipe line has 0 of 1000 kbit/s left"):
        rates.adapt("3", OUT, sdp(536))
    rates.release("1")
    rates.adapt("3", OUT, sdp(536))


def test_a_later_offer_cannot_take_more_than_there_is() -> None:
    rates = Rates(CONFIG)
    rates.adapt("1", OUT, sdp(236))
    assert rates.granted("1") == 300
    more = sdp(2000)
    rates.adapt("1", OUT, more)
    assert rate_of(more) == 600 == rates.granted("1")


def test_who_says_nothing_counts_as_the_default_and_is_told_only_when_limited() -> None:
    rates = Rates(CONFIG)
    quiet = sdp(None)
    before = quiet.serialise()
    rates.adapt("1", OUT, quiet)
    assert (rates.granted("1"), quiet.serialise()) == (384, before)
    rates.adapt("2", OUT, sdp(536))  # 600
    last = sdp(None)
    rates.adapt("3", OUT, last)
    assert rates.granted("3") == 16 == rate_of(last)
