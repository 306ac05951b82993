from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, Header, MessageClass, is_stun

from .vectors import REQUEST, RESPONSE_IPV4


def test_binding_types_as_on_the_wire() -> None:
    # RFC 8489 §5: Binding request 0x0001, success 0x0101, indication 0x0011, error 0x0111
    for kind, octets in (
        (MessageClass.REQUEST, "0001"),
        (MessageClass.INDICATION, "0011"),
        (MessageClass.SUCCESS, "0101"),
        (MessageClass.ERROR, "0111"),
    ):
        assert Header(kind, BINDING, 0, bytes(12)).encode()[:2].hex() == octets


@given(st.sampled_from(MessageClass), st.integers(0, 0xFFF), st.binary(min_size=12, max_size=12))
def test_round_trip(kind: MessageClass, method: int, transaction_id: bytes) -> None:
    header = Header(kind, method, 0, transaction_id)
    assert Header.decode(header.encode()) == header
    assert is_stun(header.encode()) is (method <= 0xFF)  # RFC 7983 leaves 0 to 3 of the first octet to STUN


def test_is_stun_needs_the_exact_length() -> None:
    assert is_stun(REQUEST)
    assert is_stun(RESPONSE_IPV4)
    for cut in range(len(REQUEST)):
        assert not is_stun(REQUEST[:cut])
    assert not is_stun(REQUEST + b"\0\0\0\0")
    assert not is_stun(b"\x80" + REQUEST[1:])
    assert not is_stun(REQUEST[:4] + b"\0" + REQUEST[5:])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (REQUEST[:19], "header cut short"),
        (b"\x40" + REQUEST[1:], "leading bits not zero"),
        (REQUEST[:4] + bytes(4) + REQUEST[8:], "no magic cookie"),
        (REQUEST[:2] + b"\x00\x5a" + REQUEST[4:] + b"\0\0", "length"),  # no multiple of 4
        (REQUEST[:2] + b"\x00\x54" + REQUEST[4:], "length"),  # shorter than the datagram
        (REQUEST[:2] + b"\xff\xfc" + REQUEST[4:], "length"),  # longer than the datagram
    ],
)
def test_refused(data: bytes, what: str) -> None:
    with pytest.raises(StunError) as caught:
        Header.decode(data)
    assert caught.value.what == what
    assert not is_stun(data)


def test_encode_refuses_a_wrong_transaction_id() -> None:
    with pytest.raises(ValueError, match="12 octets"):
        Header(MessageClass.REQUEST, BINDING, 0, bytes(11)).encode()
