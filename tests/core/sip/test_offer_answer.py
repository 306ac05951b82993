"""Offer and answer: one at a time, and how long glare waits (RFC 3264, RFC 3311, RFC 3261 §14.1)."""

from __future__ import annotations

import pytest

from seaway.core.sip.offer_answer import OfferAnswer, OfferState, glare_delay


def test_our_offer_open() -> None:
    offers = OfferAnswer()
    assert offers.may_offer and offers.refusal is None
    offers.offered()
    assert not offers.may_offer and offers.refusal == 491
    offers.answered()
    assert offers.may_offer and offers.done == 1


def test_their_offer_open() -> None:
    offers = OfferAnswer()
    offers.received_offer()
    assert not offers.may_offer and offers.refusal == 500
    offers.rolled_back()
    assert offers.state is OfferState.STABLE and offers.done == 0


def test_an_answer_to_nothing_counts_nothing() -> None:
    offers = OfferAnswer()
    offers.answered()
    assert offers.done == 0


@pytest.mark.parametrize(("owner", "low", "high"), [(True, 2.1, 4.0), (False, 0.0, 2.0)])
def test_glare(owner: bool, low: float, high: float) -> None:
    found = [glare_delay(owner, bytes((a, b))) for a in (0, 1, 100, 255) for b in (0, 7, 255)]
    assert min(found) == low and max(found) == high
    assert all(round(each * 100) == pytest.approx(each * 100) for each in found), "in steps of 10 ms"
