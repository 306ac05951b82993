"""CSeq (R27)."""

from __future__ import annotations

import pytest

from seaway.wire.sip.cseq import CSeq, parse_cseq
from seaway.wire.sip.errors import SipError


@pytest.mark.parametrize(
    ("value", "number"), [(b"0 INVITE", 0), (b"0009\r\n  INVITE", 9), (b"2147483647\tINVITE", 2**31 - 1)]
)
def test_read(value: bytes, number: int) -> None:
    assert parse_cseq(value) == CSeq(number, b"INVITE")


@pytest.mark.parametrize(
    "value",
    [
        b"", b"1", b"INVITE", b"1 ", b" INVITE", b"-1 INVITE", b"+1 INVITE", b"1_0 INVITE", b"2147483648 INVITE",
        b"4294967296 INVITE", b"18446744073709551616 INVITE", b"1" * 100 + b" INVITE", b"1 IN VITE", b"1 INVITE;x",
        "\u0661 INVITE".encode(),
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse_cseq(value)
    assert caught.value.status == 400


def test_write() -> None:
    assert parse_cseq(b"007  BYE").serialise() == b"7 BYE"
