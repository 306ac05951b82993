"""Whatever octets come in on whatever flow: no exception, bounded outputs, and the next good call works."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seaway.call.control import Control
from seaway.call.events import LogEvent
from seaway.core.sip.io import Flow, Send

from ..support.messages import flow, request, response, sdp
from ..support.nodes import CORE, Pair, control

UDP = flow("udp", ("192.0.2.66", 5060), (CORE, 5060))
TLS = flow("tls", ("192.0.2.66", 40000), (CORE, 5061))
LINK = flow("tls", ("203.0.113.1", 7001), (CORE, 25000), zone="traversal")
METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "FOO"]

SEEDS = [
    request(), request("REGISTER", "sip:example.test", headers=["Contact: <sip:a@192.0.2.66>;q=0.5;expires=60"]),
    request("ACK", to="<sip:b@c>;tag=1", headers=["Route: <sip:n.0011223344556677@10.0.0.1:5060;lr>"]),
    request("INVITE", headers=["Content-Type: application/sdp", "Contact: <sip:a@192.0.2.66>"], body=sdp()),
    request("OPTIONS", "sip:10.0.0.1", headers=['Authorization: Digest username="a", realm="example.test", nonce="x"']),
    request("CANCEL"), request("BYE", to="<sip:b@c>;tag=1", headers=["Record-Route: <sip:a;lr>", "Proxy-Require: x"]),
    response(request(via="SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx"), 200, body=sdp()),
    response(request("OPTIONS", via=["SIP/2.0/UDP a;branch=z9hG4bKx", "SIP/2.0/UDP b"]), 401),
]  # fmt: skip
PIECES = [
    *(b"\r\n|\r\n\r\n|\0|\xff\xfe|,|;|\"|<|>|<<|sip:|%|%00|@|[|::|-1|z9hG4bK|;rport|;lr|\r\n ".split(b"|")),
    *(b"Via: x\r\n|*|;tag=|To: <sip:x>\r\n|Content-Length: 99\r\n|SIP/2.0|\t|\xd9\xa1|\xc3|?|=|{|\\".split(b"|")),
    b" " * 40, b"9" * 30, b"a" * 300,
]  # fmt: skip


def drain(core: Control) -> list[object]:
    found = []
    while (output := core.next_output()) is not None:
        found.append(output)
    return found


def mutate(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:at] + rng.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + rng.randrange(1, 20) :]
        elif kind == 2:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == 3:
            lines = data.split(b"\r\n")
            rng.shuffle(lines)
            data = b"\r\n".join(lines)
        elif kind == 4:
            lines = data.split(b"\r\n")
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
            data = b"\r\n".join(lines)
        else:
            data = data[:at]
    return data


def check(core: Control, data: bytes, where: Flow) -> None:
    core.receive(data, where, 1.0)
    outputs = drain(core)
    sent = [each for each in outputs if isinstance(each, Send)]
    assert len(outputs) <= 6
    if where.transport == "udp" and where.zone is None:
        assert sum(len(each.data) for each in sent) <= 3 * len(data), "an amplifier"
        assert all(each.flow.remote[0] == where.remote[0] for each in sent), "an answer to somebody else"
    assert sum(len(str(each)) for each in outputs if isinstance(each, LogEvent)) <= 4000 + 4 * len(data)


@pytest.mark.parametrize("seed", range(12))
def test_mutants_of_good_messages(seed: int) -> None:
    rng = random.Random(seed)
    core = control()
    core.start(0.0)
    drain(core)
    for number in range(1200):
        data = mutate(rng, rng.choice(SEEDS).replace(b"z9hG4bKbranch1", b"z9hG4bK%d" % number))
        check(core, data, rng.choice((UDP, UDP, TLS)))
    for second in range(1, 80):
        core.handle_timeout(float(second))
        assert not [each for each in drain(core) if isinstance(each, Send)], "nothing is repeated to strangers"
    assert len(core._proxy.layer) == 0
    assert core.next_deadline() is not None


@pytest.mark.parametrize("seed", range(6))
def test_mutants_from_a_trusted_peer_inside_a_call(seed: int) -> None:
    """Also with tokens and sessions that are right: both phones and the other node go mad in the middle of a call."""
    rng = random.Random(1000 + seed)
    pair = Pair(seed)
    alice, bob = pair.inside("alice"), pair.outside("bob", "udp")
    bob.script = [(0.1, 180, b""), (0.2, 200, sdp("198.51.100.20", 40000))]
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert dialog.statuses[-1] == 200
    seen = [each for each in pair.net.wire if each.target in ("core1", "edge1") and len(each.data) > 10]
    for number in range(400):
        crossing = rng.choice(seen)
        host = pair.core if crossing.target == "core1" else pair.edge
        ends = [end for stream in host.streams.values() for end in stream.ends]
        flows = [*host.udp.values(), *(own for end, own in ends if end is host)]
        where = rng.choice(flows)
        data = mutate(rng, crossing.data.replace(b"branch=z9hG4bK", b"branch=z9hG4bK%d" % number))
        host.core.receive(data, where, pair.net.now)
        host.log.clear()
        while (output := host.core.next_output()) is not None:
            assert output is not None
        if number % 50 == 0:
            pair.net.run(1)
    pair.net.run(300)
    for host in (pair.core, pair.edge):
        assert len(host.core._proxy.layer) <= 1
        assert not host.core._anchor._held
    assert alice.register() == 200 and bob.register() == 200
    again = alice.call(bob.uri, sdp())
    pair.net.run(3)
    assert again.statuses[-1] == 200, "the next good call works"


@given(st.binary(max_size=400))
@example(b"")
@example(b"\r\n\r\n")
@example(b"\0" * 4)
@example(b"SIP/2.0 200 OK\r\n\r\n")
@example(b"INVITE\r\n\r\n")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_octets(data: bytes) -> None:
    core = control()
    core.start(0.0)
    drain(core)
    for where in (UDP, TLS, LINK):
        check(core, data, where)


WORDS = st.sampled_from(
    b"INVITE|sip:a@b|SIP/2.0|Via|:| |SIP/2.0/UDP|a;branch=z9hG4bK1|\r\n|From|To|Call-ID|CSeq|1 INVITE|<sip:a@b>|;tag=|"
    b'Route|Contact|*|Expires|0|,|"|Content-Length|Max-Forwards|Authorization|Digest |x=y'.split(b"|")
)


@given(st.lists(WORDS, max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_words(words: list[bytes]) -> None:
    core = control()
    core.start(0.0)
    drain(core)
    check(core, b"".join(words) + b"\r\n\r\n", UDP)


@pytest.mark.parametrize("size", [1, 100, 10_000, 60_000])
@pytest.mark.parametrize("field", ["branch", "tag", "call-id", "user", "method", "host", "param", "realm"])
def test_long_fields(field: str, size: int) -> None:
    """R26: answered or refused, bounded."""
    long = "a" * size
    data = {
        "branch": request(branch=f"z9hG4bK{long}"),
        "tag": request(frm=f"<sip:a@b>;tag={long}"),
        "call-id": request(call_id=long),
        "user": request(uri=f"sip:{long}@example.test"),
        "method": request(long.upper()),
        "host": request(via=f"SIP/2.0/UDP {long};branch=z9hG4bKx"),
        "param": request(via=f"SIP/2.0/UDP h;branch=z9hG4bKx;{long}={long}"),
        "realm": request(headers=[f'Proxy-Authorization: Digest username="x", realm="{long}", nonce="x"']),
    }[field]
    core = control()
    core.start(0.0)
    drain(core)
    check(core, data, UDP)
    assert len(core._proxy.layer) == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_missing_header(method: str, missing: str) -> None:
    data = b"\r\n".join(line for line in request(method).split(b"\r\n") if not line.startswith(missing.encode() + b":"))
    core = control()
    core.start(0.0)
    drain(core)
    check(core, data, UDP)
    assert core.counters["sip.malformed"] == 1


@pytest.mark.parametrize("method", [each for each in METHODS if each != "ACK"])
def test_a_malformed_request_is_answered_once_and_an_ack_never(method: str) -> None:
    core = control()
    core.start(0.0)
    drain(core)
    for name in (method, "ACK"):
        core.receive(request(name, headers=["CSeq: 2 INVITE"]), UDP, 0.0)
        sent = [each for each in drain(core) if isinstance(each, Send)]
        assert len(sent) == (0 if name == "ACK" else 1)
        if sent:
            assert sent[0].data.startswith(b"SIP/2.0 400 ")
    assert len(core._proxy.layer) == 0
