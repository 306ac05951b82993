from __future__ import annotations

import hashlib
from ipaddress import ip_network
from typing import Any

import pytest

from seaway.core.turn.config import user_keys

from .rig import config


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"realm": ""}, "realm"),
        ({"realm": "r" * 29}, "28 octets"),
        ({"realm": "é" * 15}, "28 octets"),
        ({"nonce_secret": b"short"}, "16 octets"),
        ({"md5": False, "sha256": False}, "password algorithms"),
        ({"families": frozenset()}, "address family"),
        ({"default_lifetime": 0}, "lifetimes"),
        ({"default_lifetime": 4000}, "lifetimes"),
        ({"nat64": (ip_network("2600::/60"),)}, "RFC 6052"),
    ],
)
def test_mistakes_are_told_in_one_line(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        config(**changes)
    assert "\n" not in str(caught.value)


def test_keys() -> None:
    # RFC 8489 §9.2.2
    keys = user_keys("user", "realm", "pass")
    assert keys.md5 == hashlib.md5(b"user:realm:pass").digest()
    assert keys.sha256 == hashlib.sha256(b"user:realm:pass").digest()
    assert repr(keys) == "UserKeys(...)"
