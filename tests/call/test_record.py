"""call/record.py: what an operator may see of a call, and what the relay keeps of it for a restart."""

import json

from seaway.call.record import Call
from seaway.media.protocol import LegAddress, LegRequest, StreamAddress


def make() -> Call:
    legs = (
        LegRequest("plain", "outer", ("T11-11", "T11-12")),
        LegRequest("demux", "inner", ("T11-09", "T11-10")),
    )
    call = Call("s1", b"c1@x", b"tag1", "alice@example.test", "bob@example.test", "default", "pair", legs, 10.0)
    call.streams.append(
        StreamAddress(
            LegAddress(("203.0.113.20", 36002), ("203.0.113.20", 36003)),
            LegAddress(("10.0.2.20", 2776), ("10.0.2.20", 2777), "canaryufrag", "canarypassword"),
        )
    )
    return call


def test_the_view_of_a_call_holds_addresses_and_no_credentials_r67() -> None:
    text = json.dumps(make().snapshot(12.5))
    assert "canary" not in text
    assert '"a": ["203.0.113.20", 36002]' in text
    assert '"seconds": 2.5' in text


def test_a_label_brings_the_call_back_after_a_restart() -> None:
    call = make()
    again = Call.from_label("s1", call.label(), 99.0)
    assert again is not None
    assert (again.call_id, again.caller_tag, again.legs) == (call.call_id, call.caller_tag, call.legs)
    assert again.state == "answered"
    assert again.answered == 99.0


def test_a_label_keeps_that_a_leg_leads_to_another_relay() -> None:
    call = make()
    call.legs = (call.legs[0], LegRequest("plain", "inner", ("T10-03", "T10-03"), knocks=True))
    again = Call.from_label("s1", call.label(), 99.0)
    assert again is not None and again.legs == call.legs


def test_labels_that_are_not_ours_bring_nothing() -> None:
    for label in ("", "x", "[]", "{}", '{"call_id": 1}', "null"):
        assert Call.from_label("s1", label, 1.0) is None, label
