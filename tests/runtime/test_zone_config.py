"""Settings of zones: defaults by kind, what stands in the file reaches call control, mistakes are one line."""

from __future__ import annotations

import re

import pytest

from seaway.policy.zone_settings import AccessRule, ZoneSettings
from seaway.runtime.config import ConfigError
from tests.runtime.test_config import GOOD, parse
from tests.runtime.test_control_config import ZONE, build

NEIGHBOUR = '[[neighbour]]\nname = "cm"\naddresses = ["10.0.1.30", "10.0.1.31"]\n'


def test_defaults_are_those_of_the_kind() -> None:
    config = build("core1", ZONE + NEIGHBOUR + '[[dns_zone]]\nname = "internet"\n')
    assert config.traversal[0].settings == config.neighbours[0].settings == ZoneSettings()
    checked = ZoneSettings(authentication="check")
    assert config.default_zone.settings == config.local_zone == config.dns_zones[0].settings == checked


def test_settings_reach_call_control() -> None:
    text = """authentication = "treat-as-authenticated"
media_encryption = "force-encrypted"
ice = true
session_refresh = 900
minimum_session_refresh = 90
hop_count = 30
b2bua = true
allow_headers = ["X-Ticket", "P-Charge-Info"]
"""
    wanted = ZoneSettings(
        "treat-as-authenticated", "force-encrypted", True, 900, 90, 30, "always", ("x-ticket", "p-charge-info")
    )
    for table in (ZONE + text, NEIGHBOUR + text):
        config = build("core1", table)
        assert [each.settings for each in (*config.traversal, *config.neighbours)] == [wanted]
    assert build("core1", "[local_zone]\n" + text).local_zone == wanted
    assert build("core1", "[default_zone]\n" + text).default_zone.settings == wanted
    assert build("core1", '[[dns_zone]]\nname = "x"\n' + text).dns_zones[0].settings == wanted


def test_neighbours_are_monitored_unless_told_otherwise() -> None:
    assert build("core1", NEIGHBOUR).neighbours[0].monitor == 60.0
    assert build("core1", NEIGHBOUR + "monitor = 0\n").neighbours[0].monitor == 0.0


def test_access_rules_and_enum() -> None:
    text = """[[enum_zone]]
name = "numbers"
suffix = "E164.example"
[[default_zone.access]]
priority = 5
type = "suffix"
pattern = ".partner.example"
authentication = "do-not-check"
"""
    config = build("core1", text)
    assert config.enum_zones[0].suffix == "e164.example"
    assert config.default_zone.access == (AccessRule(5, "suffix", ".partner.example", authentication="do-not-check"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[dns_zone]]\nname = "pair"\n', "zone pair occurs twice"),
        ('[[dns_zone]]\nname = "local-zone"\n', r"dns_zone\.1\.name = \"local-zone\": means something else"),
        ('[[dns_zone]]\nname = "x"\ntransports = []\n', r"dns_zone\.1\.transports"),
        ('[[enum_zone]]\nname = "x"\nsuffix = "a b"\n', r"enum_zone\.1\.suffix = \"a b\": is not a domain"),
        ("[local_zone]\nhop_count = 0\n", r"local_zone\.hop_count = 0: "),
        ("[local_zone]\nhop_cuont = 5\n", r"hop_cuont = 5: unknown setting; did you mean 'hop_count'\?"),
        ('[local_zone]\nauthentication = "no"\n', r"local_zone\.authentication"),
        ("[local_zone]\nsession_refresh = 100\n", "minimum_session_refresh is above session_refresh"),
        ('[local_zone]\nallow_headers = ["Authorization"]\n', "is no header that is taken away"),
        ('[[default_zone.access]]\npriority = 1\ntype = "regex"\npattern = "("\n', r"access rule 1: no regular expr"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + text)
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
