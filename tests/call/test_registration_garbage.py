"""Registrations, GRUUs, paths and subscriptions made of pieces in any order: nothing raises, nothing is left behind."""

from __future__ import annotations

import random

import pytest

from seaway.call.config import NeighbourZone, Registrations
from seaway.call.control import Control
from seaway.call.kept import PREFIX
from seaway.core.sip.registrar import Bounds
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

from ..support.messages import flow
from ..support.nodes import CORE, config

_PIECES = [
    b"<sip:alice@192.0.2.1>", b"*", b';+sip.instance="<urn:x:y>"', b";reg-id=1", b";reg-id=2", b";q=0.5",
    b";expires=70", b";expires=0", b"<sip:a@b;gr>", b"<sip:alice@example.test;gr=urn:x:y>", b",", b'"', b"<", b">",
    b";", b"\\", b"\xff",
    b"sip:", b"sips:z", b" ", b"\r\n ", b"lr", b";ob", b"%41", b"=", b"0", b"99999999999", b"<sip:p;lr>",
]  # fmt: skip
_FIELDS = [
    b"Contact", b"Path", b"Supported", b"Require", b"Expires", b"Event", b"Accept", b"P-Asserted-Identity", b"Privacy",
    b"Authorization", b"Proxy-Authorization", b"X-Seaway-Method", b"Route", b"Max-Forwards", b"Record-Route",
]  # fmt: skip
_VALUES = [
    b"path, outbound, gruu", b"reg", b"reg;id=1", b"600", b"0", b"id", b"application/reginfo+xml", b"INVITE",
    b"seaway-credentials", b"<sip:f1-2.abc@10.0.0.1;lr>", b"<sip:alice@example.test>", b"<sip:bob@192.0.2.2>",
    b'Digest username="alice", realm="example.test", nonce="x", uri="sip:x", response="00", algorithm=MD5, cnonce="a", '
    b"nc=00000001, qop=auth",
]  # fmt: skip
_URIS = [
    b"sip:example.test", b"sip:alice@example.test", b"sip:bob@example.test", b"sip:alice@example.test;gr=urn:x:y",
    b"sip:tgruu.abc@example.test;gr", b"sip:10.0.0.1", b"sip:reg@10.0.0.1:5060",
]  # fmt: skip
_METHODS = [b"REGISTER", b"REGISTER", b"SUBSCRIBE", b"SUBSCRIBE", b"INVITE", b"OPTIONS", b"NOTIFY", b"MESSAGE"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("elsewhere", [False, True])
def test_pieces_in_any_order(seed: int, elsewhere: bool) -> None:
    chance = random.Random(seed)
    trusted = ZoneSettings(authentication="treat-as-authenticated")
    core = Control(
        config(
            neighbours=(NeighbourZone("trunk", ("192.0.2.10",), 5060, "udp"),),
            default_zone=DefaultZone(trusted),
            registrations=(Registrations("example.test", "nowhere" if elsewhere else None, (("regex", ".*"),)),),
            registrar=Bounds(service_route=(b"<sip:x;lr>",)),
            persistent=True,
        ),
        chance.randbytes,
    )
    core.start(0.0)
    core.clock(1e9, 0.0)
    flows = [flow("udp", (f"192.0.2.{last}", 5060), (CORE, 5060)) for last in (10, 99)]
    flows.append(flow("tcp", ("192.0.2.98", 999), (CORE, 5060)))
    now, answered = 0.0, 0
    for number in range(2500):
        method = chance.choice(_METHODS)
        lines = [
            b"%b %b SIP/2.0" % (method, chance.choice(_URIS)),
            b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK%d" % number,
            b"From: <sip:alice@example.test>;tag=1",
            b"To: " + chance.choice([b"<sip:alice@example.test>", b"<sip:alice@example.test>;tag=zz"]),
            b"Call-ID: c%d" % chance.randrange(50),
            b"CSeq: %d %b" % (number + 1, method),
        ]
        for _ in range(chance.randrange(6)):
            pieces = b"".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 6)))
            value = chance.choice(_VALUES) if chance.random() < 0.6 else pieces
            lines.append(chance.choice(_FIELDS) + b": " + value)
        now += 0.05
        core.receive(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]), chance.choice(flows), now)
        if number % 50 == 0:
            core.handle_timeout(now)
            rows = core.keeper.changes()
            assert all(key.startswith(PREFIX) for key, _, _ in rows)
            other = Control(core.config, chance.randbytes)
            other.clock(1e9 + now, now)
            kept = [(key, value) for key, value, _ in rows if value is not None]
            assert other.keeper.restore(kept, now)[1] == 0, "what is written can be read"
        while (output := core.next_output()) is not None:
            answered += hasattr(output, "data")
    assert answered > 1000
    core.keeper.changes()
    core.handle_timeout(now + 1e5)
    while core.next_output() is not None:
        pass
    registrar = core._registrar
    assert len(registrar) == len(core._registering.events) == 0
    assert not registrar._by_uri and not registrar._by_index and not registrar.watched and not registrar.news


@pytest.mark.parametrize("seed", range(20))
def test_kept_values_that_were_spoilt(seed: int) -> None:
    """A store is a file: whatever is read from it, the node starts."""
    chance = random.Random(seed)
    core = Control(config(persistent=True), chance.randbytes)
    core.clock(1e9, 0.0)
    good = (
        b'[{"uri": "sip:a@192.0.2.1", "call_id": "c", "cseq": 1, "expires": 1000000600.0, "since": 1000000000.0, '
        b'"q": 1000, "instance": "urn:x:y", "reg_id": 1, "path": ["<sip:p;lr>"], "zone": null, "agent": "x", '
        b'"udp": [["10.0.0.1", 5060], ["192.0.2.1", 5060]]}]'
    )
    rows = []
    for number in range(300):
        data = bytearray(good)
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(4)] = chance.choice([b"", b"0", b'"', b"null", b"[]", b"-1", b"\xff"])
        rows.append((f"{PREFIX}alice@example.test" if number % 2 else f"{PREFIX}{number}", bytes(data)))
    taken, unusable = core.keeper.restore(rows, 0.0)
    assert taken and unusable
    core.snapshot("registrations", 0.0)
    core.keeper.changes()
