"""The top Via of a request that arrived: key, stamp, reply port (RFC 3261 §18.2.1, RFC 3581 §4)."""

from __future__ import annotations

import pytest

from seaway.core.sip.topvia import pop_via, read_top_via
from seaway.wire.errors import WireError
from seaway.wire.sip.nameaddr import split_commas
from seaway.wire.sip.via import parse_via

from ...support.messages import as_request, flow, request

V4 = flow("udp", ("192.0.2.10", 40001))
V6 = flow("udp", ("2001:db8::10", 40001))


def read(via: str, where: object = V4) -> tuple[bytes, int, str]:
    message = as_request(request(via=via))
    key, port = read_top_via(message, where)  # type: ignore[arg-type]
    return key, port, message.require(b"via").decode()


@pytest.mark.parametrize(
    ("via", "stamped", "port"),
    [
        # sent-by is the source: nothing to say, the response goes to the sent-by port
        ("SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bKa", "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bKa", 5070),
        ("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa", 5060),
        # another sent-by: received
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=192.0.2.10", 5060),
        (
            "SIP/2.0/UDP phone.lan:5071;branch=z9hG4bKa",
            "SIP/2.0/UDP phone.lan:5071;branch=z9hG4bKa;received=192.0.2.10",
            5071,
        ),
        # rport without a value: both, even when the address is right (RFC 3581 §4)
        (
            "SIP/2.0/UDP 192.0.2.10;rport;branch=z9hG4bKa",
            "SIP/2.0/UDP 192.0.2.10;rport=40001;branch=z9hG4bKa;received=192.0.2.10",
            40001,
        ),
        (
            "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;RPORT",
            "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;rport=40001;received=192.0.2.10",
            40001,
        ),
        # a forged received is exchanged, a forged rport value is no request for it
        (
            "SIP/2.0/UDP 10.1.1.1;received=8.8.8.8;branch=z9hG4bKa",
            "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;received=192.0.2.10",
            5060,
        ),
        ("SIP/2.0/UDP 192.0.2.10;rport=1;branch=z9hG4bKa", "SIP/2.0/UDP 192.0.2.10;rport=1;branch=z9hG4bKa", 5060),
        # white space, case, folding, other parameters
        (
            'SIP / 2.0 / udp  10.1.1.1 : 5072 ; branch = z9hG4bKa ; x = "a;b"',
            'SIP/2.0/UDP 10.1.1.1:5072;branch=z9hG4bKa;x="a;b";received=192.0.2.10',
            5072,
        ),
        ("SIP/2.0/UDP\r\n 10.1.1.1;branch=z9hG4bKa", "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;received=192.0.2.10", 5060),
        (
            "SIP/2.0/UDP 10.1.1.1;maddr=224.0.0.1;ttl=1;branch=z9hG4bKa",
            "SIP/2.0/UDP 10.1.1.1;maddr=224.0.0.1;ttl=1;branch=z9hG4bKa;received=192.0.2.10",
            5060,
        ),
    ],
)
def test_stamps(via: str, stamped: str, port: int) -> None:
    for _ in range(2):  # the second time from the cache of known heads
        key, where, value = read(via)
        assert (parse_via(value.encode()).serialise().decode(), where) == (stamped, port)
        assert key.startswith(b"z9hG4bKa ")


@pytest.mark.parametrize(
    ("host", "received"),
    [("[2001:db8::10]", False), ("[2001:DB8::10]", False), ("[2001:db8::99]", True), ("phone.example.test", True)],
)
def test_ipv6(host: str, received: bool) -> None:
    """`received` has no brackets (RFC 5118 §4.5 prefers that)."""
    key, port, value = read(f"SIP/2.0/UDP {host}:5070;branch=z9hG4bKa", V6)
    assert (";received=2001:db8::10" in value) == received
    assert (key, port) == (b"z9hG4bKa %b:5070" % host.encode(), 5070)
    _, port, value = read(f"SIP/2.0/UDP {host};rport;branch=z9hG4bKa", V6)
    assert port == 40001 and ";received=2001:db8::10" in value and ";rport=40001" in value


def test_several_values_on_one_line() -> None:
    message = as_request(
        request(via=["SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa, SIP/2.0/TCP b;branch=z9hG4bKb", "SIP/2.0/TCP c"])
    )
    read_top_via(message, V4)
    assert message.all(b"via") == [
        b"SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;received=192.0.2.10", b"SIP/2.0/TCP b;branch=z9hG4bKb", b"SIP/2.0/TCP c",
    ]  # fmt: skip
    pop_via(message)
    assert message.all(b"via") == [b"SIP/2.0/TCP b;branch=z9hG4bKb", b"SIP/2.0/TCP c"]


@pytest.mark.parametrize(
    "others",
    [
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKc",
        'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;x="a,b"',
        "SIP/2.0/UDP 192.0.2.9;\r\n branch=z9hG4bKb",
    ],
)
@pytest.mark.parametrize("comma", [",", " , ", ",\t"])
def test_ours_is_taken_off_a_shared_line(others: str, comma: str) -> None:
    """sipp and some gateways answer with all Via values on one line."""
    message = as_request(request(via=f"SIP/2.0/UDP 192.0.2.1;rport=5060;branch=z9hG4bKa{comma}{others}"))
    pop_via(message)
    left = [value for line in message.all(b"via") for value in split_commas(line)]
    assert left == [" ".join(each.split()).encode() for each in _parts(others)]
    assert len(message.names) == len(message.lines)


@pytest.mark.parametrize("rest", [",", ", ", ", ,SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb"])
def test_an_empty_value_on_a_shared_line_is_refused(rest: str) -> None:
    message = as_request(request(via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa" + rest))
    with pytest.raises(WireError):
        pop_via(message)


def _parts(others: str) -> list[str]:
    return [others] if '"' in others else others.split(", ")


def test_compact_form() -> None:
    message = as_request(request().replace(b"Via:", b"v:"))
    read_top_via(message, V4)
    assert b"received=192.0.2.10" in message.require(b"via")


def test_keys_tell_senders_apart() -> None:
    one = read("SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKa")[0]
    assert one != read("SIP/2.0/UDP 10.1.1.2:5060;branch=z9hG4bKa")[0]
    assert one != read("SIP/2.0/UDP 10.1.1.1:5061;branch=z9hG4bKa")[0]
    assert one != read("SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKA")[0]
    assert one == read("SIP/2.0/UDP 10.1.1.1:5060;x;branch=z9hG4bKa;rport")[0]


@pytest.mark.parametrize(
    "via",
    [
        "",
        "x",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP a b;branch=z9hG4bKa",
        "SIP/3.0/UDP a",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/UDP a:0",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP a,",
        'SIP/2.0/UDP a;branch="',
    ],
)
def test_a_via_that_cannot_be_read(via: str) -> None:
    with pytest.raises(WireError):
        read(via)


def test_the_cache_of_heads_is_bounded() -> None:
    """R69: peers choose what stands there."""
    from seaway.core.sip import topvia

    for number in range(topvia._MAX_HEADS + 100):
        read(f"SIP/2.0/UDP h{number};branch=z9hG4bKa")
    assert len(topvia._heads) <= topvia._MAX_HEADS
    assert read("SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bKa")[1] == 5070
    topvia._heads.clear()
