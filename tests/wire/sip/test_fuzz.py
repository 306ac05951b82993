"""Mutated and random input for each parser alone: nothing but the allowed errors. `fuzz/wire.py` runs it for longer."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .targets import TARGETS, Target, attempt, mutate

ROUNDS = 400


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutants(target: Target) -> None:
    chance = random.Random(4475)
    refused = 0
    for _ in range(ROUNDS):
        refused += not attempt(target, mutate(chance, chance.choice(target.seeds)))
    # A run in which nothing is refused, or everything, would test nothing.
    assert 0 < refused < ROUNDS


@pytest.mark.parametrize("target", [each for each in TARGETS if each.name != "message"], ids=lambda target: target.name)
def test_seeds_are_good(target: Target) -> None:
    for seed in target.seeds:
        assert attempt(target, seed) or target.name in ("digits", "sdp", "stream")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_random_octets(target: Target) -> None:
    @given(st.binary(max_size=100))
    def run(data: bytes) -> None:
        attempt(target, data)

    run()


@pytest.mark.parametrize("target", [each for each in TARGETS if each.name != "stream"], ids=lambda target: target.name)
def test_long_runs_of_one_octet_take_linear_time(target: Target) -> None:
    # R70, at 100 KiB of each octet that some scanner stops at.
    begin = time.perf_counter()
    for octet in b'a,;"< \\>%@&=/:[]\t':
        for prefix in (b"", target.seeds[0], b'<sip:a@b>;x="', b"sip:"):
            attempt(target, prefix + bytes((octet,)) * 102_400)
    assert time.perf_counter() - begin < 10
