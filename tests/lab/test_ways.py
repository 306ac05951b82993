"""The site with every way of signalling: its rows resolve in each variant, and no packet of theirs has two rows."""

from __future__ import annotations

from typing import get_args

import pytest

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.overlaps import overlaps
from seaway.catalog.resolve import resolve
from seaway.lab.expectations import EXPECTED
from seaway.lab.plan import Variant
from seaway.lab.ways import DIALLED, WAYS, ways_text, ways_users


@pytest.mark.parametrize("variant", get_args(Variant))
def test_every_row_of_the_site_resolves_and_is_unambiguous(variant: Variant) -> None:
    resolution = resolve(parse_deployment(ways_text(variant), "ways"))
    rows = {each.id for each in resolution.rows}
    assert rows >= {*WAYS, *DIALLED}
    for pair in overlaps(resolution):
        assert not {each.row.id for each in pair} & {*WAYS, *DIALLED}


def test_each_row_breaks_what_the_proof_expects() -> None:
    for row, feature in {**WAYS, **DIALLED}.items():
        assert EXPECTED[row] == {feature}


def test_every_phone_is_a_user_of_its_own() -> None:
    users = ways_users()
    assert len({each.name for each in users}) == len(users) == len(WAYS)
