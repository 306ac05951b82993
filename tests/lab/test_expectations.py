"""What only follows from another failure is no root."""

from __future__ import annotations

import pytest

from seaway.catalog.load import load_catalog
from seaway.lab.expectations import EXPECTED, IMPLIED, Feature, roots


def test_a_lost_zone_explains_calls_and_media() -> None:
    broken = frozenset({Feature.ZONE, Feature.CALL_IN, Feature.CALL_OUT, Feature.AUDIO_IN})
    assert roots(broken) == {Feature.ZONE}


def test_things_that_fail_apart_stay_apart() -> None:
    broken = frozenset({Feature.NAMES_CORE, Feature.AUDIO_IN})
    assert roots(broken) == broken


def test_nothing_implies_itself() -> None:
    for feature in IMPLIED:
        assert feature in roots(frozenset({feature}))


@pytest.mark.parametrize("row", EXPECTED)
def test_each_expectation_is_about_a_row_and_names_roots(row: str) -> None:
    assert row in {each.id for each in (*load_catalog().rows, *load_catalog().own)}
    assert EXPECTED[row] and roots(EXPECTED[row]) == EXPECTED[row]
