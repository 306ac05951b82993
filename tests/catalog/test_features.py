"""The vocabulary: everything defined is used, and everything fits together."""

from __future__ import annotations

import pytest

from seaway.catalog.features import FEATURES, GROUPS, SETTINGS, SWITCHES
from seaway.catalog.grammar import parse
from seaway.catalog.load import load_catalog

ROWS = load_catalog().all


def test_every_feature_has_a_row_and_builds_on_features_without_a_circle() -> None:
    assert {row.feature for row in ROWS} == set(FEATURES)
    order = list(FEATURES)
    for name, feature in FEATURES.items():
        assert feature.name == name and feature.summary.endswith(".")
        assert all(order.index(below) < order.index(name) for below in feature.builds_on)


def test_every_setting_moves_a_row_and_has_a_readable_default() -> None:
    used = {side.effective.setting for row in ROWS for side in (row.source, row.destination)}
    assert used - {None} == set(SETTINGS)
    for setting in SETTINGS.values():
        if setting.default is not None:
            parse(setting.default)


@pytest.mark.parametrize("name", ["media", "media.even", "media.odd", "sip.source", "client.source", "relay"])
def test_rows_print_the_default_of_their_setting(name: str) -> None:
    texts = {
        side.effective.text for row in ROWS for side in (row.source, row.destination) if side.effective.setting == name
    }
    assert texts == {SETTINGS[name].default}


def test_every_switch_is_required_by_a_row_and_decides_its_default() -> None:
    assert {each for row in ROWS for each in row.requires} == set(SWITCHES)
    for row in ROWS:
        off = [each for each in row.requires if not each.startswith(("size=", "role=")) and not SWITCHES[each]]
        if off:
            assert not row.default_on, row.id


def test_every_choice_of_a_group_has_a_row() -> None:
    for group, choices in GROUPS.items():
        assert {row.choice for row in ROWS if row.group == group} == set(choices)
