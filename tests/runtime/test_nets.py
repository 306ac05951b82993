"""Test runs beside each other have loopback networks of their own."""

from __future__ import annotations

from tests.runtime.loopback_pair import NET as PAIRS
from tests.runtime.nets import NET, claim
from tests.runtime.rig import CORE


def test_two_claims_never_meet() -> None:
    claims = [claim() for _ in range(5)]
    try:
        nets = [net for net, _ in claims]
        assert len({NET, *nets}) == 6
        first, held = claims.pop()
        held.close()
        again, held = claim()
        claims.append((again, held))
        assert again == first, "what was let go of is free"
    finally:
        for _, held in claims:
            held.close()


def test_all_helpers_share_the_claim() -> None:
    assert PAIRS == NET and CORE.startswith(f"{NET}.")
