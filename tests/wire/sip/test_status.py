"""Reason phrases, and the error that carries one."""

from __future__ import annotations

import pytest

from seaway.wire.sip.errors import SipError
from seaway.wire.sip.status import REASONS, reason_phrase


def test_phrases() -> None:
    assert reason_phrase(200) == "OK"
    assert reason_phrase(483) == "Too Many Hops"
    assert reason_phrase(499) == "Bad Request"
    assert reason_phrase(999) == "Unknown"
    assert all(100 <= code <= 699 and text.isascii() and text for code, text in REASONS.items())


@pytest.mark.parametrize("status", [400, 413, 416, 420, 505])
def test_error_carries_the_phrase(status: int) -> None:
    error = SipError("x", status=status, section="RFC 3261 §7", offset=3)
    assert (error.status, error.reason) == (status, REASONS[status])
    assert str(error) == "x at octet 3 (RFC 3261 §7)"
    assert not error.close
