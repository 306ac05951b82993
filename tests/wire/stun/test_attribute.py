from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.attribute import Attribute, AttributeType, decode_attributes, encode_attribute
from seaway.wire.stun.errors import StunError


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=20))
def test_round_trip_keeps_unknown_types_order_and_duplicates(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(encode_attribute(Attribute(kind, value)) for kind, value in pairs)
    assert [(each.type, each.value) for each in decode_attributes(data, 0)] == pairs


@given(st.binary(max_size=64))
def test_padding_is_always_zero(value: bytes) -> None:
    encoded = encode_attribute(Attribute(AttributeType.USERNAME, value))
    assert len(encoded) % 4 == 0
    assert not any(encoded[4 + len(value) :])


def test_padding_content_is_ignored_on_receipt() -> None:
    (attribute,) = decode_attributes(bytes.fromhex("00060001 41ffffff"), 0)
    assert attribute.value == b"A"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("0006", "attribute header cut short"),
        ("00060005 41424344", "attribute longer than the message"),
        ("0006ffff 41424344", "attribute longer than the message"),  # 65535 + padding wraps in 16 bits
        ("0006fffe 41424344", "attribute longer than the message"),
        ("00060003 414243", "attribute longer than the message"),  # padding missing
    ],
)
def test_refused(data: str, what: str) -> None:
    with pytest.raises(StunError) as caught:
        decode_attributes(bytes.fromhex(data), 0)
    assert caught.value.what == what


def test_number_of_attributes_is_bounded() -> None:
    data = encode_attribute(Attribute(0x8000, b"")) * 65
    assert len(decode_attributes(data[:-4], 0)) == 64
    with pytest.raises(StunError, match="too many attributes"):
        decode_attributes(data, 0)


def test_comprehension() -> None:
    assert Attribute(0x7FFF, b"").comprehension_required
    assert not Attribute(AttributeType.PROBE_SEQUENCE, b"").comprehension_required


def test_value_limit() -> None:
    with pytest.raises(ValueError, match="65535"):
        encode_attribute(Attribute(1, bytes(65536)))
