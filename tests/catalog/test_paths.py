"""Which firewalls stand between two segments."""

from __future__ import annotations

import pytest
from deployments import FIREWALLS, make

from seaway.catalog.paths import crossed, passage, translator

BOTH = make()
NAT = make(firewalls=FIREWALLS + "nat = true\n")


@pytest.mark.parametrize(
    ("source", "destination", "path"),
    [
        ("internal", "internal", ()),
        ("internal", "dmz", ("inner",)),
        ("dmz", "internal", ("inner",)),
        ("dmz", "internet", ("outer",)),
        ("internet", "dmz.outer", ("outer",)),
        ("dmz.outer", "internet", ("outer",)),
        ("internal", "internet", ("inner", "outer")),
        ("internet", "internal", ("outer", "inner")),
        ("internal", "dmz.outer", ("inner", "outer")),
        ("dmz.outer", "internal", ("outer", "inner")),
        ("dmz", "dmz.outer", ()),
    ],
)
def test_path(source: str, destination: str, path: tuple[str, ...]) -> None:
    assert crossed(BOTH, source, destination) == path


def test_a_reflection_goes_through_the_translating_firewall() -> None:
    path = crossed(NAT, "internal", "dmz", reflected=True)
    assert path == ("inner", "outer")
    assert passage(NAT, path, "internal", "dmz") == {"inner": ("internal", "dmz"), "outer": ("dmz", "dmz")}
    assert passage(NAT, path[::-1], "dmz", "internal") == {"outer": ("dmz", "dmz"), "inner": ("dmz", "internal")}


def test_zones_on_the_way() -> None:
    through = passage(BOTH, ("inner", "outer"), "internal", "internet")
    assert through == {"inner": ("internal", "dmz"), "outer": ("dmz", "internet")}


def test_the_translator_is_the_firewall_with_nat() -> None:
    found = translator(NAT, ("inner", "outer"))
    assert found is not None and found.name == "outer"
    assert translator(NAT, ("inner",)) is None
    assert translator(BOTH, ("inner", "outer")) is None


def test_without_firewalls_nothing_is_crossed() -> None:
    assert crossed(make(firewalls=""), "internal", "internet") == ()
