from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.core.turn.nonce import Nonces
from seaway.wire.stun.password_algorithm import nonce_cookie

COOKIE = nonce_cookie(algorithms=True, anonymity=False)
WALL = 1_800_000_000.0


def nonces(secret: bytes = b"s" * 16) -> Nonces:
    return Nonces(secret, 600.0, 0)


@pytest.mark.parametrize("cookie", [b"", COOKIE])
def test_good_for_its_lifetime(cookie: bytes) -> None:
    mint = nonces()
    nonce = mint.make("9.9.9.9", WALL, cookie)
    assert len(nonce) == len(cookie) + 20 and nonce.startswith(cookie)
    assert mint.until(nonce, "9.9.9.9", WALL) == WALL + 600
    assert mint.until(nonce, "9.9.9.9", WALL + 599.9) == WALL + 600
    assert mint.until(nonce, "9.9.9.9", WALL + 600) == 0
    assert mint.until(nonce, "9.9.9.9", WALL - 3) == 0  # made in the future
    assert nonces().until(nonce, "9.9.9.9", WALL)  # another worker, after a restart
    assert not nonces(b"t" * 16).until(nonce, "9.9.9.9", WALL)
    assert not mint.until(nonce, "9.9.9.8", WALL)


def test_every_changed_octet_is_noticed() -> None:
    mint = nonces()
    nonce = mint.make("9.9.9.9", WALL, COOKIE)
    for position in range(len(nonce)):
        for bit in range(8):
            changed = bytearray(nonce)
            changed[position] ^= 1 << bit
            assert not mint.until(bytes(changed), "9.9.9.9", WALL), (position, bit)


def test_r6_no_repeat() -> None:
    mint = nonces()
    assert len({mint.make("9.9.9.9", WALL) for _ in range(100_000)}) == 100_000


@given(st.binary(max_size=50))
def test_garbage_is_not_good(data: bytes) -> None:
    assert nonces().until(data, "9.9.9.9", WALL) == 0
    assert nonces().until(COOKIE + data, "9.9.9.9", WALL) == 0


def test_the_key_changes_each_hour() -> None:
    mint = nonces()
    assert mint._key(1) != mint._key(2)
    nonce = mint.make("9.9.9.9", 3600.0 * 1000 - 1)
    assert mint.until(nonce, "9.9.9.9", 3600.0 * 1000 + 10)
