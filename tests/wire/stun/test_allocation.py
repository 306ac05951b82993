from __future__ import annotations

from collections.abc import Callable

import pytest

from seaway.wire.stun import allocation
from seaway.wire.stun.errors import StunError


def test_octets() -> None:
    # RFC 8656 §18.7 to §18.10, RFC 6062 §6.2.1
    assert allocation.requested_transport(allocation.UDP).value == bytes.fromhex("11000000")
    assert allocation.even_port(reserve_next=True).value == b"\x80"
    assert allocation.even_port(reserve_next=False).value == b"\x00"
    assert allocation.reservation_token(b"12345678").value == b"12345678"
    assert allocation.dont_fragment().value == b""
    assert allocation.connection_id(0xDEADBEEF).value == bytes.fromhex("deadbeef")


def test_reading() -> None:
    assert allocation.decode_requested_transport(bytes.fromhex("06ffffff")) == allocation.TCP
    assert allocation.decode_even_port(b"\xff") and not allocation.decode_even_port(b"\x7f")
    assert allocation.decode_reservation_token(b"12345678") == b"12345678"
    assert allocation.decode_connection_id(bytes.fromhex("deadbeef")) == 0xDEADBEEF
    allocation.decode_dont_fragment(b"")


@pytest.mark.parametrize(
    ("read", "size"),
    [
        (allocation.decode_requested_transport, 4),
        (allocation.decode_even_port, 1),
        (allocation.decode_reservation_token, 8),
        (allocation.decode_connection_id, 4),
        (allocation.decode_dont_fragment, 0),
    ],
)
def test_length(read: Callable[[bytes], object], size: int) -> None:
    for octets in {0, size - 1, size + 1, 2 * size + 3} - {size, -1}:
        with pytest.raises(StunError):
            read(bytes(octets))
