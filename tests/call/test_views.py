from __future__ import annotations

import pytest

from seaway.call.views import printable, text_of


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b"bob@example.test", "bob@example.test"),
        ("J\u00fcrgen".encode(), "J\u00fcrgen"),
        (b"a\x1b[2Jb", "a\\x1b[2Jb"),
        (b"a\r\nb", "a\\r\\nb"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"\xff\xfe", "\\xff\\xfe"),
    ],
)
def test_r67_nothing_that_a_terminal_obeys(octets: bytes, shown: str) -> None:
    assert text_of(octets) == shown
    assert printable(shown) == shown
