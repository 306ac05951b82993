"""Via values and the branch look-up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.nameaddr import split_first
from seaway.wire.sip.params import Params
from seaway.wire.sip.via import Via, branch_of, parse_via


def test_read_and_write() -> None:
    value = b"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa;received=192.0.2.9;ttl=16;maddr=224.2.0.1"
    via = parse_via(value)
    assert (via.transport, via.host, via.port, via.branch) == (b"UDP", b"192.0.2.1", 5060, b"z9hG4bKa")
    assert (via.received, via.ttl, via.maddr, via.wants_rport, via.rport) == (
        b"192.0.2.9",
        16,
        b"224.2.0.1",
        True,
        None,
    )
    assert via.serialise() == value
    assert via.sent_by == b"192.0.2.1:5060"


def test_white_space_everywhere() -> None:
    # RFC 4475 §3.1.1.1
    via = parse_via(b" SIP  /   2.0\r\n /udp\r\n    192.0.2.2 : 5070 ; branch = 390skdjuw ")
    assert via.serialise() == b"SIP/2.0/UDP 192.0.2.2:5070;branch=390skdjuw"


def test_ipv6() -> None:
    via = parse_via(b"SIP/2.0/TLS [2001:db8::9:1]:5061;received=2001:db8::9:255;branch=z9hG4bKas3")
    assert (via.host, via.address, via.port) == (b"[2001:db8::9:1]", "2001:db8::9:1", 5061)
    assert via.received == b"2001:db8::9:255"
    assert parse_via(b"SIP/2.0/UDP [::1];received=[::2]").received == b"::2"


def test_rport() -> None:
    assert parse_via(b"SIP/2.0/UDP h;rport=5070").rport == 5070
    assert not parse_via(b"SIP/2.0/UDP h;rport=5070").wants_rport
    assert parse_via(b"SIP/2.0/UDP h").rport is None
    for bad in (b"65536", b"-1", b"x"):
        with pytest.raises(SipError):
            _ = parse_via(b"SIP/2.0/UDP h;rport=" + bad).rport


@pytest.mark.parametrize(
    "value",
    [
        b"", b"SIP/2.0/UDP", b"SIP/2.0/UDP ", b"SIP/2.0 h", b"SIP/2.0/ h", b"/2.0/UDP h", b"SIP/3.0/UDP h",
        b"SIP/2.0/UDP h;",
        b"SIP/2.0/UDP h;;branch=1", b"SIP/2.0/UDP h:0", b"SIP/2.0/UDP h:65536", b"SIP/2.0/UDP h:", b"SIP/2.0/UDP h i",
        b"SIP/2.0/UDP h;branch", b"SIP/2.0/UDP h;branch=", b'SIP/2.0/UDP h;branch="x"', b"SIP/2.0/UDP h;branch=a@b",
        b"SIP/2.0/UDP 2001:db8::1;branch=x", b"SIP/2.0/UDP h, SIP/2.0/UDP i", b"SIP/2.0/U DP h;x",
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse_via(value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("value", "branch"),
    [
        (b"SIP/2.0/UDP h;branch=z9hG4bKa", b"z9hG4bKa"),
        (b"SIP/2.0/UDP h;rport;branch=z9hG4bKa;x=1", b"z9hG4bKa"),
        (b"SIP/2.0/UDP h;branch=z9hG4bKa, SIP/2.0/UDP i;branch=z9hG4bKb", b"z9hG4bKa"),
        (b"SIP/2.0/UDP h;BRANCH=z9hG4bKa;branch=z9hG4bKb", b"z9hG4bKa"),
        (b'SIP/2.0/UDP h;x=";branch=z9hG4bKz";branch=z9hG4bKa', b"z9hG4bKa"),
        (b"SIP/2.0/UDP h ; branch = z9hG4bKa , SIP/2.0/UDP i", b"z9hG4bKa"),
        (b"SIP/2.0/UDP h, SIP/2.0/UDP i;branch=z9hG4bKb", None),
        (b"SIP/2.0/UDP h;branch=1234", b"1234"),
        (b"SIP/2.0/UDP h;branch=z9hG4bKa;branch=z9hG4bKb", b"z9hG4bKa"),
    ],
)
def test_branch_of(value: bytes, branch: bytes | None) -> None:
    assert branch_of(value) == branch


@pytest.mark.parametrize("size", [1, 1000, 60_000])
def test_branches_of_any_length(size: int) -> None:
    branch = b"z9hG4bK" + b"b" * size
    assert branch_of(b"SIP/2.0/UDP h;branch=" + branch) == branch
    assert parse_via(b"SIP/2.0/UDP h;branch=" + branch).branch == branch


_MARKS = [b"=", b";", b",", b'"', b"\\", b" ", b"<", b">"]
_WORDS = [b"branch", b"BRANCH", b"z9hG4bK", b"a", b";branch=z9hG4bK", b"SIP/2.0/UDP h", b"rport"]
PIECES = st.lists(st.sampled_from(_MARKS + _WORDS), max_size=10).map(lambda parts: b"SIP/2.0/UDP h" + b"".join(parts))


@given(PIECES)
def test_branch_of_agrees_with_the_parser(value: bytes) -> None:
    try:
        via = parse_via(split_first(value)[0])
    except SipError:
        return
    assert branch_of(value) == via.branch


def test_built() -> None:
    assert Via(b"TLS", b"h", 5061, Params(((b"branch", b"x"), (b"rport", None)))).serialise() == (
        b"SIP/2.0/TLS h:5061;branch=x;rport"
    )
