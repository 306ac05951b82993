"""Nonces: no repeat, no forgery, no state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.identity.nonce import NonceMint, NonceState

SECRET = b"0123456789abcdef"


def test_nonces_of_one_moment_differ() -> None:
    mint = NonceMint(SECRET)
    assert len({mint.make("192.0.2.1", 10.0) for _ in range(20_000)}) == 20_000


def test_every_flipped_bit_makes_it_foreign_or_expired() -> None:
    mint = NonceMint(SECRET)
    nonce = mint.make("192.0.2.1", 1000.0)
    for position in range(len(nonce)):
        changed = nonce[:position] + ("A" if nonce[position] != "A" else "B") + nonce[position + 1 :]
        if position == len(nonce) - 1:
            continue  # the last digit has unused bits
        assert mint.check(changed, "192.0.2.1", 1001.0).state is not NonceState.VALID, position


def test_a_key_of_another_secret_does_not_fit() -> None:
    nonce = NonceMint(SECRET).make("192.0.2.1", 1000.0)
    assert NonceMint(SECRET[::-1]).check(nonce, "192.0.2.1", 1000.0).state is NonceState.FOREIGN


def test_the_key_changes_each_hour_and_old_nonces_stay_valid_for_their_life() -> None:
    mint = NonceMint(SECRET, lifetime=300)
    nonce = mint.make("192.0.2.1", 3599.0)
    assert mint.check(nonce, "192.0.2.1", 3700.0).state is NonceState.VALID
    for hour in range(50):
        mint.make("192.0.2.1", hour * 3600.0)
    assert len(mint._keys) <= 4


def test_a_nonce_ahead_of_the_clock_is_foreign() -> None:
    mint = NonceMint(SECRET)
    assert mint.check(mint.make("192.0.2.1", 1000.0), "192.0.2.1", 10.0).state is NonceState.FOREIGN


@given(st.text(max_size=60))
def test_any_octets_are_answered(nonce: str) -> None:
    assert NonceMint(SECRET).check(nonce, "192.0.2.1", 1.0).state is NonceState.FOREIGN or len(nonce) == 38


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        NonceMint(b"short")
