"""Which call a message belongs to."""

from __future__ import annotations

import pytest

from seaway.call.call_index import CallIndex
from seaway.call.record import Call
from seaway.media.protocol import LegRequest

from ..support.messages import as_request, request

LEG = LegRequest("plain", "inner", ())


def call(session: str, ingress: str = "local", egress: str = "cm") -> Call:
    return Call(session, b"call-1", b"a1", "alice", "bob", ingress, egress, (LEG, LEG), 0.0)


def message(frm: str = "a1", to: str = "b1", call_id: str = "call-1"):  # type: ignore[no-untyped-def]
    return as_request(request("BYE", frm=f"<sip:x@y>;tag={frm}", to=f"<sip:z@y>;tag={to}", call_id=call_id))


def test_by_call_id_and_the_tag_of_the_caller_from_either_side() -> None:
    index, one = CallIndex(frozenset()), call("1")
    assert index.of(message(), "local") is None
    index.keep(one)
    assert index.of(message(), "local") is one and index.of(message("b1", "a1"), "cm") is one
    assert index.of(message("x", "y"), "local") is None and index.of(message(call_id="other"), "local") is None
    assert len(index) == 1
    index.drop(one)
    index.drop(one)
    assert len(index) == 0 and index.of(message(), "local") is None


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_forks_are_known_by_the_tag_of_their_callee(side: str) -> None:
    index, one, two = CallIndex(frozenset()), call("1"), call("2")
    index.keep(one)
    index.keep(two)
    index.early(one, b"b1")
    index.early(two, b"b2")
    index.early(two, None)

    def of(tag: str) -> Call | None:
        found: Call | None = index.of(message("a1", tag) if side == "caller" else message(tag, "a1"), "local")
        return found

    assert of("b1") is one and of("b2") is two and of("b9") is one
    index.drop(one)
    assert of("b1") is two


def test_the_two_passes_of_a_call_are_known_by_the_link() -> None:
    """An edge has a call between two of its phones twice."""
    index = CallIndex(frozenset((b"zlink",)))
    out, back = call("1", "local", "link"), call("2", "link", "local")
    index.keep(out)
    index.keep(back)
    assert index.of(message("a1", "b1"), "default") is out and index.of(message("a1", "b1"), "link") is back
    assert index.of(message("b1", "a1"), "default") is back and index.of(message("b1", "a1"), "link") is out


def test_twins_are_calls_of_one_dialog_between_the_same_zones() -> None:
    index = CallIndex(frozenset())
    one, two, other, back = call("1"), call("2"), call("3"), call("4", "cm", "local")
    for each in (one, two, other, back):
        each.callee_tag = b"b1"
        index.keep(each)
    other.callee_tag = b"b2"
    assert index.twins(one) == [two] and index.twins(other) == []
    index.drop(one)
    assert index.twins(one) == [two] and index.twins(two) == []


def test_r26_tags_of_a_fork_are_bounded() -> None:
    index, one = CallIndex(frozenset()), call("1")
    for number in range(1000):
        index.early(one, b"%d" % number)
    assert len(one.early_tags) == 32
