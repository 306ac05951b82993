"""The small parts of the B2BUA: timers, o= lines, header allow list, Replaces."""

from __future__ import annotations

import pytest

from seaway.call.b2bua.headers import hide_place, passed
from seaway.call.b2bua.origin import Origin
from seaway.call.b2bua.replaces import parse_replaces
from seaway.call.b2bua.sdp import scrub
from seaway.call.b2bua.timers import Timers
from seaway.call.hold import undo_null_hold
from seaway.call.sdp_anchor import not_carried
from seaway.wire.sdp.session import parse_sdp
from seaway.wire.sip.errors import SipError

from ...support.messages import as_request, as_response, request, response, sdp


def test_timers_fire_in_order_and_stopped_ones_do_not() -> None:
    timers, fired = Timers(), []
    for name, delay in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        timers.start(delay, 0.0, lambda now, name=name: fired.append((name, now)))  # type: ignore[misc]
    stopped = timers.start(0.5, 0.0, lambda now: fired.append(("never", now)))
    stopped.stop()
    stopped.stop()
    assert timers.next_deadline() == 1.0
    timers.fire(2.5)
    assert fired == [("a", 2.5), ("b", 2.5)]
    timers.fire(9.0)
    assert len(fired) == 3 and timers.next_deadline() is None and len(timers) == 0


def test_stopped_timers_do_not_pile_up() -> None:
    timers = Timers()
    keep = timers.start(1e6, 0.0, lambda now: None)
    for _ in range(10_000):
        timers.start(1e5, 0.0, lambda now: None).stop()
    assert len(timers) < 200
    assert timers.next_deadline() == 1e6 and keep.action is not None


def test_a_timer_may_start_another() -> None:
    timers, fired = Timers(), []

    def again(now: float) -> None:
        fired.append(now)
        if len(fired) < 3:
            timers.start(0.0, now, again)

    timers.start(1.0, 0.0, again)
    timers.fire(1.0)
    assert fired == [1.0, 1.0, 1.0]


def test_origin_counts_changes_only() -> None:
    """RFC 3264 §8: the same description has the same version, another one the next."""
    origin = Origin(b"\x01" * 8)
    first = origin.stamp(sdp("192.0.2.1", 1000))
    assert origin.stamp(sdp("192.0.2.1", 1000).replace(b"o=- 1 1 ", b"o=joe 7 9 ")) == first
    second = origin.stamp(sdp("192.0.2.1", 1002))
    one, two = (next(each for each in body.split(b"\r\n") if each[:2] == b"o=").split() for body in (first, second))
    assert one[0] == b"o=-" and one[1] == two[1] and (one[2], two[2]) == (b"1", b"2")
    assert one[3:] == [b"IN", b"IP4", b"192.0.2.1"]
    copy = origin.copy()
    assert copy.stamp(sdp("192.0.2.1", 1002)) == second
    assert origin.stamp(b"v=0\r\n") == b"v=0\r\n"


def test_allow_list() -> None:
    message = as_request(
        request(
            headers=[
                "Subject: x",
                "X-Place: 10.0.0.1",
                "P-Asserted-Identity: <sip:a@10.0.0.1>",
                "Call-Info: <http://10.0.0.1>",
            ]
        )
    )
    assert passed(message) == ((b"Subject", b"x"),)
    answer = as_response(response(request(), 486, headers=("Retry-After: 5", "Warning: 399 10.0.0.1 x", "Subject: y")))
    assert passed(answer, response=True) == ((b"Retry-After", b"5"),)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (b'"Al" <sip:al@192.0.2.1:5070;transport=tcp>;tag=1;epid=2', b'"Al" <sip:al@d.test>'),
        (b"sip:al@[2001:db8::1]", b"<sip:al@d.test>"),
        (b"<sip:+15550100@example.test:5061;user=phone>;tag=x", b"<sip:+15550100@example.test;user=phone>"),
        (b"<sip:al:secret@example.test?Subject=x>", b"<sip:al@example.test>"),
        (b"<tel:+15550100>;tag=2", b"<tel:+15550100>"),
    ],
)
def test_places_are_hidden(value: bytes, hidden: bytes) -> None:
    assert hide_place(value, b"d.test") == hidden


def test_replaces() -> None:
    found = parse_replaces(b"12adf2f34456gs5;from-tag=54321 ;to-tag=12345;early-only")
    assert (found.call_id, found.to_tag, found.from_tag, found.early_only) == (
        b"12adf2f34456gs5", b"12345", b"54321", True,
    )  # fmt: skip
    assert parse_replaces(found.serialise()) == found


@pytest.mark.parametrize("value", [b"", b"a", b"a;to-tag=1", b";to-tag=1;from-tag=2", b'a;to-tag=1;from-tag="x"'])
def test_replaces_nonsense(value: bytes) -> None:
    with pytest.raises(SipError):
        parse_replaces(value)


def test_scrub_leaves_no_place_of_a_refused_stream() -> None:
    body = sdp("192.0.2.1", 1000, "a=tool:x") + b"m=video 0 RTP/AVP 96\r\nc=IN IP4 192.0.2.9\r\n"
    session = parse_sdp(body.replace(b"s=-", b"s=-\r\ni=x\r\nu=http://192.0.2.7\r\ne=a@b\r\np=1"))
    scrub(session)
    text = session.serialise()
    assert b"192.0.2.9" not in text and b"192.0.2.7" not in text and b"tool" not in text and b"e=" not in text


@pytest.mark.parametrize(
    ("said", "meant"), [(b"sendrecv", b"sendonly"), (b"recvonly", b"inactive"), (b"sendonly", b"sendonly")]
)
def test_null_hold(said: bytes, meant: bytes) -> None:
    body = sdp("0.0.0.0", 1000).replace(b"sendrecv", said)
    session = parse_sdp(body)
    undo_null_hold(session, body)
    assert session.direction_of(0) == meant
    body = sdp("192.0.2.1", 1000).replace(b"sendrecv", said)
    other = parse_sdp(body)
    undo_null_hold(other, body)
    assert other.direction_of(0) == said


def test_not_carried() -> None:
    body = sdp() + b"m=application 9 TCP/BFCP *\r\nm=application 0 TCP/BFCP *\r\nm=application 5000 UDP/BFCP *\r\n"
    assert not_carried(parse_sdp(body)) == ["application TCP/BFCP"]
