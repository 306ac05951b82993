"""The figures for Prometheus after a real call, beside what the nodes' own views say of it."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from seaway.lab.session import Session
from seaway.lab.stage import Stage
from seaway.observe.metrics import VIEWS, exposition

_PACKETS = "seaway_rtp_packets_total"


def _figures(stage: Stage, node: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name -> label values, in the order of the labels' names -> value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(exposition({view: stage.pair.status(node, view) for view in VIEWS})):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_packets_of_a_call(stage: Stage, phones: Session) -> None:
    alice = phones.phones["alice"]
    before = {node: _figures(stage, node).get(_PACKETS, {}) for node in ("edge1", "core1")}
    mark = alice.mark()
    alice.dial("sip:bob@example.test")
    event = alice.wait("CALL_ESTABLISHED", "CALL_CLOSED", since=mark, patience=8.0)
    assert event is not None and event["type"] == "CALL_ESTABLISHED", event
    time.sleep(1.5)  # of talking
    during = {node: _figures(stage, node) for node in before}
    alice.hang_up()
    limit = time.monotonic() + 3.0
    while any(_figures(stage, node)["seaway_media_sessions"][()] for node in before) and time.monotonic() < limit:
        time.sleep(0.1)

    for node, row, leg in (("edge1", "T11-11", "plain"), ("core1", "T11-09", "probe")):
        figures = _figures(stage, node)
        assert during[node]["seaway_media_sessions"][()] == 1 == during[node]["seaway_calls"][()]
        assert during[node]["seaway_media_legs"][leg, row] == 1 and figures["seaway_media_legs"][leg, row] == 0
        assert during[node]["seaway_ports"]["media-pairs", "used"] >= 1
        jitter = during[node]["seaway_rtp_jitter_max_seconds"][leg, row]
        assert 0 < jitter < 0.1
        (call,) = stage.pair.status(node, "history")[-1:]
        (stream,) = call["media"]
        total = sum(figures[_PACKETS].values()) - sum(before[node].values())
        assert total == stream["from_a"]["packets"] + stream["from_b"]["packets"] > 100, (node, total, call)
