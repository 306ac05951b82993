from __future__ import annotations

import pytest

from seaway.wire.stun.header import Header, MessageClass
from seaway.wire.stun.methods import ERROR, INDICATION, SUCCESS, Method


@pytest.mark.parametrize("method", list(Method))
def test_types_are_what_the_header_says(method: Method) -> None:
    for kind, bits in (
        (MessageClass.REQUEST, 0),
        (MessageClass.INDICATION, INDICATION),
        (MessageClass.SUCCESS, SUCCESS),
        (MessageClass.ERROR, ERROR),
    ):
        assert Header(kind, method, 0, bytes(12)).encode()[:2] == (method | bits).to_bytes(2, "big")
