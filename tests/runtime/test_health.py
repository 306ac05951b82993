"""The overview says what is wrong, and nothing when nothing is."""

from __future__ import annotations

import pytest

from seaway.runtime.health import OK, health

PAIR = {"name": "pair", "kind": "traversal-client", "state": "active"}
ALARM = {"id": "media-ports", "state": "raised"}


def test_a_node_that_is_well() -> None:
    zones = [PAIR, {"name": "cm", "kind": "neighbour", "state": "configured"}, {"name": "net", "kind": "dns"}]
    assert health(zones, [ALARM | {"state": "acknowledged"}], relay=True, overload=False) == OK


@pytest.mark.parametrize(
    ("zone", "alarms", "relay", "overload", "words"),
    [
        ({"state": "failed"}, [], True, False, "zone pair is failed (`seaway status zones`)"),
        ({"kind": "neighbour", "state": "failed"}, [], True, False, "zone pair is failed"),
        ({}, [ALARM], True, False, "raised: media-ports (`seaway alarms`)"),
        ({}, [ALARM] * 7, True, False, "and 2 more"),
        ({}, [], False, False, "the relay does not answer"),
        ({}, [], True, True, "overloaded"),
    ],
)
def test_what_is_wrong_is_said(
    zone: dict[str, object], alarms: list[dict[str, object]], relay: bool, overload: bool, words: str
) -> None:
    assert words in health([PAIR | zone], alarms, relay=relay, overload=overload)
