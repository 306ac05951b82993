from __future__ import annotations

import pytest

from seaway.wire.stun.errors import StunError
from seaway.wire.stun.lifetime import decode_lifetime, lifetime


@pytest.mark.parametrize("seconds", [0, 600, 3600, 0xFFFFFFFF])
def test_round_trip(seconds: int) -> None:
    assert decode_lifetime(lifetime(seconds).value) == seconds


@pytest.mark.parametrize("octets", [0, 3, 5, 8])
def test_length(octets: int) -> None:
    with pytest.raises(StunError):
        decode_lifetime(bytes(octets))
