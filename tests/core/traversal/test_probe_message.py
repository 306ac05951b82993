from __future__ import annotations

import re
from pathlib import Path

import pytest

from seaway.core.traversal.probe_message import (
    decode_probe,
    encode_answer,
    encode_probe,
    encode_unknown,
    mapped_in_answer,
)  # fmt: skip
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.error_code import decode_error_code, decode_unknown_attributes
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.text import username

KEY = b"key"
SEQUENCE = Attribute(AttributeType.PROBE_SEQUENCE, bytes((0, 0, 1, 2)))


def test_octets_of_a_probe() -> None:
    # docs/traversal-media.md, example
    data = encode_probe(bytes(range(12)), "SeaWayUser01", b"password-of-24-octets-12", 1)
    assert data[:20].hex() == "000100382112a442000102030405060708090a0b"
    assert data[20:36] == bytes.fromhex("0006000c") + b"SeaWayUser01"
    assert data[36:44].hex() == "c5ea000400000001"
    assert data[44:48].hex() == "00080014" and data[68:72].hex() == "80280004"
    assert len(data) == 76


def test_round_trip() -> None:
    probe = decode_probe(encode_probe(bytes(12), "user", KEY, 258))
    assert probe is not None
    assert (probe.user, probe.sequence, probe.sha256, probe.unknown_required) == (b"user", 258, False, ())
    assert mapped_in_answer(encode_answer(probe, ("2001:db8::1", 9), KEY), KEY) == (bytes(12), ("2001:db8::1", 9))


@pytest.mark.parametrize(
    "data",
    [
        encode(MessageClass.INDICATION, BINDING, bytes(12), (username("u"), SEQUENCE), key=KEY),
        encode(MessageClass.REQUEST, 3, bytes(12), (username("u"), SEQUENCE), key=KEY),
        encode(MessageClass.REQUEST, BINDING, bytes(12), (SEQUENCE,), key=KEY),
        encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"),), key=KEY),
        encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"), SEQUENCE)),
        encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"), Attribute(0xC5EA, b"12345")), key=KEY),
        encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"), SEQUENCE), key=KEY)[:-1] + b"\0",
        encode(MessageClass.REQUEST, BINDING, bytes(12), [Attribute(0x8000, b"")] * 17, key=KEY),
    ],
    ids=["indication", "method", "no-user", "no-sequence", "no-integrity", "long-sequence", "fingerprint", "many"],
)
def test_what_is_no_probe(data: bytes) -> None:
    assert decode_probe(data) is None


def test_integrity_kind_of_the_answer_follows_the_request() -> None:
    data = encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"), SEQUENCE), key=KEY, sha256=True)
    probe = decode_probe(data)
    assert probe is not None and probe.sha256
    answer = decode(encode_answer(probe, ("192.0.2.1", 1), KEY))
    assert answer.first(AttributeType.MESSAGE_INTEGRITY) is None
    assert answer.first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None and answer.has_integrity(KEY)


def test_unknown_required_attributes_are_listed() -> None:
    extra = Attribute(0x7001, b"")
    probe = decode_probe(encode(MessageClass.REQUEST, BINDING, bytes(12), (username("u"), SEQUENCE, extra), key=KEY))
    assert probe is not None and probe.unknown_required == (0x7001,)
    answer = decode(encode_unknown(probe, KEY))
    code, types = answer.first(AttributeType.ERROR_CODE), answer.first(AttributeType.UNKNOWN_ATTRIBUTES)
    assert answer.message_class is MessageClass.ERROR and answer.has_integrity(KEY)
    assert code and decode_error_code(code.value).code == 420
    assert types and decode_unknown_attributes(types.value) == (0x7001,)
    assert mapped_in_answer(answer.raw, KEY) is None


def test_the_example_of_the_document() -> None:
    text = (Path(__file__).parents[3] / "docs/traversal-media.md").read_text("utf-8")
    example = text.partition("## Example")[2].partition("## ")[0]
    probe, answer = (bytes.fromhex(block) for block in re.findall(r"(?:^ {4}[0-9a-f ]+\n)+", example, re.MULTILINE))
    key = b"passwordof24octetsXXXX24"
    assert encode_probe(bytes(range(12)), "SeaWayUser01", key, 1) == probe
    decoded = decode_probe(probe)
    assert decoded is not None and encode_answer(decoded, ("192.0.2.10", 36002), key) == answer
