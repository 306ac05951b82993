from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.address import decode_address, decode_xor_address, mapped_address, xor_mapped_address
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.message import decode

from .vectors import RESPONSE_IPV4, RESPONSE_IPV6


@pytest.mark.parametrize(
    ("vector", "address"),
    [
        (RESPONSE_IPV4, ("192.0.2.1", 32853)),  # RFC 5769 §2.2
        (RESPONSE_IPV6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),  # RFC 5769 §2.3
    ],
)
def test_vectors(vector: bytes, address: tuple[str, int]) -> None:
    message = decode(vector)
    attribute = message.first(AttributeType.XOR_MAPPED_ADDRESS)
    assert attribute is not None
    assert decode_xor_address(attribute.value, message.transaction_id) == address
    assert xor_mapped_address(address, message.transaction_id).value == attribute.value


@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65535),
    st.binary(min_size=12, max_size=12),
)
def test_round_trip(host: IPv4Address | IPv6Address, port: int, transaction_id: bytes) -> None:
    address = (str(host), port)
    assert decode_address(mapped_address(address).value) == address
    assert decode_xor_address(xor_mapped_address(address, transaction_id).value, transaction_id) == address


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("", "address cut short"),
        ("00", "address cut short"),
        ("0003a147e112a643", "address family"),
        ("0001a147e112a6", "address length"),
        ("0001a147e112a64300", "address length"),
        ("0002a147e112a643", "address length"),
    ],
)
def test_refused(value: str, what: str) -> None:
    with pytest.raises(StunError) as caught:
        decode_address(bytes.fromhex(value))
    assert caught.value.what == what


def test_first_octet_is_ignored() -> None:
    assert decode_address(bytes.fromhex("ff0113c4c0000201")) == ("192.0.2.1", 5060)
