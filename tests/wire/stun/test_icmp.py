from __future__ import annotations

import pytest

from seaway.wire.stun.errors import StunError
from seaway.wire.stun.icmp import Icmp, decode_icmp, icmp


def test_octets() -> None:
    # RFC 8656 §18.13: 7 bits of type, 9 of code
    assert icmp(Icmp(3, 4, b"\0\0\5\0")).value == bytes.fromhex("0000 0604 00000500")
    assert decode_icmp(bytes.fromhex("ffff 0604 00000500")) == Icmp(3, 4, b"\0\0\5\0")
    assert decode_icmp(icmp(Icmp(127, 511)).value) == Icmp(127, 511)


@pytest.mark.parametrize("value", [Icmp(128, 0), Icmp(0, 512), Icmp(0, 0, b"")])
def test_our_own_mistake(value: Icmp) -> None:
    with pytest.raises(ValueError, match="ICMP"):
        icmp(value)


@pytest.mark.parametrize("octets", [0, 7, 9])
def test_length(octets: int) -> None:
    with pytest.raises(StunError):
        decode_icmp(bytes(octets))
