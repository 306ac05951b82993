from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.view import View, view

from .vectors import LONG_TERM, LONG_TERM_USER, REQUEST, RESPONSE_IPV4, RESPONSE_IPV6

VECTORS = [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6, LONG_TERM]


def same(data: bytes) -> View:
    """The view says what the message says."""
    short, whole = view(data), decode(data)
    assert short.transaction_id == whole.transaction_id
    for attribute in whole.attributes:
        first = whole.first(attribute.type)
        if attribute.type in (AttributeType.MESSAGE_INTEGRITY, AttributeType.MESSAGE_INTEGRITY_SHA256):
            at = short.integrity if attribute.type == AttributeType.MESSAGE_INTEGRITY else short.sha256
            assert at == (0 if first is None else first.offset)
        elif attribute.type != AttributeType.FINGERPRINT:
            assert short.values.get(attribute.type) == (None if first is None else first.value)
    return short


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors(vector: bytes) -> None:
    # RFC 5769 §2.1 to §2.4
    same(vector)
    for cut in range(len(vector)):
        with pytest.raises(StunError):
            view(vector[:cut])
    for more in (b"\0", b"\0\0\0\0"):
        with pytest.raises(StunError):
            view(vector + more)


def test_long_term_vector() -> None:
    # RFC 5769 §2.4
    found = view(LONG_TERM)
    assert found.values[AttributeType.USERNAME] == LONG_TERM_USER.encode()
    assert found.values[AttributeType.REALM] == b"example.org"
    assert found.type == BINDING and found.integrity == len(LONG_TERM) - 24 and not found.fingerprint


_ATTRIBUTES = st.lists(
    st.builds(Attribute, st.sampled_from([0x06, 0x12, 0x12, 0x13, 0x15, 0x77, 0x8077]), st.binary(max_size=9)),
    max_size=8,
)


@given(_ATTRIBUTES, st.sampled_from([None, b"key"]), st.booleans(), st.booleans())
def test_agrees_with_the_whole_message(attributes: list[Attribute], key: bytes, sha256: bool, last: bool) -> None:
    data = encode(MessageClass.REQUEST, BINDING, bytes(12), attributes, key=key, sha256=sha256, fingerprint=last)
    found = same(data)
    assert found.fingerprint is last
    assert found.peers == [each.value for each in attributes if each.type == 0x12]


def test_r8_the_first_of_duplicates_counts() -> None:
    twice = [Attribute(0x12, b"first"), Attribute(0x12, b"second"), Attribute(0x13, b"a"), Attribute(0x13, b"b")]
    found = same(encode(MessageClass.REQUEST, BINDING, bytes(12), twice))
    assert found.values == {0x12: b"first", 0x13: b"a"}


def test_nothing_behind_the_integrity_counts() -> None:
    signed = encode(MessageClass.REQUEST, BINDING, bytes(12), (), key=b"k", fingerprint=False)
    data = signed[:2] + (len(signed) - 12).to_bytes(2, "big") + signed[4:] + bytes.fromhex("00060004") + b"evil"
    assert same(data).values == {}


def test_a_wrong_or_misplaced_fingerprint_is_refused() -> None:
    good = encode(MessageClass.REQUEST, BINDING, bytes(12), ())
    assert view(good).fingerprint
    with pytest.raises(StunError):
        view(good[:-1] + bytes((good[-1] ^ 1,)))
    text = bytes.fromhex("00010010 2112a442") + bytes(12)
    early = text + bytes.fromhex("80280004") + (zlib.crc32(text) ^ 0x5354554E).to_bytes(4, "big")
    with pytest.raises(StunError):
        view(early + bytes.fromhex("80770004 00000000"))


@given(st.binary(max_size=120))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    head = REQUEST[:2] + (len(data) & 0xFFFC).to_bytes(2, "big") + REQUEST[4:20]
    for candidate in (data, head + data[: len(data) & 0xFFFC]):
        try:
            found = view(candidate)
        except StunError:
            continue
        assert found.data == candidate
        same(candidate)


def test_too_many_attributes() -> None:
    many = [Attribute(0x8077, b"")] * 96
    assert view(encode(MessageClass.REQUEST, BINDING, bytes(12), many, fingerprint=False))
    with pytest.raises(StunError):
        view(encode(MessageClass.REQUEST, BINDING, bytes(12), [*many, many[0]], fingerprint=False))
