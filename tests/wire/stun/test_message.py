from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.text import username

from .vectors import LONG_TERM, PASSWORD, REQUEST, RESPONSE_IPV4, RESPONSE_IPV6

TRANSACTION = bytes(range(12))


@pytest.mark.parametrize("vector", [RESPONSE_IPV4, RESPONSE_IPV6, REQUEST])
def test_encode_gives_the_vectors_but_for_their_padding_of_spaces(vector: bytes) -> None:
    message = decode(vector)
    body = [
        each
        for each in message.attributes
        if each.type not in (AttributeType.MESSAGE_INTEGRITY, AttributeType.FINGERPRINT)
    ]
    again = encode(message.message_class, message.method, message.transaction_id, body, key=PASSWORD)
    assert [(each.type, len(each.value)) for each in decode(again).attributes] == [
        (each.type, len(each.value)) for each in message.attributes
    ]
    assert decode(again).has_integrity(PASSWORD)


@pytest.mark.parametrize("vector", [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6, LONG_TERM])
def test_truncated_and_with_octets_behind(vector: bytes) -> None:
    for cut in range(len(vector)):
        with pytest.raises(StunError):
            decode(vector[:cut])
    with pytest.raises(StunError):
        decode(vector + b"\0\0\0\0")


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    for candidate in (data, REQUEST[:2] + len(data).to_bytes(2, "big") + REQUEST[4:20] + data):
        try:
            decode(candidate)
        except StunError:
            continue


def test_first_of_duplicates_counts() -> None:
    data = encode(MessageClass.REQUEST, BINDING, TRANSACTION, (username("one"), username("two")), key=b"k")
    name = decode(data).first(AttributeType.USERNAME)
    assert name is not None and name.value == b"one"


def test_attributes_behind_the_integrity_do_not_count() -> None:
    # RFC 8489 §14.5: they are not covered by the check
    signed = encode(MessageClass.REQUEST, BINDING, TRANSACTION, (), key=b"k", fingerprint=False)
    late = bytes.fromhex("00060004") + b"evil"
    data = signed[:2] + (len(signed) - 20 + 8).to_bytes(2, "big") + signed[4:] + late
    message = decode(data)
    assert message.has_integrity(b"k")
    assert message.first(AttributeType.USERNAME) is None
    assert message.attributes[-1].value == b"evil"


def test_sha256_decides_when_both_are_present() -> None:
    # RFC 8489 §9.1.3
    signed = encode(MessageClass.REQUEST, BINDING, TRANSACTION, (), key=b"k", fingerprint=False)
    late = bytes.fromhex("001c0020") + bytes(32)
    data = signed[:2] + (len(signed) - 20 + 36).to_bytes(2, "big") + signed[4:] + late
    assert not decode(data).has_integrity(b"k")


def test_no_integrity_is_no_integrity() -> None:
    assert not decode(encode(MessageClass.REQUEST, BINDING, TRANSACTION)).has_integrity(b"")


def test_unknown_required() -> None:
    attributes = (Attribute(0x0024, b"1234"), Attribute(0x8029, b""), Attribute(0x7777, b""), Attribute(0x0024, b""))
    message = decode(encode(MessageClass.REQUEST, BINDING, TRANSACTION, attributes, key=b"k"))
    assert message.unknown_required(frozenset({AttributeType.USERNAME})) == (0x0024, 0x7777)
    assert message.unknown_required(frozenset({0x0024, 0x7777})) == ()


def test_unknown_attributes_survive() -> None:
    message = decode(encode(MessageClass.INDICATION, BINDING, TRANSACTION, (Attribute(0xBEEF, b"abc"),)))
    assert (message.attributes[0].type, message.attributes[0].value) == (0xBEEF, b"abc")
