from __future__ import annotations

import pytest

from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.message import decode
from seaway.wire.stun.text import decode_software, decode_username, software, username

from .vectors import LONG_TERM, LONG_TERM_USER, REQUEST


def test_vectors() -> None:
    request = decode(REQUEST)  # RFC 5769 §2.1
    name, product = request.first(AttributeType.USERNAME), request.first(AttributeType.SOFTWARE)
    assert name is not None and decode_username(name.value) == "evtj:h6vY"
    assert product is not None and decode_software(product.value) == "STUN test client"
    name = decode(LONG_TERM).first(AttributeType.USERNAME)  # RFC 5769 §2.4
    assert name is not None and decode_username(name.value) == LONG_TERM_USER


def test_limits() -> None:
    assert decode_username(username("u" * 508).value) == "u" * 508
    with pytest.raises(ValueError, match="509 octets"):
        username("u" * 509)
    with pytest.raises(StunError, match="too long"):
        decode_username(bytes(509))
    with pytest.raises(ValueError, match="764 octets"):
        software("s" * 764)
    with pytest.raises(StunError, match="too long"):
        decode_software(bytes(764))


def test_not_utf8() -> None:
    with pytest.raises(StunError, match="not UTF-8") as caught:
        decode_username(b"ab\xff")
    assert caught.value.offset == 2
