"""The listeners of a node as table and JSON."""

from __future__ import annotations

import json

import pytest
from deployments import RECORD

from seaway.catalog.deployment import load_deployment
from seaway.catalog.resolve import resolve
from seaway.catalog.views.listeners import render_listeners

DUAL = resolve(load_deployment(RECORD / "first-call.toml"))


def test_table_and_json_list_the_same_listeners() -> None:
    expected = [each.row.id for each in DUAL.listeners("edge1")]
    assert [line.split()[0] for line in render_listeners(DUAL, "edge1", width=1000).splitlines()[1:]] == expected
    records = json.loads(render_listeners(DUAL, "edge1", "json"))
    assert [each["row"] for each in records] == expected
    (tls,) = [each for each in records if each["row"] == "T11-07"]
    assert (tls["address"], tls["ports"], tls["security"], tls["public"]) == ("203.0.113.20", "5061", "tls", None)


def test_an_unknown_node_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        render_listeners(DUAL, "nobody")
